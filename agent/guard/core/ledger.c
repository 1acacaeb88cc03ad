/*
 * ledger: the guard's memory as the sum of its journal's records.
 */
#include "agent/guard/core/ledger.h"

#include <string.h>

#include "common/core/text.h"

void ledger_init(struct ledger *ledger)
{
    memset(ledger, 0, sizeof(*ledger));
}

/* ---- taking records ------------------------------------------------------------------------ */

static bool is_open_one(const struct ledger *ledger, const struct generation_id *id)
{
    return ledger->is_open && generation_id_equal(&ledger->open.id, id);
}

static const struct record_lift *find_lift(const struct record_begin *begin,
                                           const struct hash *receipt)
{
    for (uint32_t i = 0; i < begin->lifts_count; i++) {
        if (hash_equal(&begin->lifts[i].receipt, receipt))
            return &begin->lifts[i];
    }
    return NULL;
}

static void raise_sequence(struct ledger *ledger, const struct attempt *attempt)
{
    if (attempt->sequence > ledger->sequence) {
        ledger->sequence = attempt->sequence;
        ledger->sequence_body = attempt->body;
    }
}

/* RECEIPT_KIND_COUNT: of any kind. */
static void stop_waiting(struct ledger *ledger, const struct generation_id *id,
                         enum receipt_kind kind)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < ledger->waiting_count; i++) {
        const struct receipt *waiting = &ledger->waiting[i];

        if (!generation_id_equal(&waiting->generation, id) ||
            (kind != RECEIPT_KIND_COUNT && waiting->kind != kind))
            ledger->waiting[kept++] = *waiting;
    }
    ledger->waiting_count = kept;
}

/* Of one generation only its newest end is told; those of others wait. */
static void make_way(struct ledger *ledger, const struct generation_id *id)
{
    stop_waiting(ledger, id, RECEIPT_KIND_COUNT);
    if (ledger->owes && !generation_id_equal(&ledger->owed.generation, id) &&
        ledger->waiting_count < sizeof(ledger->waiting) / sizeof(ledger->waiting[0]))
        ledger->waiting[ledger->waiting_count++] = ledger->owed;
}

static void settle_debt(struct ledger *ledger, const struct receipt *receipt)
{
    if (!ledger->owes || ledger->owed.kind != receipt->kind ||
        !generation_id_equal(&ledger->owed.generation, &receipt->generation)) {
        stop_waiting(ledger, &receipt->generation, receipt->kind);
        return;
    }
    ledger->owes = ledger->waiting_count > 0;
    if (ledger->owes)
        ledger->owed = ledger->waiting[--ledger->waiting_count];
}

/* An end is durable from here on; its receipt is owed until it is durable too. */
static void owe(struct ledger *ledger, enum receipt_kind kind,
                const struct ledger_generation *generation, const struct guard_record *record)
{
    struct receipt *owed = &ledger->owed;

    make_way(ledger, generation != NULL ? &generation->id : &record->id);
    memset(owed, 0, sizeof(*owed));
    ledger->owes = true;
    owed->generation = record->id;
    owed->kind = kind;
    owed->cause = record->cause;
    text_copy(owed->reason, sizeof(owed->reason), record->reason);
    if (generation == NULL)
        return;
    owed->generation = generation->id;
    owed->soak_s = generation->soak_s;
    owed->objects_count = generation->begin.objects_count;
    memcpy(owed->objects, generation->begin.objects, sizeof(owed->objects));
}

/* Confirmed means applied to the end, also where the record of an intent was lost. */
static struct ledger_generation *push_open(struct ledger *ledger, unsigned soak_s)
{
    struct ledger_generation *top = &ledger->generations[ledger->generations_count++];

    *top = ledger->open;
    top->soak_s = soak_s;
    for (uint32_t i = 0; i < top->begin.operations_count; i++)
        top->touched[i] = true;
    ledger->is_open = false;
    return top;
}

/* Another one begins, so this one has ended, and the record of it was lost. Begun again it had
 * expired untouched; of what was being taken back only one end is possible; else it stays, in
 * doubt. */
