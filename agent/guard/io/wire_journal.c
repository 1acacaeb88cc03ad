/*
 * wire_journal: between one record of the guard's journal and its bytes.
 */
#include "agent/guard/io/wire_journal.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_values.h"

#include "proto/journal.pb-c.h"

enum {
    OBJECT_SIZE = sizeof(((struct record_begin *)0)->objects[0]),
    OBJECTS_MAX = sizeof(((struct record_begin *)0)->objects) / OBJECT_SIZE,
};

void journal_entry_done(struct journal_entry *entry)
{
    if (entry->generation != NULL)
        journal_generation_done(entry->generation);
    free(entry->generation);
    wire_bytes_done(&entry->envelope);
    for (uint32_t i = 0; i < entry->items_count; i++)
        undo_item_done(&entry->items[i]);
    free(entry->items);
    memset(entry, 0, sizeof(*entry));
}

/* ---- putting ----------------------------------------------------------------------------------
 */

static Oceanid__UndoItem *put_item(struct arena *arena, const struct undo_item *from)
{
    Oceanid__UndoItem *to = wire_new(arena, Oceanid__UndoItem, oceanid__undo_item__init);

    to->operation = from->operation;
    to->change = wire_put_operation(arena, &from->change);
    to->existed = from->existed;
    to->before = wire_put_snapshot(arena, &from->before, true);
    if (from->has_after)
        to->after = wire_put_snapshot(arena, &from->after, true);
    to->shield = from->shield;
    to->persists = from->persists;
    if (from->others.addresses_count > 0 || from->others.routes_count > 0)
        to->others = wire_put_snapshot(arena, &from->others, false);
    return to;
}

static Oceanid__UndoItem **put_items(struct arena *arena, const struct undo_item *from,
                                     uint32_t count)
{
    Oceanid__UndoItem **to = arena_alloc(arena, count, sizeof(*to));

    for (uint32_t i = 0; i < count; i++)
        to[i] = put_item(arena, &from[i]);
    return to;
}

static Oceanid__Kept *put_kept(struct arena *arena, const struct journal_generation *from)
{
    Oceanid__Kept *to = wire_new(arena, Oceanid__Kept, oceanid__kept__init);

    to->id = wire_put_generation_id(arena, &from->id);
    to->body = wire_put_bytes(from->body.data, from->body.len);
    to->approval = wire_put_signed(arena, wire_lend(&from->approval));
    to->n_undo = from->items_count;
    to->undo = put_items(arena, from->items, from->items_count);
    to->flows_held = from->flows_held;
    return to;
}

static Oceanid__Begin *put_begin(struct arena *arena, const struct record_begin *from,
                                 const struct journal_extra *extra)
{
    Oceanid__Begin *to = wire_new(arena, Oceanid__Begin, oceanid__begin__init);

    to->change = wire_put_string(from->change);
    to->not_after = from->not_after;
    to->removes = wire_put_bytes(from->removes, from->operations_count);
    to->n_objects = from->objects_count;
    to->objects = wire_put_rows(arena, from->objects[0], OBJECT_SIZE, from->objects_count);
    to->n_lifts = from->lifts_count;
    to->lifts = wire_new_list(arena, Oceanid__Lifted, oceanid__lifted__init, from->lifts_count);
    for (uint32_t i = 0; i < from->lifts_count; i++) {
        to->lifts[i]->receipt = wire_put_bytes(from->lifts[i].receipt.bytes, HASH_SIZE);
        to->lifts[i]->named = from->lifts[i].named;
    }
    if (extra->generation != NULL)
        to->kept = put_kept(arena, extra->generation);
    return to;
}

static Oceanid__Floor *put_floor(struct arena *arena, const struct record_floor *from)
{
    Oceanid__Floor *to = wire_new(arena, Oceanid__Floor, oceanid__floor__init);

    to->time_floor = from->time_floor;
    to->accepted = from->accepted;
    to->sequence = from->sequence;
    to->receipt_index = from->receipt_index;
    return to;
}

static Oceanid__Intent *put_intent(struct arena *arena, const struct guard_record *from)
{
    Oceanid__Intent *to = wire_new(arena, Oceanid__Intent, oceanid__intent__init);

    to->operation = from->operation;
    to->more = from->more;
    return to;
}

