/*
 * test_fleet: what is known of each node, and for how long it stays known.
 */
#include "controller/core/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

enum { INTERVAL_S = 30, GOOD_MS = INTERVAL_S * 1000 + 2 * FLEET_HEARTBEAT_MS };

static int make_one(void **state)
{
    struct fleet *fleet = mem_alloc(1, sizeof(*fleet));

    fleet_init(fleet);
    fleet_put(fleet, "a1", false);
    *state = fleet;
    return 0;
}

static int end_one(void **state)
{
    fleet_done(*state);
    free(*state);
    return 0;
}

static bool tell(struct fleet_member *member, const char *check, enum verdict_value value,
                 enum severity severity)
{
    struct verdict verdict = {.value = value, .severity = severity};

    text_copy(verdict.check, sizeof(verdict.check), check);
    return fleet_tell_verdict(member, &verdict, INTERVAL_S, 500);
}

static enum verdict_value value_at(const struct fleet_member *member, const char *check, mono_t now)
{
    struct verdict verdict;

    fleet_verdict_now(member, check, now, &verdict);
    return verdict.value;
}

static void ages_what_it_was_told(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    assert_true(tell(member, "database", VERDICT_PASS, SEVERITY_CRITICAL));
    assert_false(tell(member, "database", VERDICT_PASS, SEVERITY_CRITICAL));
    /* Read back from the disk, not heard in this life. */
    assert_int_equal(value_at(member, "database", 0), VERDICT_UNKNOWN);
    fleet_hear(member, 1000, 500);
    assert_int_equal(value_at(member, "database", 1000 + GOOD_MS), VERDICT_PASS);
    assert_int_equal(value_at(member, "database", 1001 + GOOD_MS), VERDICT_UNKNOWN);
    assert_int_equal(value_at(member, "egress-address", 1000), VERDICT_UNKNOWN);
    assert_true(tell(member, "database", VERDICT_FAIL, SEVERITY_CRITICAL));
    assert_int_equal(value_at(member, "database", 1000), VERDICT_FAIL);
}

static void takes_the_worst_critical_one_for_health(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    fleet_hear(member, 0, 500);
    tell(member, "database", VERDICT_PASS, SEVERITY_CRITICAL);
    assert_int_equal(fleet_health(member, 0), VERDICT_UNKNOWN); /* not connected */
    member->connected = true;
    assert_int_equal(fleet_health(member, 0), VERDICT_PASS);
    tell(member, "egress-address", VERDICT_FAIL, SEVERITY_WARNING);
    assert_int_equal(fleet_health(member, 0), VERDICT_PASS);
    tell(member, "ssh:b1", VERDICT_FAIL, SEVERITY_CRITICAL);
    assert_int_equal(fleet_health(member, 0), VERDICT_PASS);
    assert_int_equal(fleet_count_failing(member, 0), 1);
    tell(member, "api-server-path", VERDICT_UNKNOWN, SEVERITY_CRITICAL);
    assert_int_equal(fleet_health(member, 0), VERDICT_UNKNOWN);
    tell(member, "api-server-path", VERDICT_FAIL, SEVERITY_CRITICAL);
    assert_int_equal(fleet_health(member, 0), VERDICT_FAIL);
}

static void never_takes_nothing_for_healthy(void **state)
{
    struct fleet_member *node = fleet_find(*state, "a1");
    struct fleet_member *witness = fleet_put(*state, "office", true);

    node->connected = witness->connected = true;
    assert_int_equal(fleet_health(node, 0), VERDICT_UNKNOWN);
    assert_int_equal(fleet_health(witness, 0), VERDICT_PASS);
}

static void forgets_checks_that_are_gone(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");
    struct verdict kept = {.check = "database"};

    fleet_hear(member, 0, 500);
    tell(member, "old", VERDICT_FAIL, SEVERITY_CRITICAL);
    tell(member, "database", VERDICT_PASS, SEVERITY_CRITICAL);
    fleet_begin_telling(member);
    fleet_name_verdicts(member, &kept, 1);
    fleet_end_telling(member);
    assert_int_equal(member->verdicts_count, 1);
    assert_int_equal(value_at(member, "database", 0), VERDICT_PASS);
    assert_int_equal(value_at(member, "old", 0), VERDICT_UNKNOWN);
}

