/*
 * test_ledger: the sum of a journal's records, in order and out of it; what bars what (rule 18).
 */
#include "agent/guard/core/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

static struct ledger *ledger;
static const char object[][96] = {"tailscale exit-node"};

static int set_up(void **state)
{
    (void)state;
    ledger = mem_alloc(1, sizeof(*ledger));
    ledger_init(ledger);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(ledger);
    return 0;
}

static struct generation_id id_of(unsigned number)
{
    return (struct generation_id){.attempt = {{{0xb0, (uint8_t)number}}, number},
                                  .start = {{0xee, (uint8_t)number}}};
}

static void take_begin(unsigned number)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = id_of(number)};

    record.begin.operations_count = 2;
    record.begin.removes[0] = 1;
    record.begin.objects_count = 1;
    text_copy(record.begin.objects[0], 96, object[0]);
    ledger_take(ledger, &record);
}

static void take_mark(unsigned number, enum mark mark, enum end_cause cause)
{
    struct guard_record record = {
        .kind = RECORD_MARK, .id = id_of(number), .mark = mark, .cause = cause, .soak_s = 30};

    ledger_take(ledger, &record);
}

/* Writes the receipt that is owed, named by its index. */
static void take_owed(void)
{
    struct guard_record record = {.kind = RECORD_RECEIPT, .id = ledger->owed.generation};

    record.receipt.receipt = ledger->owed;
    record.receipt.receipt.index = ledger->receipt_index + 1;
    record.receipt.receipt_hash.bytes[0] = (uint8_t)record.receipt.receipt.index;
    ledger_take(ledger, &record);
}

static void confirm(unsigned number)
{
    take_begin(number);
    take_mark(number, MARK_CONFIRMED, CAUSE_NONE);
    take_owed();
}

static void test_confirmed(void **state)
{
    struct stack stack = {.trial_open = true};
    const struct generation_id one = id_of(1);

    (void)state;
    take_begin(1);
    assert_true(ledger->is_open);
    assert_null(ledger_top(ledger));
    take_mark(1, MARK_CONFIRMING, CAUSE_NONE);
    assert_true(ledger->is_open); /* alone it means revert */
    take_mark(1, MARK_CONFIRMED, CAUSE_NONE);
    assert_false(ledger->is_open);
    assert_true(ledger->owes);
    assert_int_equal(ledger->owed.kind, RECEIPT_CONFIRMED);
    take_owed();
    assert_false(ledger->owes);
    assert_non_null(ledger_standing(ledger, &one.attempt.body));
    ledger_fill_stack(ledger, &stack);
    assert_false(stack.trial_open);
    assert_int_equal(stack.generations_count, 1);
    assert_int_equal(stack.generations[0].soak_s, 30);
    assert_int_equal(stack.receipt_index, 1);
}

static void test_popped_from_the_top_only(void **state)
{
    const struct generation_id one = id_of(1), two = id_of(2);

    (void)state;
    confirm(1);
    confirm(2);
    take_mark(1, MARK_POPPED, CAUSE_ORDERED); /* not the top: cannot be */
    assert_int_equal(ledger->generations_count, 2);
    take_mark(2, MARK_POPPING, CAUSE_ORDERED);
    assert_null(ledger_standing(ledger, &two.attempt.body));
    take_mark(2, MARK_POPPED, CAUSE_ORDERED);
    take_owed();
    assert_int_equal(ledger->generations_count, 1);
    assert_non_null(ledger_standing(ledger, &one.attempt.body));
    /* one receipt a generation: its newest */
    assert_int_equal(ledger_find_receipt(ledger, &two.attempt)->receipt.kind, RECEIPT_POPPED);
    assert_int_equal(ledger->ends_count, 2);
}

