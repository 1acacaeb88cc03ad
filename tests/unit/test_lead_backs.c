/*
 * test_lead_backs: who was asked to come back, by an emergency or a signed order, is asked until it
 * is back, whatever is asked later and whoever restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/lead_case.h"

/* ---- what goes on ---------------------------------------------------------------------------- */

static void an_emergency_is_listed_after_a_restart(void **state)
{
    const struct lead_backs *backs;
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    (void)state;
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    lead_case_restart();
    backs = lead_backs(place.lead);
    assert_int_equal(backs->rollout, id);
    assert_string_equal(backs->list[0].reason, "drill");
    assert_int_equal(backs->count, 2);
    assert_string_equal(backs->list[0].name, "a1");
    assert_false(backs->list[0].done);
}

/* It returns while the other one is still being taken back. */
static void who_was_to_come_back_at_once_waits_for_nobody_after_a_restart(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    assert_true(lead_case_take_back("a1", "drill", &err));
    lead_case_restart();
    lead_case_hear_of_open("b2", true);
    lead_case_hear_of_open("a1", false);
    assert_true(lead_case_has_command("a1", GUARD_POP));
}

static void who_was_not_named_waits_after_a_restart(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    assert_true(lead_case_take_back("b2", "drill", &err));
    lead_case_restart();
    lead_case_hear_of_open("b2", true);
    lead_case_hear_of_open("a1", false);
    assert_false(lead_case_has_command("a1", GUARD_POP));
}

static void pass_order(const char *node)
{
    struct err err = ERR_INIT;

    if (!lead_case_try_order(node, 4, &err))
        fail_msg("%s", err.text);
}

/* The node was away: its order waits for it, whatever becomes of the controller meanwhile. */
static void an_order_is_passed_on_after_a_restart(void **state)
{
    const struct lead_back *back;
    char node[] = "a1";

    (void)state;
    pass_order(node);
    lead_case_restart();
    back = lead_case_find_back(node);
    assert_int_equal(back->attempt.sequence, 4);
    assert_true(back->order.len > 0);
    assert_false(back->done);
    place_until(&place, lead_case_is_asked, node, "a1's guard is asked again");
}

/* It stands there, so that the order goes out to its guard. */
static void hear_that_it_stands(const char *node)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), node);
    stack->generations_count = 1;
    stack->generations[0].id.attempt = lead_case_find_back(node)->attempt;
    lead_backs_stack(place.lead, node, stack);
    assert_true(lead_case_has_command(node, GUARD_ORDER));
}

static void hear_that_nothing_stands(const char *node)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), node);
    lead_backs_stack(place.lead, node, stack);
}

static void an_order_that_was_obeyed_is_not_asked_again(void **state)
{
    (void)state;
    pass_order("a1");
    hear_that_it_stands("a1");
    hear_that_nothing_stands("a1");
    assert_true(lead_case_find_back("a1")->done);
    lead_case_restart();
    assert_true(lead_case_find_back("a1")->done);
    assert_string_equal(lead_case_find_back("a1")->state, "popped");
}

/* It was obeyed while nobody led. */
static void what_was_taken_back_over_a_restart_is_not_said_to_be_missing(void **state)
{
    (void)state;
    pass_order("a1");
    hear_that_it_stands("a1");
    lead_case_restart();
    hear_that_nothing_stands("a1");
    assert_string_equal(lead_case_find_back("a1")->state, "popped");
}

static void an_order_that_was_never_sent_took_nothing_back(void **state)
{
    (void)state;
    pass_order("a1");
    lead_case_restart();
    hear_that_nothing_stands("a1");
    assert_true(lead_case_find_back("a1")->done);
    assert_string_equal(lead_case_find_back("a1")->state, "not there");
}

/* What was promised of an earlier day is not forgotten for a later emergency. */
static void an_order_outlives_a_later_emergency(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    pass_order("w1");
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    assert_int_equal(lead_backs(place.lead)->count, 3);
    assert_int_equal(lead_case_find_back("w1")->attempt.sequence, 4);
}

/* ---- several of one node --------------------------------------------------------------------- */