static Oceanid__Result *put_result(struct arena *arena, const struct guard_record *from,
                                   const struct journal_extra *extra)
{
    Oceanid__Result *to = wire_new(arena, Oceanid__Result, oceanid__result__init);

    to->operation = from->operation;
    to->ok = from->ok;
    to->reason = wire_put_text(arena, from->reason);
    to->more = from->more;
    if (extra->items_count == 1) {
        to->item = put_item(arena, &extra->items[0]);
        return to;
    }
    to->n_items = extra->items_count;
    to->items = put_items(arena, extra->items, extra->items_count);
    return to;
}

static Oceanid__Down *put_order(struct arena *arena, const struct record_order *from)
{
    Oceanid__Down *to = wire_new(arena, Oceanid__Down, oceanid__down__init);

    to->to = wire_put_generation_id(arena, &from->down_to);
    to->cause = from->cause;
    to->reason = wire_put_text(arena, from->reason);
    return to;
}

static Oceanid__Mark *put_mark(struct arena *arena, const struct guard_record *from)
{
    Oceanid__Mark *to = wire_new(arena, Oceanid__Mark, oceanid__mark__init);

    to->kind = wire_put_string(mark_name(from->mark));
    to->cause = from->cause;
    to->reason = wire_put_text(arena, from->reason);
    to->soak_s = from->soak_s;
    if (from->has_order)
        to->order = put_order(arena, &from->order);
    return to;
}

static Oceanid__Item *put_undone(struct arena *arena, const struct guard_record *from)
{
    Oceanid__Item *to = wire_new(arena, Oceanid__Item, oceanid__item__init);

    to->operation = from->operation;
    to->more = from->more;
    to->ok = from->ok;
    to->reason = wire_put_text(arena, from->reason);
    to->void_ = from->is_void;
    return to;
}

static void put_record(struct arena *arena, Oceanid__JournalRecord *to,
                       const struct guard_record *from, const struct journal_extra *extra)
{
    switch (from->kind) {
    case RECORD_FLOOR:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_FLOOR;
        to->floor = put_floor(arena, &from->floor);
        break;
    case RECORD_BEGIN:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_BEGIN;
        to->begin = put_begin(arena, &from->begin, extra);
        break;
    case RECORD_INTENT:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_INTENT;
        to->intent = put_intent(arena, from);
        break;
    case RECORD_RESULT:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_RESULT;
        to->result = put_result(arena, from, extra);
        break;
    case RECORD_MARK:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_MARK;
        to->mark = put_mark(arena, from);
        break;
    case RECORD_ITEM:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_ITEM;
        to->item = put_undone(arena, from);
        break;
    case RECORD_RECEIPT:
        to->kind_case = OCEANID__JOURNAL_RECORD__KIND_RECEIPT;
        to->receipt = wire_put_signed(arena, extra->envelope);
        break;
    case RECORD_KIND_COUNT:
        break;
    }
}

struct wire_bytes wire_encode_journal(const struct guard_record *record, uint64_t number,
                                      const char *boot_id, const struct journal_extra *extra)
{
    static const struct journal_extra nothing;
    AUTO_ARENA struct arena arena;
    Oceanid__JournalRecord to = OCEANID__JOURNAL_RECORD__INIT;

    arena_init(&arena, SIZE_MAX);
    to.number = number;
    to.boot_id = wire_put_text(&arena, boot_id);
    to.at = record->at;
    if (record->kind != RECORD_FLOOR)
        to.id = wire_put_generation_id(&arena, &record->id);
    put_record(&arena, &to, record, extra != NULL ? extra : &nothing);
    return wire_pack(&to.base);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_number(uint32_t *to, uint32_t from, struct err *err)
{
    *to = from;
    return wire_take_range(from, OPERATIONS_MAX - 1, "operation", err);
}

/* The snapshots are initialised (zero is empty) before anything can fail. */
static bool take_item(struct undo_item *to, const Oceanid__UndoItem *from, struct err *err)
{
    to->existed = from->existed;
    to->shield = from->shield;
    to->persists = from->persists;
    to->has_after = from->after != NULL;
    return take_number(&to->operation, from->operation, err) &&
           wire_take_operation(&to->change, from->change, err) &&
           wire_take_snapshot(&to->before, from->before, true, err) &&
           (from->after == NULL || wire_take_snapshot(&to->after, from->after, true, err)) &&
           (from->others == NULL || wire_take_snapshot(&to->others, from->others, false, err));
}

static bool take_items(struct undo_item **to, uint32_t *to_count, Oceanid__UndoItem *const *from,
                       size_t count, struct err *err)
{
    if (!wire_take_count(count, OPERATIONS_MAX, "undo items", err))
        return false;
    *to = mem_alloc(count, sizeof(**to));
    *to_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!take_item(&(*to)[i], from[i], err))
            return err_wrap(err, "undo item %zu", i);
    }
    return true;
}

