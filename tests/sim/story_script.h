/*
 * story_script: plays a story in text on a fleet of three nodes and a witness, in which nothing
 * fails and nobody does anything but what the script says; the model watches as always.
 *
 *   cuts NODE [from HOST]      the change cuts SSH to it, from everywhere or from there
 *   breaks NODE                the change breaks its own check
 *   wide                       the first word: every node behind the first is in one stage
 *   approve                    an operator approves the next attempt; the rollout starts
 *   change first|second|third  of which all words speak from there on; the second one puts its
 *                              route in the place of the first one's, the third is beside them
 *   without NODE               the change is not for it
 *   wait SECONDS               until NODE STATE | until rollout STATE
 *   next | abort | emergency [NODE] | freeze [NODE] | failing NODE
 *   order NODE [ATTEMPT]       signed: its top goes, or all down to that one
 *   older NODE ATTEMPT         its controller is to take that one back there, unsigned
 *   off NODE | on NODE         its power
 *   kill guard|agent NODE      start guard|agent NODE      kill controller | start controller
 *   cut NODE | connect NODE    from the controller         dials NODE no|yes
 *   blind NODE from HOST       SSH to it fails from there  sees NODE   again from everywhere
 *   lies HOST yes|no|never     what it says as a witness
 *   hangs NODE SECONDS         its disk                    stuck NODE SECONDS   nothing is undone
 *   full SECONDS               the controller's disk
 *   backup | restore           the controller's database; restore: it starts from the backup
 *   again                      what was signed behind a database that was put back is handed over
 *   gates no|await|pass
 *   stands NODE... | clean NODE...    has to be so
 *
 * Blank lines and lines with '#' are for readers.
 */
#ifndef TESTS_SIM_STORY_SCRIPT_H
#define TESTS_SIM_STORY_SCRIPT_H

#include "tests/sim/sim.h"

struct story_script {
    struct world *world;
    int change; /* what people speak of */
    struct rollout_record backup;
    char message[400]; /* what went wrong; "" nothing */
};

/* What is told goes to out. */
void story_script_init(struct story_script *script, FILE *out);
void story_script_done(struct story_script *script);

/* False with script->message set when the line is not understood, does not come true, or an
 * invariant breaks. */
bool story_script_play(struct story_script *script, const char *line);

#endif