static void tell_many(struct fleet_member *member, const char *prefix, unsigned count, int64_t at)
{
    for (unsigned i = 0; i < count; i++) {
        struct verdict verdict = {.value = VERDICT_PASS};

        snprintf(verdict.check, sizeof(verdict.check), "%s-%u", prefix, i);
        fleet_tell_verdict(member, &verdict, INTERVAL_S, at);
    }
}

/* What was told longest ago gives way first; what is told in this telling never does. */
static void makes_room_for_what_is_told(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    fleet_hear(member, 0, 500);
    tell_many(member, "other", 1, 400);
    tell_many(member, "check", FLEET_VERDICTS_MAX - 1, 500);
    tell_many(member, "old", 1, 300);
    assert_int_equal(value_at(member, "old-0", 0), VERDICT_UNKNOWN); /* all are told */
    tell_many(member, "check", 1, 100);
    fleet_begin_telling(member);
    tell_many(member, "new", 1, 600);
    assert_int_equal(value_at(member, "check-0", 0), VERDICT_UNKNOWN);
    tell_many(member, "new", 2, 600);
    assert_int_equal(value_at(member, "other-0", 0), VERDICT_UNKNOWN);
    assert_int_equal(value_at(member, "check-1", 0), VERDICT_PASS);
    tell_many(member, "new", FLEET_VERDICTS_MAX, 600);
    tell_many(member, "more", 1, 600);
    fleet_end_telling(member);
    assert_int_equal(member->verdicts_count, FLEET_VERDICTS_MAX);
    assert_int_equal(value_at(member, "new-0", 0), VERDICT_PASS);
    assert_int_equal(value_at(member, "new-127", 0), VERDICT_PASS);
    assert_int_equal(value_at(member, "more-0", 0), VERDICT_UNKNOWN);
}

static void keeps_what_was_decided_last(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    tell(member, "database", VERDICT_UNKNOWN, SEVERITY_CRITICAL);
    assert_int_equal(member->verdicts[0].decided, VERDICT_UNKNOWN);
    tell(member, "database", VERDICT_PASS, SEVERITY_CRITICAL);
    tell(member, "database", VERDICT_UNKNOWN, SEVERITY_CRITICAL);
    assert_int_equal(member->verdicts[0].decided, VERDICT_PASS);
    tell(member, "database", VERDICT_FAIL, SEVERITY_CRITICAL);
    assert_int_equal(member->verdicts[0].decided, VERDICT_FAIL);
    fleet_begin_telling(member);
    fleet_end_telling(member);
    tell(member, "database", VERDICT_UNKNOWN, SEVERITY_CRITICAL);
    assert_int_equal(member->verdicts[0].decided, VERDICT_UNKNOWN);
}

static void knows_who_reaches_whom(void **state)
{
    struct fleet_member *office = fleet_put(*state, "office", true);
    struct verdict verdict;

    fleet_reach(*state, "laptop", "a1", 0, &verdict);
    assert_int_equal(verdict.value, VERDICT_UNKNOWN);
    fleet_hear(office, 0, 500);
    tell(office, "ssh:a1", VERDICT_PASS, SEVERITY_WARNING);
    fleet_reach(*state, "office", "a1", 0, &verdict);
    assert_int_equal(verdict.value, VERDICT_UNKNOWN); /* not connected */
    office->connected = true;
    fleet_reach(*state, "office", "a1", 0, &verdict);
    assert_int_equal(verdict.value, VERDICT_PASS);
    fleet_reach(*state, "office", "b1", 0, &verdict);
    assert_int_equal(verdict.value, VERDICT_UNKNOWN);
    assert_string_equal(fleet_reach_target("ssh:a1"), "a1");
    assert_null(fleet_reach_target("database"));
    assert_true(fleet_in_audience(office, AUDIENCE_EVERYWHERE));
    assert_false(fleet_in_audience(office, AUDIENCE_TAILNET));
    assert_true(fleet_in_audience(fleet_put(*state, "b1", false), AUDIENCE_TAILNET));
}