static void test_records_that_cannot_follow(void **state)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = id_of(9)};

    (void)state;
    take_mark(1, MARK_CONFIRMED, CAUSE_NONE);
    take_mark(1, MARK_REVERTED, CAUSE_ABORTED);
    take_mark(1, MARK_INCOMPLETE, CAUSE_ABORTED);
    take_mark(1, MARK_EXPIRED, CAUSE_NONE);
    assert_false(ledger->owes);
    record.begin.operations_count = OPERATIONS_MAX + 1; /* from a damaged disk */
    ledger_take(ledger, &record);
    assert_false(ledger->is_open);
    take_begin(1);
    take_begin(1);
    take_mark(2, MARK_EXPIRED, CAUSE_NONE);
    take_mark(2, MARK_REVERTED, CAUSE_ABORTED);
    take_mark(2, MARK_CONFIRMED, CAUSE_NONE);
    assert_true(ledger->is_open);
    assert_int_equal(ledger->open.id.attempt.sequence, 1);
    record = (struct guard_record){.kind = RECORD_INTENT, .id = id_of(1)};
    record.operation = OPERATIONS_MAX;
    ledger_take(ledger, &record);
}

static void take_receipt(unsigned number, enum receipt_kind kind)
{
    struct guard_record record = {.kind = RECORD_RECEIPT, .id = id_of(number)};

    record.receipt.receipt = (struct receipt){.generation = id_of(number), .kind = kind};
    record.receipt.receipt.soak_s = 60;
    record.receipt.receipt_hash.bytes[0] = (uint8_t)(100 + number);
    ledger_take(ledger, &record);
}

/* What a lost record said is known by those behind it. */
static void test_lost_records(void **state)
{
    struct guard_record result = {.kind = RECORD_RESULT, .id = id_of(3), .operation = 1};

    (void)state;
    take_begin(1);
    take_receipt(1, RECEIPT_CONFIRMED);
    assert_false(ledger->is_open);
    assert_int_equal(ledger_top(ledger)->soak_s, 60);
    assert_false(ledger->owes);
    take_begin(2);
    take_receipt(2, RECEIPT_INCOMPLETE);
    assert_true(ledger->is_open);
    take_receipt(2, RECEIPT_REVERTED);
    assert_false(ledger->is_open);
    take_receipt(1, RECEIPT_POPPED);
    assert_null(ledger_top(ledger));
    take_begin(2);
    take_begin(3); /* end and receipt of the second were lost */
    assert_int_equal(ledger->open.id.attempt.sequence, 3);
    assert_int_equal(ledger->generations_count, 1);
    ledger_take(ledger, &result);
    assert_false(ledger->open.touched[0]);
    assert_true(ledger->open.touched[1]);
    ledger_doubt(ledger);
    assert_true(ledger->open.touched[0]);
    assert_false(ledger->open.touched[2]);
}

/* Mark and receipt of 1 were lost, and another began: it may stand, so it can be popped and is
 * never said to stand, and nothing is built on it. */
static void test_lost_end_stays_in_doubt(void **state)
{
    const struct approval next = {.attempt = id_of(3).attempt};
    const struct generation_id one = id_of(1);
    static struct stack stack;
    struct revert revert;
    struct err err = ERR_INIT;

    (void)state;
    take_begin(1);
    take_mark(1, MARK_CONFIRMING, CAUSE_NONE);
    confirm(2);
    assert_int_equal(ledger->generations_count, 2);
    assert_true(generation_id_equal(&ledger_find_doubt(ledger)->id, &one));
    assert_null(ledger_standing(ledger, &one.attempt.body));
    assert_false(ledger_admits(ledger, &next, NULL, 0, &err));
    assert_non_null(strstr(err.text, "how it ended was lost"));
    ledger_fill_stack(ledger, &stack);
    assert_true(generation_id_equal(&stack_find_doubt(&stack)->id, &one)); /* signed, for others */
    ledger_fill_revert(&ledger->generations[0], &revert);
    assert_true(revert.steps[0].touched);
    assert_true(revert.steps[1].touched);
    take_mark(2, MARK_POPPED, CAUSE_ORDERED);
    take_owed();
    take_mark(1, MARK_POPPED, CAUSE_ORDERED);
    take_owed();
    assert_null(ledger_find_doubt(ledger));
    assert_int_equal(ledger_find_receipt(ledger, &one.attempt)->receipt.kind, RECEIPT_POPPED);
}

