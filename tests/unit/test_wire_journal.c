/*
 * test_wire_journal: every record of the guard's journal comes back whole, with the kernel's own
 * messages; and no bytes on a disk can do harm.
 */
#include "agent/guard/io/wire_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "proto/journal.pb-c.h"
#include "tests/unit/wire_fill.h"
#include "tests/unit/wire_seen.h"

#include <cmocka.h>

static const char boot_id[] = "c0ffee00-0000-4000-8000-000000000000";

static struct sign_key *key;

static int make_key(void **state)
{
    (void)state;
    key = sign_key_generate();
    return 0;
}

static int end_key(void **state)
{
    (void)state;
    sign_key_free(key);
    return 0;
}

static void fill_item(struct undo_item *item, uint32_t number, bool has_after)
{
    memset(item, 0, sizeof(*item));
    item->operation = number;
    fill_operation(&item->change, (enum operation_kind)(number % OPERATION_KIND_COUNT));
    item->existed = item->shield = item->persists = true;
    fill_snapshot(&item->before);
    item->has_after = has_after;
    if (has_after && number % 2 == 0)
        fill_snapshot(&item->after); /* else: looked, and nothing was there */
    if (number % 2 == 0)
        fill_snapshot(&item->others);
}

static struct journal_generation *make_generation(void)
{
    struct journal_generation *generation = mem_alloc(1, sizeof(*generation));
    struct approval approval;

    fill_id(&generation->id, 1);
    generation->body = (struct wire_bytes){mem_copy("a manifest", 10), 10};
    fill_approval(&approval);
    generation->approval = wire_encode_approval(&approval);
    generation->items_count = 4;
    generation->items = mem_alloc(4, sizeof(*generation->items));
    for (uint32_t i = 0; i < 4; i++)
        fill_item(&generation->items[i], i, i >= 2);
    generation->flows_held = UINT64_MAX - 5;
    return generation;
}

static void fill_begin(struct record_begin *begin)
{
    text_copy(begin->change, NAME_SIZE, "workers-use-exit-node");
    begin->not_after = 1760000000;
    begin->operations_count = OPERATIONS_MAX;
    for (unsigned i = 0; i < OPERATIONS_MAX; i++)
        begin->removes[i] = i % 3 == 0;
    begin->objects_count = 16;
    begin->lifts_count = LIFTS_MAX;
    for (unsigned i = 0; i < 16; i++)
        snprintf(begin->objects[i], sizeof(begin->objects[i]), "rule %u", 5140 + i);
    for (unsigned i = 0; i < LIFTS_MAX; i++) {
        fill_bytes(&begin->lifts[i].receipt, HASH_SIZE, i);
        begin->lifts[i].named = i % 2 == 1;
    }
}

/* Only what the kind carries is set: the rest would not come back. */
static void fill_record(struct guard_record *record, enum record_kind kind)
{
    memset(record, 0, sizeof(*record));
    record->kind = kind;
    record->at = 1760000001;
    if (kind == RECORD_FLOOR)
        record->floor = (struct record_floor){1760000002, UINT64_MAX, 88, true};
    else
        fill_id(&record->id, 2);
    if (kind == RECORD_BEGIN)
        fill_begin(&record->begin);
    if (kind == RECORD_INTENT || kind == RECORD_RESULT || kind == RECORD_ITEM)
        record->operation = OPERATIONS_MAX - 2;
    record->more = kind == RECORD_ITEM ? OPERATIONS_MAX - 2 : record->operation != 0;
    record->ok = kind == RECORD_RESULT || kind == RECORD_ITEM;
    record->is_void = kind == RECORD_ITEM;
    if (record->ok || kind == RECORD_MARK)
        text_copy(record->reason, REASON_SIZE, "RTM_NEWRULE: File exists");
    if (kind == RECORD_MARK) {
        record->mark = MARK_EXPIRED;
        record->cause = CAUSE_DISK;
        record->soak_s = 300;
        record->has_order = true;
        fill_id(&record->order.down_to, 4);
        record->order.cause = CAUSE_ORDERED;
        text_copy(record->order.reason, REASON_SIZE, "it broke the mail");
    }
}

struct written {
    struct guard_record record;
    struct journal_generation *generation;
    struct wire_bytes envelope;
    struct undo_item items[2];
    struct wire_bytes bytes;
};