/* more: of others before it. */
static bool take_numbers(struct guard_record *to, uint32_t operation, uint32_t more, bool before,
                         struct err *err)
{
    to->more = more;
    return take_number(&to->operation, operation, err) &&
           wire_take_range(more, before ? operation : OPERATIONS_MAX - 1 - operation,
                           "operations in one go with it", err);
}

static bool take_kept(struct journal_entry *to, const Oceanid__Kept *from, struct err *err)
{
    if (from == NULL)
        return true;
    to->generation = mem_alloc(1, sizeof(*to->generation));
    to->generation->flows_held = from->flows_held;
    to->generation->body = wire_copy(&from->body);
    to->generation->approval = wire_copy_signed(from->approval);
    return wire_take_generation_id(&to->generation->id, from->id, err) &&
           take_items(&to->generation->items, &to->generation->items_count, from->undo,
                      from->n_undo, err);
}

static bool take_lifts(struct record_begin *to, const Oceanid__Begin *from, struct err *err)
{
    if (!wire_take_count(from->n_lifts, LIFTS_MAX, "lifts", err))
        return false;
    for (size_t i = 0; i < from->n_lifts; i++) {
        to->lifts[i].named = from->lifts[i]->named;
        if (!wire_take_fixed(to->lifts[i].receipt.bytes, HASH_SIZE, &from->lifts[i]->receipt,
                             "receipt", err))
            return false;
    }
    to->lifts_count = (uint32_t)from->n_lifts;
    return true;
}

static bool take_removes(struct record_begin *to, const Oceanid__Begin *from, struct err *err)
{
    if (!wire_take_count(from->removes.len, OPERATIONS_MAX, "operations", err))
        return false;
    for (size_t i = 0; i < from->removes.len; i++) {
        to->removes[i] = from->removes.data[i];
        if (!wire_take_range(to->removes[i], 1, "operation that removes", err))
            return false;
    }
    to->operations_count = (uint32_t)from->removes.len;
    return true;
}

static bool take_begin(struct journal_entry *to, const Oceanid__Begin *from, struct err *err)
{
    struct record_begin *begin = &to->record.begin;
    struct wire_rows objects = {begin->objects[0], OBJECT_SIZE, OBJECTS_MAX, "object", false};

    to->record.kind = RECORD_BEGIN;
    begin->not_after = from->not_after;
    return wire_take_name(begin->change, from->change, "change", err) &&
           take_removes(begin, from, err) &&
           wire_take_rows(&objects, &begin->objects_count, from->objects, from->n_objects, err) &&
           take_lifts(begin, from, err) && take_kept(to, from->kept, err);
}

static bool take_floor(struct guard_record *to, const Oceanid__Floor *from)
{
    to->kind = RECORD_FLOOR;
    to->floor = (struct record_floor){from->time_floor, from->sequence, from->receipt_index,
                                      from->accepted != 0};
    return true;
}

static bool take_result(struct journal_entry *to, const Oceanid__Result *from, struct err *err)
{
    bool alone = from->item != NULL;

    to->record.kind = RECORD_RESULT;
    to->record.ok = from->ok;
    return take_numbers(&to->record, from->operation, from->more, false, err) &&
           wire_take_line(to->record.reason, REASON_SIZE, from->reason, "reason", err) &&
           take_items(&to->items, &to->items_count, alone ? &from->item : from->items,
                      alone ? 1 : from->n_items, err);
}

