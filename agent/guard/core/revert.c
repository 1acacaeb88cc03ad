/*
 * revert: in which order what was touched is undone, and what a failed step holds up.
 */
#include "agent/guard/core/revert.h"

#include <assert.h>

static bool is_over(const struct revert_step *step)
{
    return !step->touched || step->outcome == REVERT_DONE || step->outcome == REVERT_LEFT;
}

bool revert_is_done(const struct revert *revert)
{
    for (uint32_t i = 0; i < revert->steps_count; i++) {
        if (!is_over(&revert->steps[i]))
            return false;
    }
    return true;
}

/* Also while it is tried once more. */
static bool has_failed(const struct revert_step *step)
{
    return step->touched && (step->outcome == REVERT_RETRY ||
                             (step->outcome == REVERT_RUNNING && step->retry_at != MONO_NEVER));
}

bool revert_is_held_up(const struct revert *revert)
{
    for (uint32_t i = 0; i < revert->steps_count; i++) {
        if (has_failed(&revert->steps[i]))
            return true;
    }
    return false;
}

static bool one_runs(const struct revert *revert)
{
    for (uint32_t i = 0; i < revert->steps_count; i++) {
        if (revert->steps[i].outcome == REVERT_RUNNING)
            return true;
    }
    return false;
}

/* docs/protocol.md rule 15: behind a failed step nothing is removed. A failed step itself may be
 * tried again, unless a newer one has failed too. */
static bool may_run(const struct revert *revert, uint32_t at, bool newer_failed, mono_t now)
{
    const struct revert_step *step = &revert->steps[at];

    if (is_over(step))
        return false;
    if (step->outcome == REVERT_RETRY && now < step->retry_at)
        return false;
    return !step->removes || !newer_failed;
}

/* What was not tried yet, then what waits longest: two that wait their time-outs out would have all
 * the turns, and leave none to what is only put back. */
static mono_t waits_since(const struct revert_step *step)
{
    return step->outcome == REVERT_RETRY ? step->retry_at : 0;
}

int revert_next(const struct revert *revert, mono_t now)
{
    bool newer_failed = false;
    int next = -1;

    if (one_runs(revert))
        return -1;
    for (uint32_t i = revert->steps_count; i-- > 0;) {
        const struct revert_step *step = &revert->steps[i];

        if (may_run(revert, i, newer_failed, now) &&
            (next < 0 || waits_since(step) < waits_since(&revert->steps[next])))
            next = (int)i;
        newer_failed |= step->touched && step->outcome == REVERT_RETRY;
    }
    return next;
}

/* Behind one that waits for its time nothing follows, though what only puts back might. */
static bool may_follow(const struct revert_step *step, bool held_up)
{
    return !held_up && step->touched && step->outcome == REVERT_WAITING;
}

static void begin(struct revert_step *step, mono_t now)
{
    step->outcome = REVERT_RUNNING;
    step->begun_at = now;
}

uint32_t revert_begin(struct revert *revert, uint32_t step, mono_t now)
{
    bool held_up = revert_is_held_up(revert);
    uint32_t more = 0;

    begin(&revert->steps[step], now);
    while (more < step && revert->steps[step - more].joined &&
           may_follow(&revert->steps[step - more - 1], held_up))
        begin(&revert->steps[step - ++more], now);
    return more;
}

void revert_end(struct revert *revert)
{
    for (uint32_t i = 0; i < revert->steps_count; i++) {
        if (revert->steps[i].outcome == REVERT_RUNNING)
            revert->steps[i].outcome = REVERT_WAITING;
    }
}

/* One that waited its two seconds for an answer is tried again soon: it has been held up enough. */
static mono_t retry_at(mono_t begun_at, mono_t now)
{
    return mono_max(mono_add(begun_at, REVERT_RETRY_MS), mono_add(now, REVERT_PAUSE_MS));
}

void revert_take(struct revert *revert, uint32_t step, enum revert_outcome outcome, mono_t now)
{
    assert(step < revert->steps_count);
    revert->steps[step].outcome = outcome;
    revert->steps[step].retry_at =
        outcome == REVERT_RETRY ? retry_at(revert->steps[step].begun_at, now) : MONO_NEVER;
}

/* What is held up waits for another step, not for time. */
mono_t revert_deadline(const struct revert *revert)
{
    mono_t deadline = MONO_NEVER;
    bool newer_failed = false;

    if (one_runs(revert))
        return MONO_NEVER;
    for (uint32_t i = revert->steps_count; i-- > 0;) {
        const struct revert_step *step = &revert->steps[i];

        if (!step->touched || step->outcome != REVERT_RETRY)
            continue;
        if (may_run(revert, i, newer_failed, step->retry_at))
            deadline = mono_min(deadline, step->retry_at);
        newer_failed = true;
    }
    return deadline;
}
