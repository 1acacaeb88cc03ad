/*
 * test_gates_rehearsal: `reversible`: by prediction, and by what the nodes' own kernels said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "tests/unit/gates_case.h"

static void reversible(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    text_copy(scene->manifest.plans[0].operations[0].route.device, DEVICE_SIZE, "eth9");
    gates_case_waive(scene, WAIVE_PREDICTION);
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[GATE_REVERSIBLE].passes);
    assert_false(gates_pass(&gates));
    gates_done(&gates);
}

/* The kernel's own words say no, whatever prediction sees. */
static void reversible_by_rehearsal(void **state)
{
    struct scene *scene = *state;

    gates_case_rehearse(scene, "b1", REHEARSED_REFUSED,
                        "the kernel says: Nexthop has invalid gateway");
    gates_case_expect_no(
        scene, GATE_REVERSIBLE,
        "reversible fail: expected its kernel accepts each operation in a rehearsal, and the "
        "undo brings everything back, observed b1: operation 1 (route: 192.0.2.0/24 dev "
        "eth0): refused: the kernel says: Nexthop has invalid gateway");
    gates_case_rehearse(scene, "b1", REHEARSED_STAYED, "expected no route, found one");
    gates_case_expect_no(scene, GATE_REVERSIBLE, "not taken back: expected no route, found one");
    gates_case_rehearse(scene, "b1", REHEARSED_MISSED, "this node is soaking");
    gates_case_expect_no(scene, GATE_REVERSIBLE, "reversible unknown");
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        gates_case_waive(scene, (enum waiver)i);
    gates_case_expect_no(scene, GATE_REVERSIBLE, "not done: this node is soaking");
}

/* None, of another manifest, too old: unknown, and what would make it known. */
static void reversible_needs_a_rehearsal_of_this(void **state)
{
    struct scene *scene = *state;

    scene->inputs.now = FLEET_REHEARSAL_OLD_MS;
    for (uint32_t i = 0; i < scene->fleet.members_count; i++)
        scene->fleet.members[i].snapshot_at = FLEET_REHEARSAL_OLD_MS;
    gates_case_expect_yes(scene);
    scene->inputs.now++;
    gates_case_expect_no(scene, GATE_REVERSIBLE,
                         "rehearsed 60 s ago: good for 60 s; `oceanidctl plan CHANGE.yaml` asks");
    scene->inputs.now = 0;
    scene->approval.attempt.body.bytes[0] = 4;
    gates_case_expect_no(scene, GATE_REVERSIBLE,
                         "not rehearsed: its guard has not answered in time, or a viewer");
    gates_case_rehearse(scene, "a1", REHEARSED_GOOD, "");
    gates_case_rehearse(scene, "b1", REHEARSED_GOOD, "");
    gates_case_expect_yes(scene);
    fleet_find(&scene->fleet, "b1")->rehearsal.rehearsal->operations_count = 2;
    gates_case_expect_no(scene, GATE_REVERSIBLE,
                         "its guard answered for another number of operations");
}

/* A node of an earlier stage has it already. */
static void reversible_asks_of_what_is_to_come(void **state)
{
    struct scene *scene = *state;

    gates_case_confirm_first(scene);
    gates_case_rehearse(scene, "a1", REHEARSED_MISSED, "it was not asked");
    gates_case_expect_yes(scene);
}

static void reversible_names_what_was_not_rehearsed(void **state)
{
    struct scene *scene = *state;
    const struct gate_answer *answer;
    struct gates gates;

    gates_case_rehearse(scene, "a1", REHEARSED_UNSEEN, "tailscaled does not run in a namespace");
    gates_case_expect_yes(scene);
    gates_evaluate(&scene->inputs, &gates);
    answer = &gates.answers[GATE_REVERSIBLE];
    assert_int_equal(answer->evidence_count, 5); /* undo and rehearsal of both, and what is not */
    assert_string_equal(answer->evidence[1].verdict.observed,
                        "0 of 1 operations accepted and taken back");
    assert_string_equal(answer->evidence[2].node, "a1");
    assert_string_equal(answer->evidence[2].verdict.check, "rehearsal");
    assert_string_equal(answer->evidence[2].verdict.observed,
                        "operation 1 (route: 192.0.2.0/24 dev eth0): not rehearsed: tailscaled "
                        "does not run in a namespace");
    assert_string_equal(answer->evidence[4].verdict.observed,
                        "1 of 1 operations accepted and taken back");
    gates_done(&gates);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, gates_case_make, gates_case_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reversible),
        CASE(reversible_by_rehearsal),
        CASE(reversible_needs_a_rehearsal_of_this),
        CASE(reversible_asks_of_what_is_to_come),
        CASE(reversible_names_what_was_not_rehearsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