static void write_record(struct written *written, enum record_kind kind)
{
    struct journal_extra extra = {0};

    memset(written, 0, sizeof(*written));
    fill_record(&written->record, kind);
    if (kind == RECORD_BEGIN)
        extra.generation = written->generation = make_generation();
    if (kind == RECORD_RESULT) {
        fill_item(&written->items[0], OPERATIONS_MAX - 2, true);
        fill_item(&written->items[1], OPERATIONS_MAX - 1, false);
        extra.items = written->items;
        extra.items_count = 2;
    }
    if (kind == RECORD_RECEIPT) {
        struct receipt receipt;
        struct err err = ERR_INIT;

        fill_receipt(&receipt);
        written->envelope = wire_encode_receipt(&receipt, key);
        written->record.receipt.receipt = receipt;
        assert_true(wire_payload_hash(wire_lend(&written->envelope),
                                      &written->record.receipt.receipt_hash, &err));
        extra.envelope = wire_lend(&written->envelope);
    }
    written->bytes = wire_encode_journal(&written->record, 41, boot_id, &extra);
}

static void written_done(struct written *written)
{
    if (written->generation != NULL)
        journal_generation_done(written->generation);
    free(written->generation);
    for (uint32_t i = 0; i < 2; i++)
        undo_item_done(&written->items[i]);
    wire_bytes_done(&written->envelope);
    wire_bytes_done(&written->bytes);
}

static void expect_same_item(const struct undo_item *a, const struct undo_item *b)
{
    assert_int_equal(a->operation, b->operation);
    assert_memory_equal(&a->change, &b->change, sizeof(a->change));
    assert_int_equal(a->existed, b->existed);
    assert_int_equal(a->has_after, b->has_after);
    assert_int_equal(a->shield, b->shield);
    assert_int_equal(a->persists, b->persists);
    expect_same_snapshot(&a->before, &b->before, true);
    expect_same_snapshot(&a->after, &b->after, true);
    expect_same_snapshot(&a->others, &b->others, false);
}

static void expect_same_generation(const struct journal_generation *a,
                                   const struct journal_generation *b)
{
    assert_memory_equal(&a->id, &b->id, sizeof(a->id));
    expect_same_bytes(wire_lend(&a->body), wire_lend(&b->body));
    expect_same_bytes(wire_lend(&a->approval), wire_lend(&b->approval));
    assert_int_equal(a->flows_held, b->flows_held);
    assert_int_equal(a->items_count, b->items_count);
    for (uint32_t i = 0; i < a->items_count; i++)
        expect_same_item(&a->items[i], &b->items[i]);
}

static void expect_same_entry(const struct written *written, const struct journal_entry *entry)
{
    assert_int_equal(entry->number, 41);
    assert_string_equal(entry->boot_id, boot_id);
    assert_memory_equal(&entry->record, &written->record, sizeof(entry->record));
    expect_same_bytes(wire_lend(&written->envelope), wire_lend(&entry->envelope));
    assert_int_equal(entry->generation != NULL, written->generation != NULL);
    if (entry->generation != NULL)
        expect_same_generation(written->generation, entry->generation);
    assert_int_equal(entry->items_count, written->record.kind == RECORD_RESULT ? 2 : 0);
    for (uint32_t i = 0; i < entry->items_count; i++)
        expect_same_item(&written->items[i], &entry->items[i]);
}

static void records_come_back(void **state)
{
    static struct written written;
    struct journal_entry entry;
    struct err err = ERR_INIT;

    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        write_record(&written, (enum record_kind)kind);
        if (!wire_decode_journal(wire_lend(&written.bytes), &entry, &err))
            fail_msg("%s: %s", record_kind_name((enum record_kind)kind), err.text);
        expect_same_entry(&written, &entry);
        journal_entry_done(&entry);
        written_done(&written);
    }
}

/* Compacting writes again what was read: it must be the same. */
static void records_are_written_again_the_same(void **state)
{
    static struct written written;
    struct journal_entry entry;
    struct err err = ERR_INIT;

    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        write_record(&written, (enum record_kind)kind);
        assert_true(wire_decode_journal(wire_lend(&written.bytes), &entry, &err));
        struct journal_extra extra = {entry.generation, wire_lend(&entry.envelope),
                                      entry.items_count, entry.items};
        AUTO_WIRE struct wire_bytes again =
            wire_encode_journal(&entry.record, entry.number, entry.boot_id, &extra);
        expect_same_bytes(wire_lend(&again), wire_lend(&written.bytes));
        wire_seen_note(&oceanid__journal_record__descriptor, wire_lend(&written.bytes));
        journal_entry_done(&entry);
        written_done(&written);
    }
}

