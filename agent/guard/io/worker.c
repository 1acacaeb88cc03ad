/*
 * worker: does the guard's kernel work in a thread of its own.
 */
#include "agent/guard/io/worker.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_plan.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/io/apply_drift.h"
#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/mailbox.h"
#include "agent/guard/io/prepare.h"
#include "common/core/mem.h"

enum { SETTLE_PACE_MS = 50 };

struct work *work_new(enum work_kind kind, const struct generation_id *id)
{
    struct work *work = mem_alloc(1, sizeof(*work));

    work->kind = kind;
    if (id != NULL)
        work->id = *id;
    return work;
}

void work_free(struct work *work)
{
    if (work == NULL)
        return;
    for (uint32_t i = 0; i < work->items_count; i++)
        undo_item_done(&work->items[i]);
    free(work->items);
    snapshot_done(&work->made);
    free(work->operations);
    free(work->rehearsal);
    free(work->lines);
    free(work);
}

void work_fill_flows(struct work *work, const struct manifest_plan *plan)
{
    if (plan == NULL)
        return;
    work->flows_count = plan->flows_count;
    memcpy(work->flows, plan->flows, sizeof(work->flows));
}

void work_fill_plan(struct work *work, const struct manifest_plan *plan)
{
    work_fill_flows(work, plan);
    work->operations_count = plan->operations_count;
    work->operations =
        mem_copy(plan->operations, plan->operations_count * sizeof(*plan->operations));
}

void work_fill_items(struct work *work, const struct journal_generation *generation)
{
    work->items = mem_alloc(generation->items_count, sizeof(*work->items));
    work->items_count = generation->items_count;
    work->flows_held = generation->flows_held;
    for (uint32_t i = 0; i < generation->items_count; i++)
        journal_copy_item(&work->items[i], &generation->items[i]);
}

void work_keep_touched(struct work *work, const struct revert *revert)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < work->items_count; i++) {
        uint32_t operation = work->items[i].operation;

        if (operation < revert->steps_count && revert->steps[operation].touched)
            work->items[kept++] = work->items[i];
        else
            undo_item_done(&work->items[i]);
    }
    work->items_count = kept;
}

/* Only what joins is done in one go: nothing else is copied for it. Of one that has no item it is
 * known only when it is its turn. */
static void fill_applied(struct work *work, struct journal_generation *generation)
{
    const struct undo_item *last = NULL;

    work->items = mem_alloc(work->more + 1, sizeof(*work->items));
    while (work->items_count <= work->more) {
        const struct undo_item *item =
            journal_generation_item(generation, work->operation + work->items_count);

        if (item == NULL || (last != NULL && !undo_joins(item, last)))
            break;
        journal_copy_item(&work->items[work->items_count++], item);
        last = item;
    }
    work->more = work->items_count > 0 ? work->items_count - 1 : 0;
}

static void fill_made(struct work *work, struct journal_generation *generation)
{
    const struct undo_item *item = journal_generation_item(generation, work->operation);
    uint32_t count = 0;

    while (item != NULL && undo_find_made(item) != NULL && count <= work->more) {
        const struct undo_item *older =
            journal_generation_item(generation, work->operation - ++count);

        undo_touch_take_route(&item->after, undo_find_made(item), &work->made);
        item = older != NULL && undo_joins(item, older) ? older : NULL;
    }
    work->more = count > 0 ? count - 1 : 0;
}

static void fill_undone(struct work *work, struct journal_generation *generation)
{
    const struct undo_item *item = journal_generation_item(generation, work->operation);
    const struct undo_item *older =
        item != NULL ? undo_plan_find_older(generation->items, (uint32_t)(item - generation->items))
                     : NULL;

    work->items = mem_alloc(2, sizeof(*work->items));
    if (item != NULL)
        journal_copy_item(&work->items[work->items_count++], item);
    if (older != NULL)
        journal_copy_item(&work->items[work->items_count++], older);
    if (work->more > 0)
        fill_made(work, generation);
}

bool work_fill_run(struct work *work, struct journal_generation *generation)
{
    if (work->kind == WORK_APPLY)
        fill_applied(work, generation);
    else
        fill_undone(work, generation);
    return work->items_count > 0;
}

/* ---- doing it ------------------------------------------------------------------------------- */

static void do_settle(const struct apply *apply, struct work *work, struct err *err)
{
    if (work->again)
        poll(NULL, 0, SETTLE_PACE_MS);
    work->ok = apply_is_settled(apply, work->items, work->items_count, err);
}