static bool is_owed(const char *node, uint64_t sequence, bool is_signed)
{
    const struct lead_backs *backs = lead_backs(place.lead);

    for (uint32_t i = 0; i < backs->count; i++) {
        const struct lead_back *back = &backs->list[i];

        if (text_equal(back->name, node) && back->attempt.sequence == sequence &&
            (back->order.len > 0) == is_signed && !back->done)
            return true;
    }
    return false;
}

/* What it names may lie below what the emergency takes back. */
static void an_order_outlives_an_emergency_on_its_node(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    pass_order("a1");
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lead_backs(place.lead)->count, 3);
        assert_true(is_owed("a1", 4, true));
        assert_true(is_owed("a1", 1, false));
        lead_case_restart();
    }
}

/* Which of two lies deeper only the guard knows for sure. */
static void an_order_outlives_another_one_on_its_node(void **state)
{
    struct stack stack = {.node = "a1", .generations_count = 1};
    struct err err = ERR_INIT;

    (void)state;
    pass_order("a1");
    assert_true(lead_case_try_order("a1", 5, &err));
    assert_true(lead_case_try_order("a1", 5, &err)); /* again is the same one */
    assert_int_equal(lead_backs(place.lead)->count, 2);
    stack.generations[0].id.attempt = lead_backs(place.lead)->list[0].attempt;
    lead_backs_stack(place.lead, "a1", &stack);
    lead_case_restart();
    assert_true(is_owed("a1", 4, true));
    assert_false(is_owed("a1", 5, true)); /* nothing of it stands */
}

static void add_nodes(unsigned count)
{
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < count; i++) {
        struct roster_entry entry = {.witness_only = false};

        snprintf(entry.name, sizeof(entry.name), "n%u", i);
        memset(entry.agent_key.bytes, (int)i + 1, KEY_SIZE);
        memset(entry.guard_key.bytes, (int)i + 1, KEY_SIZE);
        if (!roster_put(place.desk.roster, &entry, &err))
            fail_msg("%s", err.text);
    }
}

/* What is answered with a yes is kept; there is always room for an emergency. */
static void an_order_that_finds_no_room_is_refused(void **state)
{
    struct stack stack = {.node = "n7"};
    struct err err = ERR_INIT;
    char node[NAME_SIZE];

    (void)state;
    add_nodes(129);
    lead_case_start();
    for (unsigned i = 0; i < 128; i++) {
        snprintf(node, sizeof(node), "n%u", i);
        pass_order(node);
        assert_true(is_owed(node, 4, true));
    }
    assert_false(lead_case_try_order("n128", 4, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    pass_order("n7"); /* has its place */
    lead_backs_stack(place.lead, "n7", &stack);
    pass_order("n128"); /* n7 is back: its place is free */
    assert_true(is_owed("n128", 4, true));
    err = (struct err)ERR_INIT;
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    assert_true(is_owed("a1", 1, false));
    assert_true(is_owed("n0", 4, true));
}

/* ---- several emergencies --------------------------------------------------------------------- */

static unsigned count_open(void)
{
    const struct lead_backs *backs = lead_backs(place.lead);
    unsigned open = 0;

    for (uint32_t i = 0; i < backs->count; i++)
        open += !backs->list[i].done;
    return open;
}

/* Whoever waits for the first one waits on. */
static void an_emergency_is_not_forgotten_for_a_later_one(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    assert_true(lead_case_take_back("", "first", &err));
    assert_int_equal(count_open(), 2);
    assert_true(lead_case_take_back("b2", "second", &err));
    assert_int_equal(count_open(), 2);
    assert_string_equal(lead_case_find_back("a1")->reason, "first");
    assert_string_equal(lead_case_find_back("b2")->reason, "second");
    lead_case_restart();
    assert_int_equal(count_open(), 2);
    assert_string_equal(lead_case_find_back("a1")->reason, "first");
}

static void an_emergency_of_unknown_nodes_changes_nothing(void **state)
{
    char names[2][NAME_SIZE] = {"b2", "nobody"};
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    assert_true(lead_case_take_back("a1", "drill", &err));
    assert_false(lead_case_take_back("nobody", "typo", &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.text, "has no node nobody"));
    err = (struct err)ERR_INIT;
    assert_false(lead_emergency(place.lead, names, 2, "olga", "typo", &err));
    assert_int_equal(count_open(), 1);
    lead_case_restart();
    assert_int_equal(count_open(), 1);
    assert_string_equal(lead_case_find_back("a1")->reason, "drill");
}

static void a_guard_that_was_asked_is_asked_after_a_later_emergency(void **state)
{
    struct err err = ERR_INIT;
    char node[] = "a1";

    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED); /* its guard confirmed it all the same */
    assert_true(lead_case_take_back("a1", "first", &err));
    assert_int_equal(lead_case_find_back("a1")->rollout, 0);
    lead_case_start();
    assert_true(lead_case_take_back("b2", "second", &err));
    outbox_clear(place.outbox, node);
    place_until(&place, lead_case_is_asked, node, "a1's guard is asked again");
    assert_string_equal(lead_case_find_back("a1")->reason, "first");
}

/* However many have come and gone since. */
static void finds_what_stands_behind_many_that_do_not(void **state)
{
    struct stack stack = {.node = "a1"};
    struct err err = ERR_INIT;

    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    for (uint64_t id = 2; id <= 300; id++)
        place_add_standing(&place, id, SAYS_ENDED);
    assert_true(lead_case_take_back("a1", "drill", &err));
    assert_int_equal(lead_case_find_back("a1")->attempt.sequence, 101);
    lead_backs_stack(place.lead, "a1", &stack);
    assert_true(lead_case_find_back("a1")->done);
}

/* ---- what stands where, as a receipt behind the stack says it ---------------------------------
 */

/* Of receipt index 5. trial: one is open there; NULL: none. */
static void hear_stack_asked(const char *node, const struct attempt *standing,
                             const struct attempt *trial, mono_t asked_at)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), node);
    text_copy(stack->trial_state, sizeof(stack->trial_state), trial != NULL ? "on trial" : "idle");
    stack->nonce.bytes[0] = 9;
    stack->receipt_index = 5;
    stack->generations_count = 1;
    stack->generations[0].id = (struct generation_id){*standing, {.bytes = {7}}};
    stack->trial_open = trial != NULL;
    if (trial != NULL)
        stack->trial = (struct generation_id){*trial, {.bytes = {8}}};
    lead_take_stack(place.lead, node, stack, asked_at);
}

