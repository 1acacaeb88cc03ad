/*
 * test_lead_void: what was signed and no controller has is barred on each node that it is for, by
 * the guard's own receipt; nothing is undone by it.
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

static const struct attempt lost = {.body = {{7}}, .sequence = 9};

static const char *reason;

static int open_case(void **state)
{
    reason = "its file is lost";
    return lead_case_open(state);
}

static bool try_void(const char *node, const struct attempt *attempt, struct err *err)
{
    char names[1][NAME_SIZE] = {""};
    const struct lead_wish wish = {names, 1, "olga", reason};

    text_copy(names[0], NAME_SIZE, node);
    *err = (struct err)ERR_INIT;
    return lead_void(place.lead, attempt, &wish, err);
}

static void want_of(const char *node, const struct attempt *attempt)
{
    struct err err;

    if (!try_void(node, attempt, &err))
        fail_msg("%s", err.text);
}

static void want(const char *node)
{
    want_of(node, &lost);
}

struct told {
    unsigned count;
    char sentence[REASON_SIZE];
};

static void note(void *context, const char *node, const char *sentence)
{
    struct told *told = context;

    assert_string_equal(node, "a1");
    told->count++;
    text_copy(told->sentence, sizeof(told->sentence), sentence);
}

static unsigned count_told(const struct attempt *attempt)
{
    struct told told = {0};

    lead_voids_tell(place.lead, attempt, note, &told);
    return told.count;
}

static void expect(unsigned count, const char *part)
{
    struct told told = {0};

    lead_voids_tell(place.lead, &lost, note, &told);
    assert_int_equal(told.count, count);
    if (strstr(told.sentence, part) == NULL)
        fail_msg("'%s' does not say '%s'", told.sentence, part);
}

/* What is on a1: nothing, that attempt standing, or on trial. */
static void hear(bool stands, bool on_trial)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), "a1");
    text_copy(stack->trial_state, sizeof(stack->trial_state), on_trial ? "soaking" : "idle");
    stack->nonce.bytes[0] = 9;
    stack->generations_count = stands;
    stack->generations[0].id.attempt = lost;
    stack->trial_open = on_trial;
    if (on_trial)
        stack->trial.attempt = lost;
    lead_take_stack(place.lead, "a1", stack, clock_now());
}

static void sign_end(enum receipt_kind kind)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct err err = ERR_INIT;

    receipt->kind = kind;
    receipt->index = 3;
    receipt->generation.attempt = lost;
    text_copy(receipt->node, sizeof(receipt->node), "a1");
    bytes = wire_encode_receipt(receipt, place.members[PLACE_A1].guard);
    if (!lead_take_receipt(place.lead, "a1", wire_lend(&bytes), &err))
        fail_msg("%s", err.text);
}

static void its_guard_bars_it(void **state)
{
    (void)state;
    want("a1");
    expect(1, "it has not answered yet");
    assert_true(lead_case_has_command("a1", GUARD_STACK));
    hear(false, false);
    assert_true(lead_case_has_command("a1", GUARD_ABORT));
    expect(1, "its guard was asked to bar it");
    want("a1"); /* once more is the same one */
    expect(1, "");
    sign_end(RECEIPT_INCOMPLETE);
    expect(1, "");
    sign_end(RECEIPT_TOMBSTONE);
    expect(0, "");
    hear(false, false);
    assert_false(lead_case_has_command("a1", GUARD_ABORT));
}

static unsigned count_audited(void)
{
    AUTO_FREE struct audit_row *rows = mem_alloc(16, sizeof(*rows));
    struct err err = ERR_INIT;
    unsigned found = 0;
    size_t count;

    assert_true(store_read_audit(place.desk.store, 0, rows, 16, &count, &err));
    for (size_t i = 0; i < count; i++)
        found += text_equal(rows[i].what, "void");
    return found;
}