static bool is_restored(const struct apply *apply, const struct work *work, struct err *err)
{
    return apply_is_restored(apply, work->items, work->items_count, work->flows, work->flows_count,
                             work->flows_held, err);
}

static void do_verify(const struct apply *apply, struct work *work, struct err *err)
{
    work->ok = is_restored(apply, work, err);
    if (!work->ok && apply_undo_again(apply, work->items, work->items_count)) {
        *err = (struct err)ERR_INIT;
        work->ok = is_restored(apply, work, err);
    }
    if (work->ok)
        apply_tell_others(work->items, work->items_count, work->why, sizeof(work->why));
}

static void do_assert(const struct apply *apply, struct work *work, struct err *err)
{
    const struct apply kernel_only = {.tailscale_socket = NULL};

    (void)apply;
    work->put_back =
        apply_assert(&kernel_only, work->operations, work->operations_count, &work->pending, err);
    work->ok = err->kind == ERR_NONE;
}

/* One that fails holds up no other. */
static void do_files(const struct apply *apply, struct work *work, struct err *err)
{
    for (uint32_t i = 0; i < work->items_count; i++) {
        struct err refusal = ERR_INIT;
        bool left;

        if (!apply_file_keep(apply, &work->items[i], &left, &refusal))
            *err = refusal;
        else if (left && err->kind == ERR_NONE)
            snprintf(work->why, sizeof(work->why),
                     "file %s: changed by others since; it is left as it is",
                     work->items[i].change.file.path);
    }
    work->ok = err->kind == ERR_NONE;
}

static void do_apply(const struct apply *apply, struct work *work, struct err *err)
{
    uint32_t done = work->items_count;

    work->ok = done > 0 && apply_run_joined(apply, work->items, done, &done, err);
    work->more = done > 0 ? done - 1 : 0;
}

static void do_undo(const struct apply *apply, struct work *work)
{
    uint32_t done;

    if (work->items_count == 0) {
        work->outcome = REVERT_LEFT;
        memcpy(work->why, "its undo is not in the journal",
               sizeof("its undo is not in the journal"));
        return;
    }
    done = work->more > 0 ? apply_undo_as_made(&work->made) : 0;
    work->more = done > 0 ? done - 1 : 0;
    work->outcome = done > 0 ? REVERT_DONE
                             : apply_undo_of(apply, &work->items[0],
                                             work->items_count > 1 ? &work->items[1] : NULL,
                                             work->why, sizeof(work->why));
}

void work_do(const struct apply *apply, struct work *work)
{
    struct err err = ERR_INIT;

    switch (work->kind) {
    case WORK_PREPARE:
        work->ok = prepare_do(apply, work, &err);
        break;
    case WORK_APPLY:
        do_apply(apply, work, &err);
        break;
    case WORK_SETTLE:
        do_settle(apply, work, &err);
        break;
    case WORK_UNDO:
        do_undo(apply, work);
        break;
    case WORK_VERIFY:
        do_verify(apply, work, &err);
        break;
    case WORK_ASSERT:
        do_assert(apply, work, &err);
        break;
    case WORK_FILES:
        do_files(apply, work, &err);
        break;
    case WORK_REHEARSE:
        prepare_rehearse(apply, work);
        break;
    case WORK_DRIFT:
        work->lines = mem_alloc(APPLY_DRIFT_MAX, sizeof(*work->lines));
        work->lines_count = apply_find_drift(apply, work->operations, work->operations_count,
                                             &work->profile, work->lines);
        break;
    }
    if (err.kind != ERR_NONE)
        memcpy(work->why, err.text, sizeof(work->why));
}

/* ---- the thread ----------------------------------------------------------------------------- */

struct worker {
    struct apply apply;
    struct mailbox given, done;
};

static void *work_forever(void *context)
{
    struct worker *worker = context;

    for (;;) {
        struct work *work = mailbox_wait(&worker->given);

        work_do(&worker->apply, work);
        mailbox_put(&worker->done, work);
    }
    return NULL;
}

struct worker *worker_start(const struct apply *apply)
{
    struct worker *worker = mem_alloc(1, sizeof(*worker));

    worker->apply = *apply;
    mailbox_init(&worker->given);
    mailbox_init(&worker->done);
    mailbox_start_thread(work_forever, worker);
    return worker;
}

int worker_fd(const struct worker *worker)
{
    return worker->done.fd;
}

void worker_give_take(struct worker *worker, struct work *work)
{
    mailbox_put(&worker->given, work);
}

struct work *worker_take(struct worker *worker)
{
    return mailbox_poll(&worker->done);
}
