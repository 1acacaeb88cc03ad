/*
 * carry_work: what the trial machine wants of kernel and disk, to the threads and back as events.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/owned.h"
#include "agent/guard/io/seal.h"
#include "agent/guard/io/undo_text.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

/* ---- kernel --------------------------------------------------------------------------------- */

void carry_order(struct guard *guard, const struct work_order *order)
{
    struct backlog *backlog = &guard->backlog;
    size_t capacity = backlog->capacity;

    backlog->orders =
        mem_grow(backlog->orders, backlog->count, &capacity, sizeof(*backlog->orders));
    backlog->capacity = (uint32_t)capacity;
    backlog->orders[backlog->count++] = *order;
}

/* The flows of what is undone: from what is held, else from the body in the journal. */
static void fill_flows(struct guard *guard, struct work *work,
                       const struct journal_generation *kept)
{
    const char *node = guard->trial->node;
    const struct manifest_plan *plan;
    struct manifest manifest;
    struct err err = ERR_INIT;

    if (guard->held.has_manifest && generation_id_equal(&guard->held.id, &work->id)) {
        work_fill_flows(work, manifest_find_plan(&guard->held.manifest, node));
        return;
    }
    if (!owned_read_plan(kept, node, &manifest, &plan, &err)) {
        log_warning("flows are not verified: %s", err.text);
        return;
    }
    work_fill_flows(work, plan);
    manifest_done(&manifest);
}

static void fill_prepare(struct guard *guard, struct work *work)
{
    const struct manifest *manifest = &guard->held.manifest;

    work->prediction_waived = manifest->waived[WAIVE_PREDICTION];
    work->rehearse_socket = guard->config.rehearse_socket;
    work_fill_plan(work, manifest_find_plan(manifest, guard->trial->node));
}

static struct work *make_work(struct guard *guard, const struct work_order *order)
{
    struct work *work = work_new(order->kind, &order->id);
    struct journal_generation *kept = journal_find(guard->journal, &order->id);

    work->operation = order->operation;
    work->more = order->more;
    if (order->kind == WORK_PREPARE) {
        fill_prepare(guard, work);
    } else if (order->kind == WORK_APPLY || order->kind == WORK_UNDO) {
        if (kept == NULL)
            work->more = 0;
        if (kept == NULL || !work_fill_run(work, kept))
            log_error("operation %u: its undo is not in the journal", order->operation + 1);
    } else if (order->kind == WORK_FILES) {
        files_fill(guard, work);
    } else if (kept != NULL) {
        work_fill_items(work, kept);
        if (order->kind == WORK_VERIFY)
            work_keep_touched(work, &guard->trial->revert);
        fill_flows(guard, work, kept);
        work->again = order->operation != 0;
    }
    return work;
}

/* What is undone must not be put back by a look that began before, nor what is applied be
 * overwritten with what it takes the place of. */
static bool stands_against(struct guard *guard, const struct work_order *order)
{
    return (order->kind == WORK_APPLY || order->kind == WORK_UNDO) && keep_is_busy(guard);
}

void carry_pump(struct guard *guard)
{
    struct backlog *backlog = &guard->backlog;

    if (backlog->busy || backlog->count == 0 || stands_against(guard, &backlog->orders[0]))
        return;
    backlog->busy = true;
    worker_give_take(guard->worker, make_work(guard, &backlog->orders[0]));
    backlog->count--;
    memmove(&backlog->orders[0], &backlog->orders[1], backlog->count * sizeof(*backlog->orders));
}

/* ---- and back ------------------------------------------------------------------------------- */

static void take_prepared(struct guard *guard, struct work *work)
{
    static uint8_t removes[OPERATIONS_MAX];
    static bool persists[OPERATIONS_MAX], joins[OPERATIONS_MAX];
    struct held *held = &guard->held;
    struct guard_event ev = {.kind = ON_PREPARED};

    ev.prepared.ok = work->ok;
    ev.prepared.why = work->why;
    ev.prepared.attempt = work->id.attempt;
    if (work->ok && generation_id_equal(&held->id, &work->id) && held->items == NULL) {
        held->items = work->items;
        held->items_count = work->items_count;
        held->flows_held = work->flows_held;
        held->rehearsal = work->rehearsal;
        work->rehearsal = NULL;
        work->items = NULL;
        work->items_count = 0;
    }
    for (uint32_t i = 0; i < held->items_count && i < OPERATIONS_MAX; i++) {
        removes[i] = undo_removes(&held->items[i]);
        persists[i] = held->items[i].persists;
        joins[i] = i > 0 && undo_joins(&held->items[i], &held->items[i - 1]);
    }
    ev.prepared.operations_count = held->items_count;
    ev.prepared.removes = removes;
    ev.prepared.persists = persists;
    ev.prepared.joins = joins;
    guard_step(guard, &ev);
}

/* What was read back: the rest of an item is as it was given. */
static void put_after(struct journal_generation *kept, struct undo_item *item)
{
    struct undo_item *there = journal_generation_item(kept, item->operation);
    struct snapshot after = item->after, others = item->others;

    if (there == NULL)
        return;
    item->after = there->after; /* ended with the work */
    item->others = there->others;
    there->after = after;
    there->others = others;
    there->has_after = item->has_after;
}

