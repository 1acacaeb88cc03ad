/*
 * back: takes a plan back by the guard's own order, and verifies.
 */
#include <stdio.h>
#include <string.h>

#include "agent/guard/core/undo_plan.h"
#include "common/core/mem.h"
#include "tests/plans/play_parts.h"

enum { ROUNDS_MAX = 40, STEP_MS = 100 };

static void begin_revert(const struct play *play, struct revert *revert)
{
    memset(revert, 0, sizeof(*revert));
    revert->steps_count = play->items_count;
    for (uint32_t i = 0; i < play->items_count; i++) {
        revert->steps[i].touched = play->touched[i];
        revert->steps[i].joined = play->joined[i];
        revert->steps[i].removes = undo_removes(&play->items[i]);
        revert->steps[i].retry_at = MONO_NEVER;
    }
}

/* The last reason stays in why. */
static void undo_step(struct play *play, struct revert *revert, uint32_t step, mono_t now,
                      char why[REASON_SIZE])
{
    uint32_t more = revert_begin(revert, step, now);

    for (uint32_t i = 0; i <= more; i++) {
        enum revert_outcome outcome =
            apply_undo_of(&play->apply, &play->items[step - i],
                          undo_plan_find_older(play->items, step - i), why, REASON_SIZE);

        printf("  operation %u is %s: %s\n", play->plan.numbers[step - i],
               outcome == REVERT_DONE   ? "taken back"
               : outcome == REVERT_LEFT ? "left"
                                        : "to be tried again",
               why);
        revert_take(revert, step - i, outcome, now);
    }
}

/* again: by who died before the end of it was written down; what it finds is as before, which a
 * newer of two operations on one object may take for others' doing. */
bool play_undo(struct play *play, const char *which, bool again)
{
    struct revert revert;
    mono_t now = 1000;
    char why[REASON_SIZE] = "";

    printf("%s:\n", which);
    begin_revert(play, &revert);
    for (unsigned rounds = 0; rounds < ROUNDS_MAX && !revert_is_done(&revert); rounds++) {
        int step = revert_next(&revert, now);

        if (step >= 0) {
            undo_step(play, &revert, (uint32_t)step, now, why);
            continue;
        }
        dump_settle();
        now = mono_max(now + STEP_MS, revert_deadline(&revert));
    }
    for (uint32_t i = 0; i < play->items_count; i++) {
        if (!again && !play->meddled && revert.steps[i].touched &&
            revert.steps[i].outcome == REVERT_LEFT)
            return play_broken("%s: left although nobody else was there: operation %u", which,
                               play->plan.numbers[i]);
    }
    play->incomplete = play->meddled && !revert_is_done(&revert) &&
                       (strstr(why, "the kernel says") != NULL || strstr(why, "carrier") != NULL);
    return revert_is_done(&revert) || play->incomplete ||
           play_broken("%s: stays incomplete", which);
}

bool play_verify(const struct play *play)
{
    struct work *work = work_new(WORK_VERIFY, NULL);
    bool good;

    work->items = mem_alloc(play->items_count + 1, sizeof(*work->items));
    for (uint32_t i = 0; i < play->items_count; i++) {
        if (play->touched[i])
            journal_copy_item(&work->items[work->items_count++], &play->items[i]);
    }
    work_do(&play->apply, work);
    good = work->ok || play_broken("not verified: %s", work->why);
    if (good && work->why[0] != '\0')
        printf("told: %s\n", work->why);
    work_free(work);
    return good;
}