/* Operations of every kind are in a manifest (test_wire); `item` is read of older journals. */
static void no_field_is_forgotten(void **state)
{
    (void)state;
    wire_seen_expect_all_but("Operation.nexthop, Operation.file, NexthopOperation.device, "
                             "NexthopOperation.nexthop, FileOperation.path, "
                             "FileOperation.content, Result.item");
}

static void every_mark_comes_back(void **state)
{
    struct guard_record record;
    struct journal_entry entry;
    struct err err = ERR_INIT;

    (void)state;
    for (unsigned mark = 0; mark < MARK_COUNT; mark++) {
        fill_record(&record, RECORD_MARK);
        record.mark = (enum mark)mark;
        AUTO_WIRE struct wire_bytes bytes = wire_encode_journal(&record, 1, boot_id, NULL);
        assert_true(wire_decode_journal(wire_lend(&bytes), &entry, &err));
        assert_memory_equal(&entry.record, &record, sizeof(record));
        journal_entry_done(&entry);
    }
}

static void try_record(struct bytes bad)
{
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (wire_decode_journal(bad, &entry, &err))
        journal_entry_done(&entry);
    else
        assert_string_not_equal(err.text, "");
}

static void records_bear_anything(void **state)
{
    static struct written written;

    (void)state;
    for (unsigned kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (kind == RECORD_BEGIN)
            continue; /* its parts are those of a result; large, so shorter below */
        write_record(&written, (enum record_kind)kind);
        torment(wire_lend(&written.bytes), try_record);
        written_done(&written);
    }
}

static void begin_bears_anything(void **state)
{
    struct journal_generation generation = {.flows_held = 1};
    struct journal_extra extra = {.generation = &generation};
    struct guard_record record;

    (void)state;
    fill_record(&record, RECORD_BEGIN);
    record.begin.lifts_count = 2;
    record.begin.operations_count = 2;
    generation.items_count = 1;
    generation.items = mem_alloc(1, sizeof(*generation.items));
    fill_operation(&generation.items[0].change, OPERATION_RULE);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_journal(&record, 1, boot_id, &extra);
    torment(wire_lend(&bytes), try_record);
    journal_generation_done(&generation);
}

static void refuse(const struct guard_record *record, const char *part)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_journal(record, 1, boot_id, NULL);
    struct journal_entry entry;
    struct err err = ERR_INIT;

    assert_false(wire_decode_journal(wire_lend(&bytes), &entry, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void records_are_held_to_their_limits(void **state)
{
    struct guard_record record;

    (void)state;
    fill_record(&record, RECORD_INTENT);
    record.operation = OPERATIONS_MAX;
    refuse(&record, "operation 256: accepted are 0 to 255");
    record.operation = OPERATIONS_MAX - 2;
    record.more = 2;
    refuse(&record, "operations in one go with it 2: accepted are 0 to 1");
    fill_record(&record, RECORD_ITEM);
    record.more = OPERATIONS_MAX - 1;
    refuse(&record, "operations in one go with it 255: accepted are 0 to 254");
    fill_record(&record, RECORD_MARK);
    record.cause = CAUSE_COUNT;
    refuse(&record, "cause 10: accepted are 0 to 9");
    record.mark = MARK_COUNT;
    refuse(&record, "mark of a kind that is not known");
    fill_record(&record, RECORD_RECEIPT);
    refuse(&record, "not known"); /* without its envelope it says nothing */
    fill_record(&record, RECORD_BEGIN);
    record.begin.removes[7] = 2;
    refuse(&record, "operation that removes 2: accepted are 0 to 1");
}

/* One that an older guard wrote is printed by this rescue. */
static void a_reason_is_one_line(void **state)
{
    struct guard_record record = {.kind = RECORD_MARK, .mark = MARK_REVERTING};
    struct journal_extra extra = {0};
    struct journal_entry entry;
    struct err err = ERR_INIT;

    (void)state;
    fill_id(&record.id, 2);
    text_copy(record.reason, REASON_SIZE, "x\nDone and verified");
    AUTO_WIRE struct wire_bytes bytes = wire_encode_journal(&record, 1, "boot", &extra);
    assert_true(wire_decode_journal(wire_lend(&bytes), &entry, &err));
    assert_string_equal(entry.record.reason, "x Done and verified");
    journal_entry_done(&entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(records_are_written_again_the_same),
        cmocka_unit_test(no_field_is_forgotten),
        cmocka_unit_test(every_mark_comes_back),
        cmocka_unit_test(a_reason_is_one_line),
        cmocka_unit_test(records_bear_anything),
        cmocka_unit_test(begin_bears_anything),
        cmocka_unit_test(records_are_held_to_their_limits),
    };

    return cmocka_run_group_tests(tests, make_key, end_key);
}