/* Nothing stops what reverts, and another begins behind its end only: it was taken back. */
static void test_lost_end_of_a_revert_is_known(void **state)
{
    (void)state;
    take_begin(1);
    take_mark(1, MARK_REVERTING, CAUSE_PROOF_FAILED);
    take_begin(2);
    assert_int_equal(ledger->generations_count, 0);
    assert_true(ledger->owes);
    assert_int_equal(ledger->owed.kind, RECEIPT_REVERTED);
    assert_int_equal(ledger->owed.cause, CAUSE_PROOF_FAILED);
    assert_int_equal(ledger->owed.generation.attempt.sequence, 1);
}

/* An attempt is begun anew only when its first nonce had expired untouched. */
static void test_begun_again_had_expired(void **state)
{
    struct guard_record again = {.kind = RECORD_BEGIN, .id = id_of(1)};

    (void)state;
    take_begin(1);
    again.id.start.bytes[0] ^= 0xff;
    ledger_take(ledger, &again);
    assert_int_equal(ledger->generations_count, 0);
    assert_true(ledger->is_open);
    assert_false(ledger->owes);
}

/* Room for one more than is admitted, and no place in a signed stack for it. */
static void test_lost_end_above_a_full_stack(void **state)
{
    struct stack *stack = mem_alloc(1, sizeof(*stack));

    (void)state;
    for (unsigned i = 1; i < GENERATIONS_MAX; i++)
        confirm(i);
    take_begin(GENERATIONS_MAX);
    confirm(GENERATIONS_MAX + 1);
    assert_int_equal(ledger->generations_count, GENERATIONS_MAX + 1);
    assert_int_equal(ledger_find_doubt(ledger)->id.attempt.sequence, GENERATIONS_MAX);
    ledger_fill_stack(ledger, stack);
    assert_int_equal(stack->generations_count, GENERATIONS_MAX);
    assert_int_equal(stack->generations[GENERATIONS_MAX - 1].id.attempt.sequence,
                     GENERATIONS_MAX + 1);
    take_begin(GENERATIONS_MAX + 2); /* nothing is overwritten */
    assert_false(ledger->is_open);
    free(stack);
}

/* What is confirmed was applied to the end: with a lost intent it is still all to be taken back. */
static void test_lost_intents_of_what_is_confirmed(void **state)
{
    struct guard_record intent = {.kind = RECORD_INTENT, .id = id_of(1), .operation = 0};
    struct revert revert;

    (void)state;
    take_begin(1);
    ledger_take(ledger, &intent); /* the one of operation 1 was lost */
    take_mark(1, MARK_CONFIRMED, CAUSE_NONE);
    ledger_fill_revert(ledger_top(ledger), &revert);
    assert_int_equal(revert.steps_count, 2);
    assert_true(revert.steps[0].touched);
    assert_true(revert.steps[1].touched);
}

static void test_touched(void **state)
{
    struct guard_record record = {.kind = RECORD_INTENT, .id = id_of(1), .operation = 1};
    struct revert revert;

    (void)state;
    take_begin(1);
    ledger_take(ledger, &record);
    ledger_fill_revert(&ledger->open, &revert);
    assert_int_equal(revert.steps_count, 2);
    assert_false(revert.steps[0].touched);
    assert_true(revert.steps[1].touched);
    assert_true(revert.steps[0].removes);
    assert_false(revert.steps[1].removes);
}

