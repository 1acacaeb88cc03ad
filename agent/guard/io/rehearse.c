/*
 * rehearse: plays a plan through in an empty network namespace.
 */
#include "agent/guard/io/rehearse.h"

#include <stdlib.h>

#include "agent/guard/core/undo_plan.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/standin.h"
#include "common/core/mem.h"
#include "common/core/text.h"

struct play {
    const struct rehearse *asked;  /* borrowed */
    const struct standin *standin; /* borrowed */
    struct apply apply;            /* no tailscaled */
    uint32_t items_count;          /* of the operations that are played */
    struct undo_item *items;       /* operation: its number in the plan */
    bool *done;                    /* accepted, so it is to be taken back */
    struct rehearsal *rehearsal;   /* borrowed */
};

/* ---- before -----------------------------------------------------------------------------------
 */

static void derive_one(struct play *play, const struct operation *operation, uint32_t number,
                       const struct snapshot *now)
{
    struct undo_item *item = &play->items[play->items_count];

    undo_derive(operation, number, now, item);
    for (uint32_t i = 0; i < play->items_count; i++)
        undo_leave_to(item, &play->items[i]);
    play->items_count++;
}

/* What the host has and the kernel would not take here it would not take back there either. host:
 * as the earlier operations leave it. */
static bool check_has_object(const struct play *play, const struct operation *operation,
                             const struct snapshot *host, struct err *err)
{
    const struct undo_item *item = &play->items[play->items_count - 1];
    struct undo_item on_host;
    bool lacks;

    undo_derive(operation, item->operation, host, &on_host);
    lacks = on_host.existed && !item->existed;
    undo_item_done(&on_host);
    return !lacks || err_set(err, ERR_CONFLICT,
                             "what it touches could not be set up; of %u such "
                             "objects the first: %s",
                             play->standin->missing, play->standin->first);
}

static bool derive_on(struct play *play, uint32_t number, const struct snapshot *host,
                      struct snapshot *now, struct err *err)
{
    const struct operation *operation = &play->asked->operations[number];

    if (operation_unseen(operation) != NULL)
        return true;
    if (!operation_check(operation, now, err) || !apply_part_add(operation, now, err))
        return false;
    derive_one(play, operation, number, now);
    return check_has_object(play, operation, host, err);
}

/* As prepare does on the host: each on what the earlier ones leave. False: why. */
static bool derive(struct play *play, struct snapshot *now, struct err *err)
{
    struct snapshot host;
    bool good = true;

    snapshot_copy(&host, &play->asked->snapshot);
    for (uint32_t i = 0; good && i < play->asked->operations_count; i++) {
        good = derive_on(play, i, &host, now, err) ||
               err_wrap(err, "operation %u on the stand-in of the host", i + 1);
        undo_foresee(&play->asked->operations[i], &host);
        undo_foresee(&play->asked->operations[i], now);
    }
    snapshot_done(&host);
    return good;
}

/* Tailscale's half is the host's: there is none here. */
static bool read_and_derive(struct play *play, struct err *err)
{
    struct snapshot tailscale_only = {.tailscale = play->asked->snapshot.tailscale};
    struct snapshot now, copy;
    bool good;

    if (!apply_read(&play->apply, &now, err))
        return false;
    snapshot_copy(&copy, &tailscale_only);
    now.tailscale = copy.tailscale;
    good = derive(play, &now, err);
    snapshot_done(&now);
    return good;
}

/* ---- there ------------------------------------------------------------------------------------
 */

static void refuse(struct play *play, uint32_t operation, const char *why,
                   const struct standin *standin)
{
    char text[ERR_TEXT_SIZE];
    struct text out = TEXT_IN(text);

    text_add(&out, "%s", why);
    if (standin->missing > 0)
        text_add(&out, " (the stand-in lacks %u objects of the host; the first: %s)",
                 standin->missing, standin->first);
    rehearsal_set(play->rehearsal, operation, REHEARSED_REFUSED, text);
}