static void follows_the_roster(void **state)
{
    struct fleet *fleet = *state;
    struct roster *roster = mem_alloc(1, sizeof(*roster));

    fleet_put(fleet, "b1", false);
    roster->entries_count = 1;
    text_copy(roster->entries[0].name, NAME_SIZE, "b1");
    fleet_keep_roster(fleet, roster);
    assert_null(fleet_find(fleet, "a1"));
    assert_non_null(fleet_find(fleet, "b1"));
    for (unsigned i = 1; i < FLEET_MAX; i++) {
        char name[NAME_SIZE];

        snprintf(name, sizeof(name), "n%u", i);
        assert_non_null(fleet_put(fleet, name, false));
    }
    assert_null(fleet_put(fleet, "one-too-many", false));
    free(roster);
}

/* Young: it is not asked for again. That it could not tell is no answer to wait by. */
static void knows_what_was_rehearsed(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");
    struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));
    const struct hash one = {.bytes = {1}}, other = {.bytes = {2}};

    rehearsal->operations_count = 1;
    rehearsal_set(rehearsal, 0, REHEARSED_REFUSED, "no");
    assert_false(fleet_rehearsal_is_young(member, &one, 0));
    assert_true(fleet_tell_rehearsal(member, &one, rehearsal, 0));
    assert_false(fleet_tell_rehearsal(member, &one, rehearsal, 5));
    assert_true(fleet_rehearsal_is_young(member, &one, FLEET_REHEARSAL_YOUNG_MS + 5));
    assert_false(fleet_rehearsal_is_young(member, &one, FLEET_REHEARSAL_YOUNG_MS + 6));
    assert_false(fleet_rehearsal_is_young(member, &other, 5));
    rehearsal_set(rehearsal, 0, REHEARSED_MISSED, "no");
    assert_true(fleet_tell_rehearsal(member, &one, rehearsal, 5));
    assert_false(fleet_rehearsal_is_young(member, &one, 5));
    assert_true(fleet_tell_rehearsal(member, &other, rehearsal, 5));
    free(rehearsal);
}

static void tell_receipt(struct fleet_member *member, enum receipt_kind kind, uint64_t index,
                         uint64_t sequence)
{
    struct receipt *receipt = mem_alloc(1, sizeof(*receipt));

    receipt->kind = kind;
    receipt->index = index;
    receipt->generation.attempt.sequence = sequence;
    fleet_take_receipt(member, receipt, "a-change", 100);
    free(receipt);
}

/* Nothing stands there. It comes 2 ms after it was asked for. */
static bool tell_stack(struct fleet_member *member, uint64_t index, mono_t asked_at)
{
    struct stack *stack = mem_alloc(1, sizeof(*stack));
    bool taken;

    stack->receipt_index = index;
    taken = fleet_take_stack(member, stack, asked_at, asked_at + 2);
    free(stack);
    return taken;
}

static void knows_what_receipts_made_of_the_stack(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");
    const struct stack *stack = &member->stack;

    tell_receipt(member, RECEIPT_CONFIRMED, 4, 3);
    assert_int_equal(stack->generations_count, 0); /* what else stands there is not known */
    assert_true(tell_stack(member, 3, 200));
    tell_receipt(member, RECEIPT_CONFIRMED, 3, 3); /* the stack knew it */
    assert_int_equal(stack->generations_count, 0);
    tell_receipt(member, RECEIPT_CONFIRMED, 4, 3);
    tell_receipt(member, RECEIPT_CONFIRMED, 5, 3); /* said again it stands once */
    tell_receipt(member, RECEIPT_CONFIRMED, 6, 5);
    assert_int_equal(stack->generations_count, 2);
    assert_string_equal(stack->generations[0].change, "a-change");
    tell_receipt(member, RECEIPT_TOMBSTONE, 7, 8);
    tell_receipt(member, RECEIPT_INCOMPLETE, 8, 3);
    tell_receipt(member, RECEIPT_REVERTED, 4, 3);
    assert_int_equal(stack->generations_count, 2);
    tell_receipt(member, RECEIPT_POPPED, 9, 3);
    assert_int_equal(stack->generations_count, 1);
    assert_int_equal(stack->generations[0].id.attempt.sequence, 5);
    for (uint64_t i = 10; i < 12 + GENERATIONS_MAX; i++)
        tell_receipt(member, RECEIPT_CONFIRMED, i, i);
    assert_int_equal(stack->generations_count, GENERATIONS_MAX);
}