/* What goes in one go is told by one intent; one that names what there cannot be says nothing. */
static void test_touched_in_one_go(void **state)
{
    struct guard_record record = {
        .kind = RECORD_INTENT, .id = id_of(1), .operation = 1, .more = OPERATIONS_MAX - 1};
    struct revert revert;

    (void)state;
    take_begin(1);
    ledger_take(ledger, &record);
    ledger_fill_revert(&ledger->open, &revert);
    assert_false(revert.steps[0].touched);
    assert_false(revert.steps[1].touched);
    record.operation = 0;
    record.more = 1;
    ledger_take(ledger, &record);
    ledger_fill_revert(&ledger->open, &revert);
    assert_true(revert.steps[0].touched);
    assert_true(revert.steps[1].touched);
}

/* The disk takes the mark and not the receipt, and somebody pops a generation meanwhile: the end of
 * the trial is not forgotten, or its approval would be good once more. */
static void test_every_end_gets_its_receipt(void **state)
{
    const struct generation_id one = id_of(1), two = id_of(2);

    (void)state;
    confirm(1);
    take_begin(2);
    take_mark(2, MARK_REVERTING, CAUSE_PROOF_FAILED);
    take_mark(2, MARK_REVERTED, CAUSE_PROOF_FAILED);
    take_mark(1, MARK_POPPING, CAUSE_ORDERED);
    take_mark(1, MARK_POPPED, CAUSE_ORDERED);
    assert_int_equal(ledger->owed.kind, RECEIPT_POPPED);
    take_owed();
    assert_true(ledger->owes);
    assert_int_equal(ledger->owed.kind, RECEIPT_REVERTED);
    assert_true(ledger_needs(ledger, &two));
    take_owed();
    assert_false(ledger->owes);
    assert_int_equal(ledger_find_receipt(ledger, &one.attempt)->receipt.kind, RECEIPT_POPPED);
    assert_int_equal(ledger_find_receipt(ledger, &two.attempt)->receipt.kind, RECEIPT_REVERTED);
}

static void test_incomplete(void **state)
{
    (void)state;
    take_begin(1);
    take_mark(1, MARK_REVERTING, CAUSE_PROOF_FAILED);
    take_mark(1, MARK_INCOMPLETE, CAUSE_PROOF_FAILED);
    assert_int_equal(ledger->owed.kind, RECEIPT_INCOMPLETE);
    take_owed();
    assert_true(ledger->is_open);
    assert_true(ledger->incomplete_told);
    assert_int_equal(ledger->open.mark, MARK_REVERTING);
    take_mark(1, MARK_REVERTED, CAUSE_PROOF_FAILED);
    take_owed();
    assert_int_equal(ledger->ends_count, 1);
    assert_int_equal(ledger->ends[0].receipt.kind, RECEIPT_REVERTED);
}

/* ---- what bars what ------------------------------------------------------------------------- */

static struct approval approval_of(unsigned number)
{
    return (struct approval){.attempt = id_of(number).attempt, .not_after = 1000};
}

static void contain(struct approval *approval, unsigned index, const char *reason)
{
    struct lift *lift = &approval->lifts[approval->lifts_count++];

    lift->receipt = (struct hash){{(uint8_t)index}};
    text_copy(lift->reason, sizeof(lift->reason), reason);
}

static bool admits(const struct approval *approval, const char *touches)
{
    struct err err = ERR_INIT;
    char objects[1][96];

    text_copy(objects[0], 96, touches);
    return ledger_admits(ledger, approval, (const char(*)[96])objects, 1, &err);
}

static void end(unsigned number, enum end_cause cause)
{
    take_begin(number);
    take_mark(number, MARK_REVERTED, cause);
    take_owed();
}

static void test_end_bars_until_contained(void **state)
{
    struct approval approval = approval_of(2);

    (void)state;
    end(1, CAUSE_ABORTED);
    assert_false(admits(&approval, "rule 100"));
    contain(&approval, 1, "");
    assert_true(admits(&approval, "rule 100"));
    assert_true(admits(&approval, object[0]));
}