static void take_lost_end(struct ledger *ledger, const struct generation_id *next)
{
    struct ledger_generation *open = &ledger->open;
    struct guard_record end = {.id = open->id, .cause = open->cause};

    text_copy(end.reason, sizeof(end.reason), open->reason);
    if (open->mark == MARK_REVERTING)
        owe(ledger, RECEIPT_REVERTED, open, &end);
    else if (!attempt_equal(&open->id.attempt, &next->attempt))
        push_open(ledger, 0)->in_doubt = true;
    ledger->is_open = false;
}

static void note_lifts(struct ledger *ledger, const struct record_begin *begin)
{
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        const struct record_lift *lift = find_lift(begin, &ledger->ends[i].receipt_hash);

        ledger->ends[i].answered |= lift != NULL;
        ledger->ends[i].lifted |= lift != NULL && lift->named;
    }
}

static void take_begin(struct ledger *ledger, const struct guard_record *record)
{
    if (is_open_one(ledger, &record->id) || ledger->generations_count == LEDGER_STACK_MAX)
        return;
    if (ledger->is_open)
        take_lost_end(ledger, &record->id);
    memset(&ledger->open, 0, sizeof(ledger->open));
    ledger->is_open = true;
    ledger->open.id = record->id;
    ledger->open.begin = record->begin;
    ledger->incomplete_told = false;
    raise_sequence(ledger, &record->id.attempt);
    note_lifts(ledger, &record->begin);
}

static void take_confirmed(struct ledger *ledger, const struct guard_record *record)
{
    if (is_open_one(ledger, &record->id) && ledger->generations_count < LEDGER_STACK_MAX)
        owe(ledger, RECEIPT_CONFIRMED, push_open(ledger, record->soak_s), record);
}

static void take_popped(struct ledger *ledger, const struct guard_record *record)
{
    const struct ledger_generation *top = ledger_top(ledger);

    if (top == NULL || !generation_id_equal(&top->id, &record->id))
        return;
    owe(ledger, RECEIPT_POPPED, top, record);
    ledger->generations_count--;
}

static void take_incomplete(struct ledger *ledger, const struct guard_record *record)
{
    const struct ledger_generation *generation =
        ledger->is_open ? &ledger->open : ledger_top(ledger);

    if (generation == NULL || !generation_id_equal(&generation->id, &record->id))
        return;
    owe(ledger, RECEIPT_INCOMPLETE, generation, record);
    ledger->incomplete_told = true;
}

static void take_reverted(struct ledger *ledger, const struct guard_record *record)
{
    if (!is_open_one(ledger, &record->id))
        return;
    owe(ledger, RECEIPT_REVERTED, &ledger->open, record);
    ledger->is_open = false;
}

static void take_tombstone(struct ledger *ledger, const struct guard_record *record)
{
    if (ledger->is_open && attempt_equal(&ledger->open.id.attempt, &record->id.attempt))
        ledger->is_open = false;
    owe(ledger, RECEIPT_TOMBSTONE, NULL, record);
}

static void note_mark(struct ledger *ledger, const struct guard_record *record)
{
    struct ledger_generation *at = NULL;

    if (is_open_one(ledger, &record->id))
        at = &ledger->open;
    else if (ledger->generations_count > 0)
        at = &ledger->generations[ledger->generations_count - 1];
    if (at == NULL || !generation_id_equal(&at->id, &record->id) || record->mark == MARK_INCOMPLETE)
        return;
    if (record->mark == MARK_POPPING && at->mark != MARK_POPPING)
        ledger->incomplete_told = false;
    at->mark = record->mark;
    at->cause = record->cause;
    text_copy(at->reason, sizeof(at->reason), record->reason);
}

/* Of two orders the deeper one. */
static void take_order(struct ledger *ledger, const struct record_order *order)
{
    const struct ledger_generation *named = ledger_find(ledger, &order->down_to);
    const struct ledger_generation *deepest = ledger_ordered(ledger);

    if (named == NULL || (deepest != NULL && deepest <= named))
        return;
    ledger->has_order = true;
    ledger->order = *order;
}