static void hear_stack(const char *node, const struct attempt *standing,
                       const struct attempt *trial)
{
    hear_stack_asked(node, standing, trial, clock_now());
}

/* Of a1's guard; its agent is lost before the stack that it is asked for then. */
static void hear_receipt(enum receipt_kind kind, uint64_t index, const struct attempt *attempt)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct guard_report report = {.kind = REPORT_RECEIPT};
    struct err err = ERR_INIT;

    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->generation = (struct generation_id){*attempt, {.bytes = {8}}};
    receipt->kind = kind;
    receipt->cause = kind == RECEIPT_POPPED ? CAUSE_ORDERED : CAUSE_NONE;
    receipt->index = index;
    report.envelope = wire_encode_receipt(receipt, place.members[PLACE_A1].guard);
    bytes = wire_encode_guard_report(&report);
    wire_bytes_done(&report.envelope);
    if (!lead_take_report(place.lead, "a1", wire_lend(&bytes), &err))
        fail_msg("%s", err.text);
    lead_take_lost(place.lead, "a1");
}

/* The foretelling names the same as what is taken back then. */
static void expect_taken_back(uint64_t rollout, const char *sentence)
{
    AUTO_FREE struct lead_losses *losses = mem_alloc(1, sizeof(*losses));
    struct err err = ERR_INIT;

    assert_true(lead_foretell(place.lead, NULL, 0, losses, &err));
    assert_int_equal(losses->rollout, rollout);
    assert_string_equal(losses->list[0].name, "a1");
    assert_non_null(strstr(losses->list[0].sentence, sentence));
    assert_true(lead_case_take_back("", "drill", &err));
    assert_int_equal(lead_backs(place.lead)->rollout, rollout);
}

static void takes_back_what_was_confirmed_behind_the_stack(void **state)
{
    struct attempt first = lead_case_add_complete(1);
    struct attempt second = lead_case_add_complete(2);

    (void)state;
    hear_stack("a1", &first, &second);
    hear_stack("b2", &first, NULL);
    hear_receipt(RECEIPT_CONFIRMED, 6, &second);
    expect_taken_back(2, "it stands there");
}

