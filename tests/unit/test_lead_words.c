/*
 * test_lead_words: what a guard signs is as old as what it was asked over: an old word says nothing
 * against a newer one, and a new one is heard whatever its journal counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/lead_case.h"

/* By its sixth receipt. */
static struct target *confirm(struct led *led)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct guard_report report = {.kind = REPORT_RECEIPT};
    struct err err = ERR_INIT;

    led->machine.record.targets[0].wants = WANTS_CHANGE;
    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->generation = (struct generation_id){led->machine.record.attempt, {.bytes = {8}}};
    receipt->kind = RECEIPT_CONFIRMED;
    receipt->index = 6;
    report.envelope = wire_encode_receipt(receipt, place.members[PLACE_A1].guard);
    bytes = wire_encode_guard_report(&report);
    wire_bytes_done(&report.envelope);
    if (!lead_take_report(place.lead, "a1", wire_lend(&bytes), &err))
        fail_msg("%s", err.text);
    return &led->machine.targets[0];
}

/* a1's guard has confirmed. */
static struct target *confirm_a1(void)
{
    struct target *a1 = confirm((struct led *)lead_find(place.lead, lead_case_start()));

    assert_true(target_is_confirmed(a1));
    return a1;
}

/* Nothing stands there, and it has signed one receipt. */
static void hear_empty(mono_t asked_at)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), "a1");
    text_copy(stack->trial_state, sizeof(stack->trial_state), "idle");
    stack->nonce.bytes[0] = 9;
    stack->receipt_index = 1;
    lead_take_stack(place.lead, "a1", stack, asked_at);
}

static void a_stack_from_before_the_receipt_puts_nothing_in_doubt(void **state)
{
    const struct target *a1 = confirm_a1();

    (void)state;
    hear_empty(a1->newest.at - 1);
    assert_true(target_is_confirmed(a1));
    assert_false(a1->heard);
}

/* Its disk was replaced: the rollout that is open goes by it as after a restart. */
static void a_guard_with_another_journal_is_heard_at_once(void **state)
{
    const struct target *a1 = confirm_a1();

    (void)state;
    hear_empty(a1->newest.at + 1);
    assert_true(a1->heard);
    assert_true(a1->record->in_doubt);
    assert_false(target_is_confirmed(a1));
    lead_case_restart();
    a1 = &place.lead->leds->machine.targets[0];
    hear_empty(clock_now());
    assert_true(a1->heard);
    assert_true(a1->record->in_doubt);
    assert_false(target_is_confirmed(a1));
}

/* It was in flight when the disk was replaced: that it was confirmed once is known. */
static void its_receipt_that_comes_again_settles_nothing(void **state)
{
    const struct target *a1 = confirm_a1();

    (void)state;
    hear_empty(a1->newest.at + 1);
    confirm(place.lead->leds);
    assert_true(a1->record->in_doubt);
    assert_false(target_is_confirmed(a1));
    assert_true(lead_case_has_command("a1", GUARD_STACK));
}

/* outbox_wake_fn: something waits for a node. */
static void note_asked(void *context, const char *node)
{
    struct led *led = context;

    if (text_equal(node, "a1"))
        assert_int_equal(led->machine.targets[0].newest.index, 6);
}

/* The answer has to be younger than the receipt for the machine too. */
static void its_stack_is_asked_for_behind_the_receipt(void **state)
{
    struct led *led = (struct led *)lead_find(place.lead, lead_case_start());

    (void)state;
    lead_case_has_command("a1", GUARD_STACK);
    outbox_set_wake(place.outbox, note_asked, led);
    confirm(led);
    assert_true(lead_case_has_command("a1", GUARD_STACK));
}

/* ---- who does not answer --------------------------------------------------------------------- */

static bool was_said_of_a1(void *context)
{
    AUTO_FREE struct audit_row *rows = mem_alloc(16, sizeof(*rows));
    struct err err = ERR_INIT;
    size_t count;

    assert_true(store_read_audit(place.desk.store, 0, rows, 16, &count, &err));
    for (size_t i = 0; i < count; i++) {
        if (strstr(rows[i].text, "a node does not answer") != NULL &&
            strstr(rows[i].text, context) != NULL)
            return true;
    }
    return false;
}

/* Both were asked long ago. */
static void fall_silent(struct led *led)
{
    for (uint32_t i = 0; i < led->machine.record.targets_count; i++)
        led->machine.targets[i].asked_at = clock_now() - 60000;
    lead_set_timer(place.lead);
}

static void a_guard_that_is_not_believed_is_no_lost_connection(void **state)
{
    const struct place_member other = {.name = "a1", .guard = place.members[PLACE_B2].guard};
    struct led *led = (struct led *)lead_find(place.lead, lead_case_start());
    struct guard_report report = {.kind = REPORT_STACK};
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct err err = ERR_INIT;

    (void)state;
    fleet_find(&place.desk.fleet, "a1")->connected = true;
    report.envelope = place_make_stack(&other, &(struct nonce){{1}}, NULL);
    bytes = wire_encode_guard_report(&report);
    wire_bytes_done(&report.envelope);
    assert_false(lead_take_report(place.lead, "a1", wire_lend(&bytes), &err));
    fall_silent(led);
    place_until(&place, was_said_of_a1,
                "a1: its agent is connected, what its guard says of itself is refused: ",
                "what is known of a1");
    place_until(&place, was_said_of_a1, "b2: not connected", "what is known of b2");
}

static void a_guard_that_says_nothing_is_no_lost_connection(void **state)
{
    struct led *led = (struct led *)lead_find(place.lead, lead_case_start());

    (void)state;
    fleet_find(&place.desk.fleet, "a1")->connected = true;
    fall_silent(led);
    place_until(&place, was_said_of_a1, "a1: its agent is connected, its guard does not answer",
                "what is known of a1");
}

/* It was signed before its last receipt, and is asked for again. */
static void a_guard_with_an_old_word_is_no_lost_connection(void **state)
{
    struct led *led = (struct led *)lead_find(place.lead, lead_case_start());
    struct fleet_member *a1 = fleet_find(&place.desk.fleet, "a1");

    (void)state;
    a1->connected = true;
    newest_word_note(&a1->newest, 6, clock_now());
    hear_empty(a1->newest.at - 1);
    fall_silent(led);
    place_until(&place, was_said_of_a1, "is older than its last receipt", "what is known of a1");
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_stack_from_before_the_receipt_puts_nothing_in_doubt),
        WITH_PLACE(a_guard_with_another_journal_is_heard_at_once),
        WITH_PLACE(its_receipt_that_comes_again_settles_nothing),
        WITH_PLACE(its_stack_is_asked_for_behind_the_receipt),
        WITH_PLACE(a_guard_that_is_not_believed_is_no_lost_connection),
        WITH_PLACE(a_guard_that_says_nothing_is_no_lost_connection),
        WITH_PLACE(a_guard_with_an_old_word_is_no_lost_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