static void take_mark(struct ledger *ledger, const struct guard_record *record)
{
    note_mark(ledger, record);
    if (record->has_order)
        take_order(ledger, &record->order);
    switch (record->mark) {
    case MARK_CONFIRMED:
        take_confirmed(ledger, record);
        break;
    case MARK_REVERTED:
        take_reverted(ledger, record);
        break;
    case MARK_POPPED:
        take_popped(ledger, record);
        break;
    case MARK_INCOMPLETE:
        take_incomplete(ledger, record);
        break;
    case MARK_TOMBSTONE:
        take_tombstone(ledger, record);
        break;
    case MARK_EXPIRED:
        if (is_open_one(ledger, &record->id))
            ledger->is_open = false;
        break;
    case MARK_APPLIED:
    case MARK_CONFIRMING:
    case MARK_REVERTING:
    case MARK_POPPING:
    case MARK_COUNT:
        break;
    }
}

/* Its sequence is not begun any more; or it is a tombstone that was answered by an approval of a
 * lower one: sequences are signed in rising order, so none like it was signed when that was (docs/
 * protocol.md rules 5, 21). */
static bool is_past(const struct ledger *ledger, const struct ledger_end *end)
{
    uint64_t sequence = end->receipt.generation.attempt.sequence;

    return sequence < ledger->sequence ||
           (end->receipt.kind == RECEIPT_TOMBSTONE && end->answered && sequence > ledger->sequence);
}

/* What neither bars anything nor is asked for any more. */
static bool is_spent(const struct ledger *ledger, const struct ledger_end *end)
{
    if (!is_past(ledger, end) ||
        ledger_find_attempt(ledger, &end->receipt.generation.attempt) != NULL)
        return false;
    if (!receipt_is_end(&end->receipt))
        return true;
    return end->answered && (end->lifted || !receipt_quarantines(&end->receipt));
}

bool ledger_has_room(const struct ledger *ledger)
{
    if (ledger->ends_count < ENDS_MAX)
        return true;
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        if (is_spent(ledger, &ledger->ends[i]))
            return true;
    }
    return false;
}

bool ledger_may_bury(const struct ledger *ledger)
{
    uint32_t tombstones = 0;

    for (uint32_t i = 0; i < ledger->ends_count; i++)
        tombstones += ledger->ends[i].receipt.kind == RECEIPT_TOMBSTONE &&
                      !is_spent(ledger, &ledger->ends[i]);
    return tombstones < TOMBSTONES_MAX && ledger_has_room(ledger);
}

static void remove_end(struct ledger *ledger, uint32_t at)
{
    ledger->ends_count--;
    memmove(&ledger->ends[at], &ledger->ends[at + 1],
            (ledger->ends_count - at) * sizeof(ledger->ends[0]));
}

/* A generation has one receipt: its newest. Without room the oldest spent one goes; without a spent
 * one the oldest at all, which ledger_admits does not let come to pass. */
static void make_room(struct ledger *ledger, const struct generation_id *id)
{
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        if (generation_id_equal(&ledger->ends[i].receipt.generation, id)) {
            remove_end(ledger, i);
            return;
        }
    }
    if (ledger->ends_count < ENDS_MAX)
        return;
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        if (is_spent(ledger, &ledger->ends[i])) {
            remove_end(ledger, i);
            return;
        }
    }
    remove_end(ledger, 0);
}

/* A receipt follows the record of its end: while that is not known, it was lost. */
static void end_by_receipt(struct ledger *ledger, const struct receipt *receipt)
{
    const struct ledger_generation *top = ledger_top(ledger);
    bool is_open = is_open_one(ledger, &receipt->generation);

    if (receipt->kind == RECEIPT_POPPED && top != NULL &&
        generation_id_equal(&top->id, &receipt->generation))
        ledger->generations_count--;
    if (!is_open)
        return;
    if (receipt->kind == RECEIPT_CONFIRMED && ledger->generations_count < LEDGER_STACK_MAX)
        push_open(ledger, receipt->soak_s);
    else if (receipt->kind == RECEIPT_REVERTED || receipt->kind == RECEIPT_TOMBSTONE)
        ledger->is_open = false;
}