/* Receipts come at 100. */
static void a_stack_that_was_signed_before_a_receipt_is_old(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    tell_receipt(member, RECEIPT_CONFIRMED, 4, 3);
    assert_false(tell_stack(member, 3, 99));
    assert_false(member->has_stack);
    assert_true(tell_stack(member, 4, 99)); /* it knows of it */
    assert_true(member->stack_is_of_session);
    tell_receipt(member, RECEIPT_CONFIRMED, 5, 3);
    assert_false(tell_stack(member, 4, 99));
    assert_int_equal(member->stack.generations_count, 1);
    assert_true(tell_stack(member, 1, 100)); /* a new journal */
    assert_int_equal(member->stack.generations_count, 0);
    tell_receipt(member, RECEIPT_CONFIRMED, 2, 3);
    assert_int_equal(member->stack.generations_count, 1);
}

/* The new journal's was asked for at 101, and came at 103: the old one had receipts without it. */
static void a_stack_of_the_old_journal_is_old_whatever_its_index(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    tell_receipt(member, RECEIPT_CONFIRMED, 4, 3);
    assert_true(tell_stack(member, 5, 50)); /* it knows more, whenever it was asked for */
    assert_true(tell_stack(member, 0, 101));
    assert_false(tell_stack(member, 5, 100));
    assert_false(tell_stack(member, 5, 102));
    assert_true(tell_stack(member, 5, 103));
}

/* Two were asked for before the receipt, over two connections: what was asked for later may have
 * been signed sooner. */
static void a_stack_from_before_the_receipt_makes_no_other_younger(void **state)
{
    struct fleet_member *member = fleet_find(*state, "a1");

    tell_receipt(member, RECEIPT_CONFIRMED, 7, 3);
    assert_true(tell_stack(member, 7, 40));
    assert_false(tell_stack(member, 6, 45));
    assert_true(tell_stack(member, 6, 101));
    assert_false(tell_stack(member, 5, 102)); /* that one came at 103 */
    assert_true(tell_stack(member, 5, 104));
}

/* Few are asked each second; of many, all together 100 times a second, and each within 20 s. */
static void beats_are_shared(void **state)
{
    (void)state;
    assert_int_equal(fleet_beat_ms(1), 1000);
    assert_int_equal(fleet_beat_ms(100), 1000);
    assert_int_equal(fleet_beat_ms(1000), 10000);
    assert_int_equal(fleet_beat_ms(2048), 20000);
    assert_int_equal(fleet_beat_ms(UINT32_MAX), 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ages_what_it_was_told, make_one, end_one),
        cmocka_unit_test_setup_teardown(takes_the_worst_critical_one_for_health, make_one, end_one),
        cmocka_unit_test_setup_teardown(never_takes_nothing_for_healthy, make_one, end_one),
        cmocka_unit_test_setup_teardown(forgets_checks_that_are_gone, make_one, end_one),
        cmocka_unit_test_setup_teardown(makes_room_for_what_is_told, make_one, end_one),
        cmocka_unit_test_setup_teardown(keeps_what_was_decided_last, make_one, end_one),
        cmocka_unit_test_setup_teardown(knows_who_reaches_whom, make_one, end_one),
        cmocka_unit_test_setup_teardown(knows_what_was_rehearsed, make_one, end_one),
        cmocka_unit_test_setup_teardown(knows_what_receipts_made_of_the_stack, make_one, end_one),
        cmocka_unit_test_setup_teardown(a_stack_that_was_signed_before_a_receipt_is_old, make_one,
                                        end_one),
        cmocka_unit_test_setup_teardown(a_stack_of_the_old_journal_is_old_whatever_its_index,
                                        make_one, end_one),
        cmocka_unit_test_setup_teardown(a_stack_from_before_the_receipt_makes_no_other_younger,
                                        make_one, end_one),
        cmocka_unit_test_setup_teardown(follows_the_roster, make_one, end_one),
        cmocka_unit_test(beats_are_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