/* Its After, also when the trial has been given up meanwhile: undo compares with it. */
static void take_applied(struct guard *guard, struct work *work)
{
    struct journal_generation *kept = journal_find(guard->journal, &work->id);
    struct guard_event ev = {.kind = ON_APPLIED};

    for (uint32_t i = 0; kept != NULL && i < work->items_count && i <= work->more; i++)
        put_after(kept, &work->items[i]);
    ev.applied.operation = work->operation;
    ev.applied.more = work->more;
    ev.applied.ok = work->ok;
    ev.applied.why = work->why;
    guard_step(guard, &ev);
}

static void render_item(struct guard *guard, const struct work *work, uint32_t operation,
                        char line[SENTENCE_SIZE])
{
    struct journal_generation *kept = journal_find(guard->journal, &work->id);
    const struct undo_item *item = kept != NULL ? journal_generation_item(kept, operation) : NULL;
    struct text text;

    text_init(&text, line, SENTENCE_SIZE);
    if (item != NULL)
        undo_render(item, &text);
}

/* Nothing is left to undo behind it: what the machine says then is of all that was undone. */
static bool is_last(const struct guard *guard, const struct work *work)
{
    struct revert after = guard->trial->revert;

    for (uint32_t i = 0; i <= work->more && work->operation - i < after.steps_count; i++)
        revert_take(&after, work->operation - i, work->outcome, clock_now());
    return revert_is_done(&after);
}

static void say_undone(struct guard *guard, const struct work *work)
{
    char line[SENTENCE_SIZE];

    for (uint32_t i = 0; work->outcome == REVERT_DONE && i <= work->more; i++) {
        render_item(guard, work, work->operation - i, line);
        log_info("undone: %s", line);
    }
}

/* What goes with it in one go is done. */
static void keep_why(struct guard *guard, const struct work *work)
{
    char *why = guard->undo_why[work->operation % OPERATIONS_MAX];
    char line[SENTENCE_SIZE];

    for (uint32_t i = 1; i <= work->more; i++)
        guard->undo_why[(work->operation - i) % OPERATIONS_MAX][0] = '\0';
    if (work->outcome != REVERT_DONE &&
        strncmp(why, work->why, sizeof(guard->undo_why[0]) - 1) != 0) {
        render_item(guard, work, work->operation, line);
        log_warning("%s: %s; %s", line, work->why,
                    work->outcome == REVERT_LEFT ? "left as it is" : "trying again every 2 s");
    }
    text_copy(why, sizeof(guard->undo_why[0]), work->outcome == REVERT_RETRY ? work->why : "");
}

static void take_undone(struct guard *guard, struct work *work)
{
    struct guard_event ev = {.kind = ON_UNDONE};
    bool last = is_last(guard, work);

    keep_why(guard, work);
    if (last)
        say_undone(guard, work);
    ev.undone.operation = work->operation;
    ev.undone.more = work->more;
    ev.undone.outcome = work->outcome;
    ev.undone.why = work->why;
    guard_step(guard, &ev);
    if (!last)
        say_undone(guard, work); /* the next are on their way meanwhile */
    /* What was to follow is owned again, and may have gone meanwhile. What is left as it is may be
     * a reboot's, not somebody's: the change below says what it is to be. */
    if (work->outcome == REVERT_RETRY || work->outcome == REVERT_LEFT)
        keep_want(guard, work->outcome == REVERT_LEFT);
}

enum { SETTLE_LAST_MS = 250 };

/* docs/protocol.md rule 6: looked at until the effects are there. Each look is short, so that an
 * undo does not wait; the last one says before the deadline what is missing. */
static bool is_settling(const struct guard *guard, const struct work *work)
{
    const struct trial *trial = guard->trial;

    return work->kind == WORK_SETTLE && trial->state == TRIAL_SETTLING &&
           generation_id_equal(&trial->id, &work->id) &&
           clock_now() + SETTLE_LAST_MS < trial_deadline(trial);
}

static void take_look(struct guard *guard, struct work *work)
{
    struct guard_event ev = {.kind = work->kind == WORK_SETTLE ? ON_SETTLED : ON_VERIFIED};

    ev.settled.ok = work->ok; /* one struct: settled and verified */
    ev.settled.why = work->why;
    ev.settled.others = work->ok ? work->why : NULL;
    if (!work->ok && !work->again)
        log_warning("%s: %s", work->kind == WORK_SETTLE ? "not settled" : "not as before",
                    work->why);
    if (work->ok && work->kind == WORK_VERIFY && work->why[0] != '\0')
        log_warning("taken back; %s", work->why);
    if (!work->ok && is_settling(guard, work))
        carry_order(guard, &(struct work_order){WORK_SETTLE, work->id, 1, 0});
    else
        guard_step(guard, &ev);
}