static void take_receipt(struct ledger *ledger, const struct guard_record *record)
{
    const struct receipt *receipt = &record->receipt.receipt;
    struct ledger_end *end;

    end_by_receipt(ledger, receipt);
    make_room(ledger, &receipt->generation);
    end = &ledger->ends[ledger->ends_count++];
    memset(end, 0, sizeof(*end));
    end->receipt = *receipt;
    end->receipt_hash = record->receipt.receipt_hash;
    if (receipt->index > ledger->receipt_index)
        ledger->receipt_index = receipt->index;
    settle_debt(ledger, receipt);
}

static void take_floor(struct ledger *ledger, const struct guard_record *record)
{
    if (record->floor.sequence > ledger->sequence)
        ledger->sequence = record->floor.sequence;
    if (record->floor.receipt_index > ledger->receipt_index)
        ledger->receipt_index = record->floor.receipt_index;
    if (record->floor.accepted || record->floor.time_floor > ledger->time_floor)
        ledger->time_floor = record->floor.time_floor;
}

/* Or a result, whose intent was lost. */
static void take_intent(struct ledger *ledger, const struct guard_record *record)
{
    for (uint32_t i = 0; is_open_one(ledger, &record->id) && i <= record->more; i++) {
        ledger->open.touched[record->operation + i] = true;
        ledger->open.joined[record->operation + i] = i > 0;
    }
}

/* What root declared void is passed over from here on, by whoever goes on with it. */
static void take_item(struct ledger *ledger, const struct guard_record *record)
{
    struct ledger_generation *at = is_open_one(ledger, &record->id) ? &ledger->open : NULL;

    for (uint32_t i = 0; i < ledger->generations_count && at == NULL; i++) {
        if (generation_id_equal(&ledger->generations[i].id, &record->id))
            at = &ledger->generations[i];
    }
    if (record->is_void && at != NULL && record->operation < OPERATIONS_MAX)
        at->touched[record->operation] = false;
}

/* Counts from a disk, before anything is indexed with them. */
static bool is_sound(const struct guard_record *record)
{
    if (record->kind == RECORD_BEGIN)
        return record->begin.operations_count <= OPERATIONS_MAX &&
               record->begin.objects_count <= RECORD_OBJECTS_MAX &&
               record->begin.lifts_count <= LIFTS_MAX;
    if (record->kind == RECORD_INTENT || record->kind == RECORD_RESULT)
        return record->operation < OPERATIONS_MAX &&
               record->more < OPERATIONS_MAX - record->operation;
    if (record->kind == RECORD_RECEIPT)
        return record->receipt.receipt.objects_count <= RECORD_OBJECTS_MAX;
    return true;
}

void ledger_take(struct ledger *ledger, const struct guard_record *record)
{
    if (!is_sound(record))
        return;
    if (record->at > ledger->time_floor)
        ledger->time_floor = record->at;
    switch (record->kind) {
    case RECORD_FLOOR:
        take_floor(ledger, record);
        break;
    case RECORD_BEGIN:
        take_begin(ledger, record);
        break;
    case RECORD_INTENT:
    case RECORD_RESULT:
        take_intent(ledger, record);
        break;
    case RECORD_MARK:
        take_mark(ledger, record);
        break;
    case RECORD_RECEIPT:
        take_receipt(ledger, record);
        break;
    case RECORD_ITEM:
        take_item(ledger, record);
        break;
    case RECORD_KIND_COUNT:
        break;
    }
}

void ledger_doubt(struct ledger *ledger)
{
    for (uint32_t i = 0; ledger->is_open && i < ledger->open.begin.operations_count; i++)
        ledger->open.touched[i] = true;
}