static void takes_back_what_is_below_what_was_popped_behind_the_stack(void **state)
{
    struct attempt first = lead_case_add_complete(1);
    struct attempt second = lead_case_add_complete(2);

    (void)state;
    hear_stack("a1", &second, NULL);
    hear_stack("b2", &first, NULL);
    hear_receipt(RECEIPT_POPPED, 6, &second);
    expect_taken_back(1, "nothing: it does not stand there");
}

/* Told again after the stack that knows what has become of it since. */
static void an_old_receipt_says_nothing_against_the_stack(void **state)
{
    struct attempt first = lead_case_add_complete(1);
    struct attempt second = lead_case_add_complete(2);

    (void)state;
    hear_stack("a1", &first, NULL);
    hear_stack("b2", &first, NULL);
    hear_receipt(RECEIPT_CONFIRMED, 5, &second);
    expect_taken_back(1, "it stands there");
}

/* Signed before the receipt, over a connection that was slower. */
static void an_old_stack_says_nothing_against_the_receipt(void **state)
{
    struct attempt first = lead_case_add_complete(1);
    struct attempt second = lead_case_add_complete(2);

    (void)state;
    hear_stack("a1", &first, NULL);
    hear_stack("b2", &first, NULL);
    hear_receipt(RECEIPT_CONFIRMED, 6, &second);
    outbox_clear(place.outbox, "a1");
    hear_stack_asked("a1", &first, &second, 0);
    assert_true(lead_case_has_command("a1", GUARD_STACK));
    expect_taken_back(2, "it stands there");
}

/* Nothing was known of what stands there: what it signed is not forgotten for that. */
static void an_old_stack_is_not_the_first_word_behind_the_receipt(void **state)
{
    struct attempt first = lead_case_add_complete(1);
    struct attempt second = lead_case_add_complete(2);

    (void)state;
    hear_stack("b2", &first, NULL);
    hear_receipt(RECEIPT_CONFIRMED, 6, &second);
    hear_stack_asked("a1", &first, &second, 0);
    expect_taken_back(2, "not known");
}

/* Its journal was lost, and its receipts count from the beginning. */
static void what_was_asked_behind_the_receipt_counts_whatever_its_index(void **state)
{
    struct attempt first = lead_case_add_complete(1);
    struct attempt second = lead_case_add_complete(2);

    (void)state;
    hear_stack("a1", &first, NULL);
    hear_stack("b2", &first, NULL);
    hear_receipt(RECEIPT_CONFIRMED, 6, &second);
    hear_stack("a1", &first, NULL);
    expect_taken_back(1, "it stands there");
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(an_emergency_is_listed_after_a_restart),
        WITH_PLACE(who_was_to_come_back_at_once_waits_for_nobody_after_a_restart),
        WITH_PLACE(who_was_not_named_waits_after_a_restart),
        WITH_PLACE(an_order_is_passed_on_after_a_restart),
        WITH_PLACE(an_order_that_was_obeyed_is_not_asked_again),
        WITH_PLACE(what_was_taken_back_over_a_restart_is_not_said_to_be_missing),
        WITH_PLACE(an_order_that_was_never_sent_took_nothing_back),
        WITH_PLACE(an_order_outlives_a_later_emergency),
        WITH_PLACE(an_emergency_is_not_forgotten_for_a_later_one),
        WITH_PLACE(an_emergency_of_unknown_nodes_changes_nothing),
        WITH_PLACE(finds_what_stands_behind_many_that_do_not),
        WITH_PLACE(a_guard_that_was_asked_is_asked_after_a_later_emergency),
        WITH_PLACE(an_order_outlives_an_emergency_on_its_node),
        WITH_PLACE(an_order_outlives_another_one_on_its_node),
        WITH_PLACE(an_order_that_finds_no_room_is_refused),
        WITH_PLACE(takes_back_what_was_confirmed_behind_the_stack),
        WITH_PLACE(takes_back_what_is_below_what_was_popped_behind_the_stack),
        WITH_PLACE(an_old_receipt_says_nothing_against_the_stack),
        WITH_PLACE(an_old_stack_says_nothing_against_the_receipt),
        WITH_PLACE(an_old_stack_is_not_the_first_word_behind_the_receipt),
        WITH_PLACE(what_was_asked_behind_the_receipt_counts_whatever_its_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
