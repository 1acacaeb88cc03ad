/*
 * scenarios: the table of runs.
 */
#include <string.h>

#include "tests/crash/scenario.h"

/* clang-format off */
#define UP {PROGRAM_BOOT, 0, PHASE_BOOT}, {PROGRAM_TAILSCALED, 0, PHASE_BOOT}
#define GUARD(play, phase) {PROGRAM_GUARD, play, phase}
#define DO(program, phase) {program, 0, phase}
/* clang-format on */

#define SOAKING UP, GUARD(PLAY_SOAK, PHASE_BOOT)
#define STANDING UP, GUARD(PLAY_ASK, PHASE_BOOT)
#define STOP_POST SOAKING, DO(PROGRAM_STOP_POST, PHASE_STOP_POST), GUARD(PLAY_ASK, PHASE_STOP_POST)
#define REBOOT SOAKING, DO(PROGRAM_POWER, PHASE_BOOT), STANDING
#define RESCUE(program) STANDING, DO(program, PHASE_RESCUE), GUARD(PLAY_ASK, PHASE_RESCUE)
#define VOID                                                                                       \
    STANDING, DO(PROGRAM_GONE, PHASE_RESCUE), DO(PROGRAM_RESCUE, PHASE_RESCUE),                    \
        DO(PROGRAM_VOID, PHASE_RESCUE), GUARD(PLAY_ASK, PHASE_RESCUE)

#define VOID_DOWN                                                                                  \
    STANDING, DO(PROGRAM_GONE, PHASE_RESCUE), DO(PROGRAM_RESCUE_TO, PHASE_RESCUE),                 \
        DO(PROGRAM_VOID, PHASE_RESCUE), GUARD(PLAY_ASK, PHASE_RESCUE)

#define TAKES_BACK .confirmed_before = 1, .confirmed_after = 0
#define STANDS .confirmed_before = 1, .confirmed_after = 1
#define APART .is_apart = true, .is_brief = true
#define LINKS .ground = GROUND_LINKS, .is_brief = true
#define FROM(step, phase) .strike_from = step, .from_phase = phase

/* clang-format off */
const struct scenario scenarios[] = {
    {"confirm", .confirmed_after = 1, .steps = {UP, GUARD(PLAY_CONFIRM, PHASE_BOOT)}},
    {"revert", FROM(2, PHASE_REVERT), .steps = {UP, GUARD(PLAY_ABORT, PHASE_BOOT)}},
    {"stop-post", FROM(3, PHASE_BOOT), .steps = {STOP_POST}},
    {"restart", FROM(3, PHASE_BOOT), .steps = {SOAKING, GUARD(PLAY_ASK, PHASE_STOP_POST)}},
    {"reboot", FROM(3, PHASE_BOOT), .steps = {REBOOT}},
    {"stands", STANDS, .steps = {STANDING}},
    {"order", TAKES_BACK, FROM(2, PHASE_REVERT), .steps = {UP, GUARD(PLAY_ORDER, PHASE_BOOT)}},
    {"rescue", TAKES_BACK, FROM(3, PHASE_BOOT), .steps = {RESCUE(PROGRAM_RESCUE)}},

    {"tombstone", .is_brief = true, FROM(2, PHASE_PREPARE),
     .steps = {UP, GUARD(PLAY_TOMBSTONE, PHASE_BOOT)}},
    {"late-abort", .is_brief = true, STANDS, FROM(2, PHASE_REVERT),
     .steps = {UP, GUARD(PLAY_LATE_ABORT, PHASE_BOOT)}},
    {"pop", .is_brief = true, TAKES_BACK, FROM(2, PHASE_REVERT),
     .steps = {UP, GUARD(PLAY_POP, PHASE_BOOT)}},
    {"down", .is_brief = true, .takes_both = true, TAKES_BACK, FROM(3, PHASE_BOOT),
     .steps = {RESCUE(PROGRAM_RESCUE_TO)}},
    {"void", .is_brief = true, TAKES_BACK, FROM(4, PHASE_BOOT), .steps = {VOID}},
    {"void-down", .is_brief = true, .takes_both = true, TAKES_BACK, FROM(4, PHASE_BOOT),
     .steps = {VOID_DOWN}},

    {"apart-stop", APART, FROM(3, PHASE_BOOT), .steps = {STOP_POST}},
    {"apart-boot", APART, FROM(3, PHASE_BOOT), .steps = {REBOOT}},
    {"apart-rescue", APART, TAKES_BACK, FROM(3, PHASE_BOOT), .steps = {RESCUE(PROGRAM_RESCUE)}},

    {"l-confirm", LINKS, .confirmed_after = 1, FROM(2, PHASE_APPLY),
     .steps = {UP, GUARD(PLAY_CONFIRM, PHASE_BOOT)}},
    {"l-revert", LINKS, FROM(2, PHASE_REVERT), .steps = {UP, GUARD(PLAY_ABORT, PHASE_BOOT)}},
    {"l-stop-post", LINKS, FROM(3, PHASE_BOOT), .steps = {STOP_POST}},
    {"l-reboot", LINKS, FROM(3, PHASE_BOOT), .steps = {REBOOT}},
    {"l-stands", LINKS, STANDS, .steps = {STANDING}},
    {"l-rescue", LINKS, TAKES_BACK, FROM(3, PHASE_BOOT), .steps = {RESCUE(PROGRAM_RESCUE)}},
};
/* clang-format on */
const unsigned scenarios_count = sizeof(scenarios) / sizeof(scenarios[0]);

const struct scenario *scenario_find(const char *name)
{
    for (unsigned i = 0; i < scenarios_count; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    }
    return NULL;
}
