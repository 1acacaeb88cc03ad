/*
 * revert: in which order what was touched is undone, and what a failed step holds up.
 *
 * Newest first. After the first step that fails, only what was removed is put back; nothing that
 * the change added is removed until that step has succeeded (docs/protocol.md rule 15). Shields are
 * applied first, so newest first takes them last. What failed is tried again in turns, behind what
 * was not tried yet.
 */
#ifndef AGENT_GUARD_CORE_REVERT_H
#define AGENT_GUARD_CORE_REVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/limits.h"
#include "common/core/mono.h"

enum revert_outcome {
    REVERT_WAITING,
    REVERT_RUNNING,
    REVERT_DONE,
    REVERT_LEFT,  /* changed by others meanwhile, or void: left as it is, and said */
    REVERT_RETRY, /* failed, or not answered: tried again later */
};

struct revert_step {
    bool touched; /* false: never applied, nothing to do */
    bool joined;  /* may be undone in one go with the one before it */
    bool removes; /* removes what the change added; false: puts back */
    enum revert_outcome outcome;
    mono_t begun_at, retry_at;
};

struct revert {
    uint32_t steps_count; /* in the order of application */
    struct revert_step steps[OPERATIONS_MAX];
};

/* From one beginning to the next; at least the pause behind an end, in which others get on. */
enum { REVERT_RETRY_MS = 2000, REVERT_PAUSE_MS = 250 };

/* The step to run now, or -1: one runs, all are done, or what is left waits. */
int revert_next(const struct revert *revert, mono_t now);

/* Begins that step, and as many older ones as it is joined with and may follow it at once, each if
 * those before it went well: all of them run. Returns how many more than the one. */
uint32_t revert_begin(struct revert *revert, uint32_t step, mono_t now);

/* Takes the outcome of a step. */
void revert_take(struct revert *revert, uint32_t step, enum revert_outcome outcome, mono_t now);

/* What was begun and has no outcome is as it was before: it waits. */
void revert_end(struct revert *revert);

bool revert_is_done(const struct revert *revert);
/* Some step has failed and not yet succeeded. */
bool revert_is_held_up(const struct revert *revert);
/* When revert_next may have something again; MONO_NEVER if no step waits for time. */
mono_t revert_deadline(const struct revert *revert);

#endif