static void test_quarantine_bars_until_named(void **state)
{
    struct approval approval = approval_of(2);

    (void)state;
    end(1, CAUSE_PROOF_FAILED);
    contain(&approval, 1, "");
    assert_true(admits(&approval, "rule 100")); /* touches something else */
    assert_false(admits(&approval, object[0]));
    text_copy(approval.lifts[0].reason, REASON_SIZE, "the witness was at fault");
    assert_true(admits(&approval, object[0]));
}

static void test_answered_stays_answered(void **state)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = id_of(2)};
    struct approval approval = approval_of(3);

    (void)state;
    end(1, CAUSE_PROOF_FAILED);
    record.begin.operations_count = 1;
    record.begin.lifts_count = 1;
    record.begin.lifts[0].receipt = (struct hash){{1}};
    ledger_take(ledger, &record); /* contained, not named */
    take_mark(2, MARK_CONFIRMED, CAUSE_NONE);
    take_owed();
    assert_true(admits(&approval, "rule 100"));
    assert_false(admits(&approval, object[0]));
}

static void test_at_most_once_in_sequence(void **state)
{
    struct approval approval = approval_of(5);

    (void)state;
    confirm(5);
    assert_false(admits(&approval, "rule 100")); /* made already */
    approval.attempt.sequence = 6;
    assert_false(admits(&approval, "rule 100")); /* the body stands */
    approval = approval_of(4);
    assert_false(admits(&approval, "rule 100")); /* below the highest */
    approval = approval_of(7);
    approval.attempt.sequence = 5;
    assert_false(admits(&approval, "rule 100")); /* two bodies with one sequence */
    approval = approval_of(6);
    assert_true(admits(&approval, "rule 100"));
    take_begin(6);
    approval = approval_of(7);
    assert_false(admits(&approval, "rule 100")); /* one is open */
}

/* An unsigned abort must not raise what later approvals are held against. */
static void test_tombstone_raises_nothing(void **state)
{
    struct approval approval = approval_of(2);

    (void)state;
    take_mark(200, MARK_TOMBSTONE, CAUSE_ABORTED);
    take_owed();
    assert_int_equal(ledger->sequence, 0);
    assert_false(admits(&approval, "rule 100"));
    contain(&approval, 1, "");
    assert_true(admits(&approval, "rule 100"));
    approval = approval_of(200);
    contain(&approval, 1, "");
    assert_false(admits(&approval, "rule 100")); /* that attempt is dead */
}

/* Each by whoever carries messages, without a signature; an approval contains as many as there are.
 */
static void fill_with_tombstones(uint64_t sequence)
{
    for (unsigned i = 1; ledger_may_bury(ledger); i++) {
        struct guard_record record = {.kind = RECORD_MARK,
                                      .mark = MARK_TOMBSTONE,
                                      .cause = CAUSE_ABORTED,
                                      .id.attempt = {{{0xd0, (uint8_t)i}}, sequence}};

        assert_in_range(i, 1, TOMBSTONES_MAX);
        ledger_take(ledger, &record);
        take_owed();
    }
}

static void begin_answering_all(unsigned number)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = id_of(number)};

    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        if (!ledger->ends[i].answered)
            record.begin.lifts[record.begin.lifts_count++].receipt = ledger->ends[i].receipt_hash;
    }
    assert_in_range(record.begin.lifts_count, 1, LIFTS_MAX);
    ledger_take(ledger, &record);
    take_mark(number, MARK_REVERTED, CAUSE_ABORTED);
    take_owed();
}

/* No sequence ever comes above it: else no abort before a start would find room here again. */
static void test_an_answer_makes_room_for_tombstones(void **state)
{
    static const uint64_t sequences[] = {3, 2000, UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        fill_with_tombstones(sequences[i]);
        assert_false(ledger_may_bury(ledger));
        begin_answering_all(10 + i);
        assert_true(ledger_may_bury(ledger));
    }
}