/* The first that is refused ends it, as in a trial. */
static void do_all(struct play *play, const struct standin *standin)
{
    bool going = true;

    for (uint32_t i = 0; i < play->items_count; i++) {
        struct undo_item *item = &play->items[i];
        struct err err = ERR_INIT;

        if (!going) {
            rehearsal_set(play->rehearsal, item->operation, REHEARSED_MISSED,
                          "an earlier operation was refused");
            continue;
        }
        going = apply_run(&play->apply, item, &err);
        play->done[i] = going;
        if (!going)
            refuse(play, item->operation, err.text, standin);
        else if (!item->has_after)
            refuse(play, item->operation, "the kernel accepted it, and it does not show", standin);
        else
            rehearsal_set(play->rehearsal, item->operation, REHEARSED_GOOD, "");
    }
}

/* ---- and back ---------------------------------------------------------------------------------
 */

static void stay(struct play *play, uint32_t i, const char *why)
{
    uint32_t operation = play->items[i].operation;

    if (play->rehearsal->operations[operation].outcome == REHEARSED_GOOD)
        rehearsal_set(play->rehearsal, operation, REHEARSED_STAYED, why);
}

/* Newest first; returns how many came back. The last round says what does not. */
static uint32_t undo_round(struct play *play, bool *back, bool last)
{
    uint32_t count = 0;

    for (uint32_t i = play->items_count; i-- > 0;) {
        char why[REASON_SIZE];

        if (back[i])
            continue;
        back[i] = apply_undo_of(&play->apply, &play->items[i], undo_plan_find_older(play->items, i),
                                why, sizeof(why)) == REVERT_DONE;
        count += back[i];
        if (last && !back[i])
            stay(play, i, why);
    }
    return count;
}

/* As the guard does: what needs something that an older one gives back is tried again. */
static void undo_all(struct play *play)
{
    AUTO_FREE bool *back = mem_alloc(play->items_count + 1, sizeof(*back));

    for (uint32_t i = 0; i < play->items_count; i++)
        back[i] = !play->done[i];
    while (undo_round(play, back, false) > 0) {
    }
    undo_round(play, back, true);
}

/* Nobody else is here: what is not as before is ours. */
static void look(struct play *play, const struct snapshot *now)
{
    for (uint32_t i = 0; i < play->items_count; i++) {
        struct undo_item part;
        char why[REASON_SIZE];

        if (!play->done[i])
            continue;
        if (undo_plan_judge(play->items, i, now, &part, why) != UNDO_RESTORED)
            stay(play, i, why);
        undo_item_done(&part);
    }
}

/* As the guard does: what could not come back while a newer operation's device was away is looked
 * at once more. */
static void verify(struct play *play)
{
    struct err err = ERR_INIT;
    struct snapshot now;

    apply_undo_again(&play->apply, play->items, play->items_count);
    if (apply_part_read_items(&play->apply, play->items, play->items_count, &now, &err)) {
        look(play, &now);
        snapshot_done(&now);
        return;
    }
    for (uint32_t i = 0; i < play->items_count; i++)
        stay(play, i, err.text);
}

/* ---- all --------------------------------------------------------------------------------------
 */

static void play_on(struct play *play, const struct standin *standin)
{
    struct err err = ERR_INIT;

    if (!read_and_derive(play, &err)) {
        rehearsal_miss(play->asked->operations, play->asked->operations_count, err.text,
                       play->rehearsal);
        return;
    }
    do_all(play, standin);
    undo_all(play);
    verify(play);
}

void rehearse_play(const struct rehearse *asked, struct rehearsal *ret_rehearsal)
{
    struct standin standin = {0};
    struct play play = {.asked = asked, .standin = &standin, .rehearsal = ret_rehearsal};
    struct err err = ERR_INIT;

    rehearsal_miss(asked->operations, asked->operations_count, "", ret_rehearsal);
    if (!standin_set(&asked->snapshot, &standin, &err)) {
        rehearsal_miss(asked->operations, asked->operations_count, err.text, ret_rehearsal);
        return;
    }
    play.items = mem_alloc(asked->operations_count, sizeof(*play.items));
    play.done = mem_alloc(asked->operations_count, sizeof(*play.done));
    play_on(&play, &standin);
    if (standin.missing > 0) {
        struct text text = TEXT_IN(ret_rehearsal->lacks);

        text_add(&text, "%u objects of the host could not be set up; the first: %s",
                 standin.missing, standin.first);
    }
    for (uint32_t i = 0; i < play.items_count; i++)
        undo_item_done(&play.items[i]);
    free(play.items);
    free(play.done);
}
