/*
 * test_downlink_rollout: a rollout over a real link: what agents are asked, and what becomes of
 * their answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/downlink_case.h"

static bool is_paused(void *context)
{
    const struct led *led = lead_find(place.lead, *(const uint64_t *)context);

    return led != NULL && led->machine.record.state == ROLLOUT_PAUSED;
}

/* Everything is asked of the nodes; the gates, evaluated over what they said, say no. */
static void a_rollout_learns_and_asks_the_gates(void **state)
{
    struct agent a1;
    struct agent b2;
    const struct led *led;
    uint64_t id;

    (void)state;
    downlink_case_join(&a1, PLACE_A1);
    downlink_case_join(&b2, PLACE_B2);
    downlink_case_start(1, &id);
    for (struct agent *agent = &a1; agent != NULL; agent = agent == &a1 ? &b2 : NULL) {
        struct guard_report said = {.kind = REPORT_STACK};
        struct guard_request asked;
        struct err err = ERR_INIT;
        const struct session_reply *reply = downlink_case_poll_for(agent, COMMAND_GUARD);

        assert_true(wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err));
        assert_int_equal(asked.kind, GUARD_STACK);
        said.envelope = place_make_stack(agent->member, &asked.challenge, NULL);
        downlink_case_report_guard(agent, &said);
        wire_bytes_done(&said.envelope);
        guard_request_done(&asked);
    }
    place_until(&place, is_paused, &id, "the gates' no");
    led = lead_find(place.lead, id);
    assert_string_equal(rollout_waiting_for(&led->machine), "next");
    assert_non_null(strstr(led->machine.record.sentence, "a gate says no"));
    assert_true(led->stored.gates.len > 2);
    assert_true(downlink_case_audit_says("rollout", "a gate says no"));
    assert_true(downlink_case_audit_says(
        "gate", "rollout 1, stage 1: documented pass; reason pass: forwarding is"));
    assert_true(downlink_case_audit_says("gate", "rollout 1, stage 1: working unknown; a1 "));
    downlink_case_hang_up(&a1);
    downlink_case_hang_up(&b2);
}

/* The approval names it; the node refuses that approval first, and begins it later. */
static void a_quarantine_is_lifted_when_its_node_has_begun(void **state)
{
    AUTO_WIRE struct wire_bytes failed = downlink_case_make_receipt(
        &place.members[PLACE_A1], place.members[PLACE_A1].guard, CAUSE_PROOF_FAILED);
    struct guard_report said = {.kind = REPORT_RECEIPT, .envelope = failed};
    struct guard_report refused = {.kind = REPORT_REFUSED, .reason = "not here"};
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct agent agent;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_report_guard(&agent, &said);
    assert_int_equal(place.desk.holds.count, 1);
    downlink_case_start_lifting(2, &place.desk.holds.list[0].receipt, &id);
    assert_false(place.desk.holds.list[0].lifted);
    refused.id.attempt = lead_find(place.lead, id)->machine.record.attempt;
    downlink_case_report_guard(&agent, &refused);
    assert_false(place.desk.holds.list[0].lifted);
    text_copy(stack->node, sizeof(stack->node), "a1");
    stack->trial_open = true;
    stack->trial.attempt = refused.id.attempt;
    stack->nonce.bytes[0] = 1;
    stack->receipt_index = 9;
    stack->trial.start.bytes[0] = 1;
    text_copy(stack->trial_state, sizeof(stack->trial_state), "soaking");
    lead_take_stack(place.lead, "a1", stack, clock_now());
    assert_true(place.desk.holds.list[0].lifted);
    downlink_case_hang_up(&agent);
}

/* One is open: the second is refused with the first's name. */
static void one_rollout_at_a_time(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct manifest manifest;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    downlink_case_start(1, &id);
    place_make_manifest(&place, "another", &manifest);
    bytes = place_sign_manifest(&place, &manifest, 2);
    manifest_done(&manifest);
    assert_true(lead_order_decode(wire_lend(&bytes), order, &err));
    assert_false(lead_check(place.lead, order, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "rollout 1, forwarding, is open"));
    lead_order_done(order);
}