/* One of the same sequence may be signed already, and nobody knows which of the two came first. */
static void test_an_answer_of_the_same_sequence_makes_no_room(void **state)
{
    (void)state;
    fill_with_tombstones(10);
    begin_answering_all(10);
    assert_false(ledger_may_bury(ledger));
    take_begin(11);
    assert_true(ledger_may_bury(ledger));
}

static void test_floor_and_needs(void **state)
{
    struct guard_record record = {.kind = RECORD_FLOOR};
    const struct generation_id one = id_of(1), two = id_of(2);

    (void)state;
    record.floor = (struct record_floor){.time_floor = 500, .sequence = 7, .receipt_index = 9};
    ledger_take(ledger, &record);
    assert_int_equal(ledger->time_floor, 500);
    assert_int_equal(ledger->sequence, 7);
    assert_int_equal(ledger->receipt_index, 9);
    take_begin(1);
    assert_true(ledger_needs(ledger, &one));
    assert_false(ledger_needs(ledger, &two));
    take_mark(1, MARK_EXPIRED, CAUSE_NONE);
    assert_false(ledger_needs(ledger, &one));
}

/* One record under a clock far ahead bars new trials until root says that the clock is right. */
static void test_accepted_clock_lowers_the_floor(void **state)
{
    struct guard_record record = {.kind = RECORD_FLOOR, .at = 4000000000};

    (void)state;
    ledger_take(ledger, &record);
    assert_int_equal(ledger->time_floor, 4000000000);
    record.at = record.floor.time_floor = 1767225599;
    ledger_take(ledger, &record);
    assert_int_equal(ledger->time_floor, 4000000000);
    record.floor.accepted = true;
    ledger_take(ledger, &record);
    assert_int_equal(ledger->time_floor, 1767225599);
    record.at = record.floor.time_floor + 1;
    record.kind = RECORD_ITEM;
    ledger_take(ledger, &record);
    assert_int_equal(ledger->time_floor, 1767225600);
}

/* What is spent goes first; what still bars stays. */
static void test_ends_have_room(void **state)
{
    struct guard_record record = {.kind = RECORD_MARK, .mark = MARK_TOMBSTONE};

    (void)state;
    for (unsigned i = 0; i < ENDS_MAX; i++) {
        record.id.attempt.sequence = i + 1;
        assert_true(ledger_has_room(ledger));
        ledger_take(ledger, &record);
        take_owed();
    }
    assert_false(ledger_has_room(ledger));
    ledger->sequence = ENDS_MAX + 1;
    ledger->ends[3].answered = true;
    assert_true(ledger_has_room(ledger));
    record.id.attempt.sequence = ENDS_MAX + 1;
    ledger_take(ledger, &record);
    take_owed();
    assert_int_equal(ledger->ends_count, ENDS_MAX);
    assert_int_equal(ledger->ends[3].receipt.generation.attempt.sequence, 5);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_confirmed),
        WITH(test_popped_from_the_top_only),
        WITH(test_records_that_cannot_follow),
        WITH(test_lost_records),
        WITH(test_lost_end_stays_in_doubt),
        WITH(test_lost_end_of_a_revert_is_known),
        WITH(test_begun_again_had_expired),
        WITH(test_lost_end_above_a_full_stack),
        WITH(test_lost_intents_of_what_is_confirmed),
        WITH(test_touched),
        WITH(test_touched_in_one_go),
        WITH(test_every_end_gets_its_receipt),
        WITH(test_incomplete),
        WITH(test_end_bars_until_contained),
        WITH(test_quarantine_bars_until_named),
        WITH(test_answered_stays_answered),
        WITH(test_at_most_once_in_sequence),
        WITH(test_tombstone_raises_nothing),
        WITH(test_an_answer_makes_room_for_tombstones),
        WITH(test_an_answer_of_the_same_sequence_makes_no_room),
        WITH(test_floor_and_needs),
        WITH(test_accepted_clock_lowers_the_floor),
        WITH(test_ends_have_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