static void take_work(struct guard *guard, struct work *work)
{
    switch (work->kind) {
    case WORK_PREPARE:
        take_prepared(guard, work);
        break;
    case WORK_APPLY:
        take_applied(guard, work);
        break;
    case WORK_UNDO:
        take_undone(guard, work);
        break;
    case WORK_SETTLE:
    case WORK_VERIFY:
        take_look(guard, work);
        break;
    case WORK_FILES:
        files_take(guard, work);
        break;
    case WORK_ASSERT:
    case WORK_REHEARSE:
    case WORK_DRIFT: /* of other workers */
        break;
    }
}

void carry_take_work(struct guard *guard)
{
    struct work *work = worker_take(guard->worker);

    if (work == NULL)
        return;
    guard->backlog.busy = false;
    take_work(guard, work);
    work_free(work);
    carry_pump(guard);
}

/* ---- disk ----------------------------------------------------------------------------------- */

/* From here on the journal's memory has it, whatever becomes of the record. */
static struct journal_generation *make_generation(struct guard *guard,
                                                  const struct generation_id *id)
{
    struct journal_generation *generation = mem_alloc(1, sizeof(*generation));
    struct held *held = &guard->held;

    held->id = *id;
    generation->id = *id;
    generation->body.data = mem_copy(held->body.data, held->body.len);
    generation->body.len = held->body.len;
    generation->approval.data = mem_copy(held->approval.data, held->approval.len);
    generation->approval.len = held->approval.len;
    generation->items = held->items;
    generation->items_count = held->items_count;
    generation->flows_held = held->flows_held;
    held->items = NULL;
    held->items_count = 0;
    return generation;
}

static void fill_extra(struct guard *guard, struct write *write, struct journal_extra *extra,
                       struct wire_bytes *envelope)
{
    struct guard_record *record = &write->record;
    struct journal_generation *kept = journal_find(guard->journal, &record->id);

    if (record->kind == RECORD_BEGIN) {
        extra->generation = make_generation(guard, &record->id);
    } else if (record->kind == RECORD_RESULT && kept != NULL) {
        extra->items = journal_generation_item(kept, record->operation);
        extra->items_count = extra->items != NULL ? record->more + 1 : 0;
    } else if (record->kind == RECORD_RECEIPT) {
        *envelope = seal_receipt(record, guard->key);
        extra->envelope = wire_lend(envelope);
    }
}

/* The trial has begun and nothing was touched yet. */
static bool is_first_intent(const struct guard_record *record)
{
    return record->kind == RECORD_INTENT && record->operation == 0;
}

void carry_record(struct guard *guard, const struct guard_effect *effect)
{
    struct write *write = write_new(WRITE_RECORD);
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct journal_extra extra = {0};

    if (is_first_intent(&effect->record.record))
        undo_text_want(guard);
    write->number = effect->record.number;
    write->durable = effect->record.durable;
    write->record = effect->record.record;
    fill_extra(guard, write, &extra, &envelope);
    write->bytes = journal_encode(guard->journal, &write->record, &extra);
    journal_keep(guard->journal, &write->record, &extra);
    guard->written += write->bytes.len;
    writer_give_take(guard->writer, write);
}

/* What networkd made of it is known when it is applied. */
static bool has_file(struct guard *guard, const struct generation_id *id)
{
    const struct journal_generation *kept = journal_find(guard->journal, id);
    bool some = false;

    for (uint32_t i = 0; kept != NULL && i < kept->items_count; i++)
        some |= kept->items[i].change.kind == OPERATION_FILE;
    return some;
}

static bool changes_undo(struct guard *guard, const struct guard_record *record)
{
    if (record->kind == RECORD_MARK && record->mark == MARK_APPLIED)
        return undo_text_is_wanted(guard) || has_file(guard, &record->id);
    return record->kind == RECORD_MARK &&
           (record->mark == MARK_CONFIRMED || record->mark == MARK_REVERTED ||
            record->mark == MARK_POPPED);
}

static void take_record(struct guard *guard, struct write *write)
{
    struct guard_event ev = {.kind = ON_RECORDED};

    if (!write->ok && write->record.kind == RECORD_BEGIN)
        journal_drop(guard->journal, &write->record.id);
    ev.recorded.record = &write->record;
    ev.recorded.number = write->number;
    ev.recorded.ok = write->ok;
    ev.recorded.why = write->why;
    guard_step(guard, &ev);
    if (write->ok && changes_undo(guard, &write->record))
        undo_text_give(guard);
    if (write->ok && write->record.kind == RECORD_MARK && write->record.mark == MARK_CONFIRMED)
        files_want(guard);
}

static void take_synced(struct guard *guard, const struct write *write)
{
    struct guard_event ev = {.kind = ON_SYNCED};

    ev.synced.ok = write->ok;
    ev.synced.why = write->why;
    guard_step(guard, &ev);
}

void carry_take_written(struct guard *guard)
{
    struct write *write = writer_take(guard->writer);

    if (write == NULL)
        return;
    if (write->kind == WRITE_RECORD)
        take_record(guard, write);
    else if (write->kind == WRITE_SYNC)
        take_synced(guard, write);
    else if (write->kind == WRITE_TEXT)
        undo_text_take(guard, write);
    else if (!write->ok)
        log_warning("compacting: %s", write->why);
    write_free(write);
}
