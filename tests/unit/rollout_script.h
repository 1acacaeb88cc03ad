/*
 * rollout_script: plays a scenario in text against the rollout machine: each line is an event, what
 * the machine wants done follows it in lines that begin with "-- ".
 *
 *   fleet a1 | b1 [pause=first|each|none] [not-after=N]    one stage between bars; first of all
 *   start BY      restart      wait SECONDS (time-outs come when they are due)
 *   hello NODE says [N [INDEX [SECONDS]]]    says: never, prepared, trial, confirmed, reverting,
 *                              doubted: its disk lost how that ended; SECONDS: when it was asked
 *                              for; without: at the very beginning
 *   lost NODE     prepared NODE N     nonce NODE N M     refused NODE REASON...     expired NODE
 *   lasting NODE REASON...     refused, for good
 *   says SIGNER yes|no baseline|renewal|standing SUBJECT N
 *   receipt NODE KIND [N] [CAUSE REASON...]    CAUSE: failed, missing, aborted, ordered, rescued
 *   gates pass    gates no REASON...    next BY    abort BY REASON...
 *   emergency NODE|all BY REASON...     freeze NODE|fleet BY REASON...
 *   hold NODE|fleet BY REASON...          failing NODE REASON...
 *   removed NODE REASON...
 *   show          state, what it waits for, and each target in words
 *
 * N and M are nonces by number. Blank lines and lines with '#' are for readers.
 */
#ifndef TESTS_UNIT_ROLLOUT_SCRIPT_H
#define TESTS_UNIT_ROLLOUT_SCRIPT_H

#include <stdio.h>

#include "controller/core/rollout.h"

struct rollout_script {
    struct manifest manifest;
    struct rollout *rollout;
    struct rollout_effects *effects;
    struct rollout_record stored;
    mono_t now;
    uint8_t hellos;
    uint64_t indexes[NODES_MAX]; /* of receipts, by target */
    uint64_t rows;               /* of the table that were taken */
    char message[400];           /* what went wrong; "" nothing */
};

void rollout_script_init(struct rollout_script *script);
void rollout_script_done(struct rollout_script *script);

/* Plays one line and prints what it leads to; false with script->message set when the line is not
 * understood or a rule of the house is broken. */
bool rollout_script_play(struct rollout_script *script, const char *line, FILE *out);

#endif