/* oceanidctl asks every second how far it is: that is no other wish. */
static void who_looks_again_asks_nothing_new(void **state)
{
    (void)state;
    want("a1");
    assert_int_equal(count_audited(), 1);
    assert_non_null(strstr(place.desk.audit.text, "is to be barred on 1 nodes: its file is lost"));
    assert_true(lead_case_has_command("a1", GUARD_STACK));
    want("a1");
    assert_int_equal(count_audited(), 1);
    assert_false(lead_case_has_command("a1", GUARD_STACK));
    reason = "it was the wrong one";
    want("a1");
    assert_int_equal(count_audited(), 2);
}

/* Another controller has it: an abort would take the trial back. */
static void what_was_begun_is_not_touched(void **state)
{
    (void)state;
    want("a1");
    hear(true, false);
    assert_false(lead_case_has_command("a1", GUARD_ABORT));
    expect(1, "it stands there");
    hear(false, true);
    assert_false(lead_case_has_command("a1", GUARD_ABORT));
    assert_false(lead_case_has_command("a1", GUARD_POP));
    sign_end(RECEIPT_POPPED);
    expect(0, "");
}

static void what_a_guard_refuses_is_said(void **state)
{
    (void)state;
    want("a1");
    hear(false, false);
    lead_voids_refused(place.lead, "a1", &lost, "no room for a tombstone");
    expect(1, "no room for a tombstone");
}

static void who_cannot_bar_is_refused(void **state)
{
    struct err err;

    (void)state;
    assert_false(try_void("x9", &lost, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    assert_false(try_void("w1", &lost, &err)); /* a witness has no guard */
    assert_int_equal(err.kind, ERR_MISSING);
    expect(0, "");
}

/* What is led here is aborted, which says so to people too. */
static void what_a_rollout_has_is_aborted(void **state)
{
    const struct led *led = lead_find(place.lead, lead_case_start());
    char names[1][NAME_SIZE] = {"a1"};
    const struct lead_wish wish = {names, 1, "olga", "its file is lost"};
    struct err err = ERR_INIT;

    (void)state;
    assert_false(lead_void(place.lead, &led->machine.record.attempt, &wish, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "`oceanidctl rollout abort` ends it"));
}

/* A file turned up: who begins it wants it, and a guard that was not asked yet is not. */
static void what_is_begun_is_not_to_be_barred_any_more(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct err err = ERR_INIT;
    struct manifest manifest;

    (void)state;
    want("a1"); /* another one stays */
    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, 1);
    manifest_done(&manifest);
    assert_true(lead_order_decode(wire_lend(&bytes), order, &err));
    want_of("a1", &order->approval.attempt);
    lead_case_start();
    assert_int_equal(count_told(&order->approval.attempt), 0);
    assert_int_equal(count_told(&lost), 1);
    assert_int_equal(count_audited(), 3); /* both wishes, and that one is none any more */
    lead_order_done(order);
}

/* Two ledgers signed one sequence: what no rollout here has is barred beside what one has. */
static void one_whose_sequence_another_manifest_has_is_barred(void **state)
{
    const struct led *led = lead_find(place.lead, lead_case_start());
    struct attempt other = led->machine.record.attempt;

    (void)state;
    other.body.bytes[0] ^= 1;
    want_of("a1", &other);
    assert_int_equal(count_told(&other), 1);
    assert_int_equal(count_told(&led->machine.record.attempt), 0);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_case, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(its_guard_bars_it),
        WITH_PLACE(who_looks_again_asks_nothing_new),
        WITH_PLACE(what_was_begun_is_not_touched),
        WITH_PLACE(what_a_guard_refuses_is_said),
        WITH_PLACE(who_cannot_bar_is_refused),
        WITH_PLACE(what_a_rollout_has_is_aborted),
        WITH_PLACE(what_is_begun_is_not_to_be_barred_any_more),
        WITH_PLACE(one_whose_sequence_another_manifest_has_is_barred),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