static bool take_order(struct guard_record *to, const Oceanid__Down *from, struct err *err)
{
    to->has_order = from != NULL;
    if (from == NULL)
        return true;
    to->order.cause = (enum end_cause)from->cause;
    return wire_take_range(from->cause, CAUSE_COUNT - 1, "cause of an order", err) &&
           wire_take_generation_id(&to->order.down_to, from->to, err) &&
           wire_take_line(to->order.reason, REASON_SIZE, from->reason, "reason", err);
}

static bool take_mark(struct guard_record *to, const Oceanid__Mark *from, struct err *err)
{
    to->kind = RECORD_MARK;
    to->soak_s = from->soak_s;
    to->cause = (enum end_cause)from->cause;
    if (!mark_parse(from->kind, &to->mark))
        return err_set(err, ERR_INPUT, "mark of a kind that is not known");
    return wire_take_range(from->cause, CAUSE_COUNT - 1, "cause", err) &&
           wire_take_line(to->reason, sizeof(to->reason), from->reason, "reason", err) &&
           take_order(to, from->order, err);
}

static bool take_undone(struct guard_record *to, const Oceanid__Item *from, struct err *err)
{
    to->kind = RECORD_ITEM;
    to->ok = from->ok;
    to->is_void = from->void_;
    return take_numbers(to, from->operation, from->more, true, err) &&
           wire_take_line(to->reason, sizeof(to->reason), from->reason, "reason", err);
}

static bool take_receipt(struct journal_entry *to, const Oceanid__Signed *from, struct err *err)
{
    struct record_receipt *receipt = &to->record.receipt;

    to->record.kind = RECORD_RECEIPT;
    return wire_take_signed(&to->envelope, from, "receipt", err) &&
           wire_decode_receipt(wire_lend(&to->envelope), &receipt->receipt, err) &&
           wire_payload_hash(wire_lend(&to->envelope), &receipt->receipt_hash, err);
}

static bool take_kind(struct journal_entry *to, const Oceanid__JournalRecord *from, struct err *err)
{
    switch (from->kind_case) {
    case OCEANID__JOURNAL_RECORD__KIND_FLOOR:
        return take_floor(&to->record, from->floor);
    case OCEANID__JOURNAL_RECORD__KIND_BEGIN:
        return take_begin(to, from->begin, err);
    case OCEANID__JOURNAL_RECORD__KIND_INTENT:
        to->record.kind = RECORD_INTENT;
        return take_numbers(&to->record, from->intent->operation, from->intent->more, false, err);
    case OCEANID__JOURNAL_RECORD__KIND_RESULT:
        return take_result(to, from->result, err);
    case OCEANID__JOURNAL_RECORD__KIND_MARK:
        return take_mark(&to->record, from->mark, err);
    case OCEANID__JOURNAL_RECORD__KIND_ITEM:
        return take_undone(&to->record, from->item, err);
    case OCEANID__JOURNAL_RECORD__KIND_RECEIPT:
        return take_receipt(to, from->receipt, err);
    case OCEANID__JOURNAL_RECORD__KIND__NOT_SET:
    case _OCEANID__JOURNAL_RECORD__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "it is of a kind that is not known");
    }
}

static bool take_record(struct journal_entry *to, const Oceanid__JournalRecord *from,
                        struct err *err)
{
    to->number = from->number;
    to->record.at = from->at;
    if (!wire_take_line(to->boot_id, sizeof(to->boot_id), from->boot_id, "boot id", err))
        return false;
    if (from->kind_case != OCEANID__JOURNAL_RECORD__KIND_FLOOR &&
        !wire_take_generation_id(&to->record.id, from->id, err))
        return false;
    return take_kind(to, from, err);
}

bool wire_decode_journal(struct bytes from, struct journal_entry *ret_entry, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__JournalRecord *message = wire_unpack(&arena, &oceanid__journal_record__descriptor,
                                                  from, JOURNAL_RECORD_SIZE_MAX, err);

    memset(ret_entry, 0, sizeof(*ret_entry));
    if (message != NULL && take_record(ret_entry, message, err))
        return true;
    journal_entry_done(ret_entry);
    return err_wrap(err, "journal record");
}