/* What stands of an unknown body is popped only when its rollout says so: nothing is there. */
static void emergency_needs_a_rollout(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_false(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    assert_int_equal(err.kind, ERR_MISSING);
}

static void emergency_takes_the_open_rollout_back(void **state)
{
    struct err err = ERR_INIT;
    const struct lead_backs *backs;
    uint64_t id;

    (void)state;
    downlink_case_start(1, &id);
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    backs = lead_backs(place.lead);
    assert_int_equal(backs->rollout, id);
    assert_int_equal(backs->count, 2);
    assert_true(
        downlink_case_audit_says("emergency", "emergency rollback of rollout 1, all nodes: drill"));
}

static void a_signed_order_is_passed_to_the_guard(void **state)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    AUTO_WIRE struct wire_bytes forged = {NULL, 0};
    struct attempt stands = {.sequence = 4};
    struct guard_report said = {.kind = REPORT_STACK};
    struct guard_request asked;
    const struct session_reply *reply;
    struct err err = ERR_INIT;
    struct agent agent;

    (void)state;
    memset(stands.body.bytes, 4, HASH_SIZE);
    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, "a1");
    order->down_to.attempt = stands;
    text_copy(order->reason, sizeof(order->reason), "drill");
    forged = wire_encode_order(order, place.members[PLACE_A1].agent);
    envelope = wire_encode_order(order, place.approver);
    assert_false(lead_pass_order(place.lead, wire_lend(&forged), "olga", &err));
    assert_int_equal(err.kind, ERR_DENIED);
    err = (struct err)ERR_INIT;

    downlink_case_join(&agent, PLACE_A1);
    assert_true(lead_pass_order(place.lead, wire_lend(&envelope), "olga", &err));
    reply = downlink_case_poll_for(&agent, COMMAND_GUARD);
    assert_true(wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err));
    assert_int_equal(asked.kind, GUARD_STACK);
    said.envelope = place_make_stack(agent.member, &asked.challenge, &stands);
    guard_request_done(&asked);
    downlink_case_report_guard(&agent, &said);
    wire_bytes_done(&said.envelope);
    reply = downlink_case_poll_for(&agent, COMMAND_GUARD);
    while (wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err) &&
           asked.kind != GUARD_ORDER) {
        guard_request_done(&asked);
        reply = downlink_case_poll(&agent, reply->id);
    }
    assert_int_equal(asked.envelope.len, envelope.len);
    assert_memory_equal(asked.envelope.data, envelope.data, envelope.len);
    guard_request_done(&asked);
    downlink_case_hang_up(&agent);
}

/* ---- stacks and receipts that pass each other --------------------------------------------------
 */

static void report_receipt(struct agent *agent)
{
    const struct place_member *member = agent->member;
    struct guard_report said = {.kind = REPORT_RECEIPT};
    mono_t now = clock_now();

    while (clock_now() == now)
        place_turn(&place);
    said.envelope = downlink_case_make_receipt(member, member->guard, CAUSE_ABORTED);
    downlink_case_report_guard(agent, &said);
    wire_bytes_done(&said.envelope);
}

static void answer_stack(struct agent *agent)
{
    struct guard_report said = {.kind = REPORT_STACK};
    struct guard_request asked;
    struct err err = ERR_INIT;
    const struct session_reply *reply = downlink_case_poll_for(agent, COMMAND_GUARD);

    assert_true(wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err));
    assert_int_equal(asked.kind, GUARD_STACK);
    said.envelope = place_make_stack(agent->member, &asked.challenge, NULL);
    guard_request_done(&asked);
    downlink_case_report_guard(agent, &said);
    wire_bytes_done(&said.envelope);
}

/* Over the connection that was dialled beside comes a stack of index 1, over a challenge from
 * before the receipt, of index 2; the next of index 1 is asked for behind it. */
static void a_stack_is_as_old_as_its_challenge(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct hello given = {.extra = true};
    struct agent agent;
    struct agent beside;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_dial(&beside, PLACE_A1);
    given.challenge = downlink_case_hello_begin(&beside, "a1")->challenge;
    report_receipt(&agent);
    assert_int_equal(member->stack.receipt_index, 2);
    assert_int_equal(downlink_case_hello(&beside, &given)->kind, ANSWER_WELCOME);
    assert_int_equal(member->stack.receipt_index, 2);
    answer_stack(&beside);
    assert_int_equal(member->stack.receipt_index, 1);
    report_receipt(&beside);
    assert_int_equal(member->stack.receipt_index, 2);
    assert_int_equal(downlink_case_greet(&beside, &given)->kind, ANSWER_WELCOME);
    assert_int_equal(member->stack.receipt_index, 1);
    downlink_case_hang_up(&agent);
    downlink_case_hang_up(&beside);
}

#define WITH_PLACE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, downlink_case_open, downlink_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_quarantine_is_lifted_when_its_node_has_begun),
        WITH_PLACE(a_rollout_learns_and_asks_the_gates),
        WITH_PLACE(one_rollout_at_a_time),
        WITH_PLACE(emergency_needs_a_rollout),
        WITH_PLACE(emergency_takes_the_open_rollout_back),
        WITH_PLACE(a_signed_order_is_passed_to_the_guard),
        WITH_PLACE(a_stack_is_as_old_as_its_challenge),
    };

    return cmocka_run_group_tests_name("downlink_rollout", tests, NULL, NULL);
}
