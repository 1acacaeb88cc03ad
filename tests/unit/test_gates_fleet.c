/*
 * test_gates_fleet: the questions asked of a fleet of two nodes and a witness as it is: all yes
 * first, then one reason for a no at a time; who says nothing is never a yes.
 */
#include "controller/core/gates.h"

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
#include "tests/unit/ip_lines.h"

enum { NOW_UNIX = 100000 };

struct scene {
    struct manifest manifest;
    struct approval approval;
    struct fleet_file file;
    struct fleet fleet;
    struct holds holds;
    struct gates_inputs inputs;
    struct bars bars;
};

static void tell(struct scene *scene, const char *node, const char *check, enum verdict_value value)
{
    struct verdict verdict = {.value = value, .severity = SEVERITY_CRITICAL};

    text_copy(verdict.check, sizeof(verdict.check), check);
    fleet_tell_verdict(fleet_find(&scene->fleet, node), &verdict, 30, NOW_UNIX);
}

static struct fleet_member *add_member(struct scene *scene, const char *name, bool witness_only)
{
    struct fleet_node *node = &scene->file.nodes[scene->file.nodes_count++];
    struct fleet_member *member = fleet_put(&scene->fleet, name, witness_only);

    text_copy(node->name, sizeof(node->name), name);
    node->witness_only = witness_only;
    fleet_greet(member);
    fleet_hear(member, 0, NOW_UNIX);
    member->has_told = true;
    return member;
}

static void add_node(struct scene *scene, const char *name, const char *address,
                     const char *gateway)
{
    struct fleet_member *member = add_member(scene, name, false);
    struct fleet_node *node = &scene->file.nodes[scene->file.nodes_count - 1];
    char lines[256];

    text_copy(node->console, sizeof(node->console), "physical");
    assert_true(address_parse(address, &node->ssh.address));
    node->ssh.port = 22;
    member->has_snapshot = member->has_stack = member->stack_is_of_session = true;
    snprintf(lines, sizeof(lines),
             "link lo 1 loopback\nlink eth0 2\naddress %s/24 dev eth0\n"
             "route default via %s dev eth0\n",
             address, gateway);
    ip_lines_add(&member->snapshot, lines);
    ip_lines_add_usual_rules(&member->snapshot);
    tell(scene, name, "ssh-reply-path", VERDICT_PASS);
    tell(scene, name, "controller", VERDICT_PASS);
}

static int make_scene(void **state)
{
    struct scene *scene = mem_alloc(1, sizeof(*scene));

    fleet_init(&scene->fleet);
    scene->holds.list = mem_alloc(HOLDS_MAX, sizeof(*scene->holds.list));
    add_node(scene, "a1", "203.0.113.10", "203.0.113.1");
    add_node(scene, "b1", "198.51.100.10", "198.51.100.1");
    add_member(scene, "office", true);
    tell(scene, "a1", "ssh:b1", VERDICT_PASS);
    tell(scene, "b1", "ssh:a1", VERDICT_PASS);
    tell(scene, "office", "ssh:a1", VERDICT_PASS);
    tell(scene, "office", "ssh:b1", VERDICT_PASS);
    gates_fleet_manifest(&scene->file, &scene->manifest);
    scene->inputs = (struct gates_inputs){.manifest = &scene->manifest,
                                          .approval = &scene->approval,
                                          .file = &scene->file,
                                          .fleet = &scene->fleet,
                                          .holds = &scene->holds,
                                          .bars = &scene->bars,
                                          .now_unix = NOW_UNIX};
    *state = scene;
    return 0;
}

static int end_scene(void **state)
{
    struct scene *scene = *state;

    manifest_done(&scene->manifest);
    fleet_done(&scene->fleet);
    free(scene->holds.list);
    free(scene);
    return 0;
}

/* Exactly this gate says no (GATE_COUNT: none), with that value and part of why. */
static void expect(const struct scene *scene, enum gate gate, enum verdict_value value,
                   const char *part)
{
    struct gates gates;
    char text[1024] = "";
    struct text why = TEXT_IN(text);

    gates_evaluate_fleet(&scene->inputs, &gates);
    gates_explain(&gates, &why);
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        if (gates.answers[i].passes != (i != gate))
            fail_msg("%s %s: %s", gate_name((enum gate)i),
                     gates.answers[i].passes ? "passes" : "does not pass", text);
    }
    if (gate < GATE_COUNT)
        assert_int_equal(gates.answers[gate].verdict.value, value);
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
    gates_done(&gates);
}

static void all_say_yes(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(scene->manifest.plans_count, 2);
    expect(scene, GATE_COUNT, VERDICT_PASS, "");
}

/* Nothing was tried, asked or written down where no change is: that is said, and no yes. */
static void what_no_change_answers_is_no_yes(void **state)
{
    static const struct {
        enum gate gate;
        const char *instead;
    } rows[] = {
        {GATE_WORKING, ""},
        {GATE_NEEDED, "no change is named"},
        {GATE_APPROVED, "no change is named, and nobody was asked"},
        {GATE_REVERSIBLE,
         "no change is named; what stands has its undo, and none of it is in doubt"},
        {GATE_ONE_FIRST, "no change is named; no rollout and no trial is open"},
        {GATE_CLUSTER_PATH, "no cluster is declared in fleet.yaml"},
        {GATE_SSH_PATH, ""},
        {GATE_DOCUMENTED, "no change is named; what was confirmed stands unaltered"},
        {GATE_HOLD, ""},
    };
    struct scene *scene = *state;
    struct gates gates;

    _Static_assert(sizeof(rows) / sizeof(rows[0]) == GATE_COUNT, "each of them");
    gates_evaluate_fleet(&scene->inputs, &gates);
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        assert_string_equal(gates.answers[rows[i].gate].instead, rows[i].instead);
        assert_string_equal(gates.answers[rows[i].gate].verdict.observed,
                            rows[i].instead[0] != '\0' ? rows[i].instead : "yes");
    }
    gates_done(&gates);
    fleet_find(&scene->fleet, "a1")->stack.trial_open = true; /* a no says why */
    expect(scene, GATE_ONE_FIRST, VERDICT_FAIL, "a1: one is open");
}

static void a_failing_check_says_no(void **state)
{
    struct scene *scene = *state;

    tell(scene, "b1", "controller", VERDICT_FAIL);
    expect(scene, GATE_WORKING, VERDICT_FAIL, "b1");
    tell(scene, "b1", "controller", VERDICT_UNKNOWN);
    expect(scene, GATE_WORKING, VERDICT_UNKNOWN, "b1");
}

static void an_open_trial_or_rollout_says_no(void **state)
{
    struct scene *scene = *state;
    struct fleet_member *member = fleet_find(&scene->fleet, "a1");

    member->stack.trial_open = true;
    expect(scene, GATE_ONE_FIRST, VERDICT_FAIL, "a1: one is open");
    member->stack.trial_open = false;
    err_set(&scene->bars.why[BAR_OPEN], ERR_CONFLICT, "rollout 7, second-gateway, is open");
    expect(scene, GATE_ONE_FIRST, VERDICT_FAIL, "rollout 7, second-gateway, is open");
}

static void a_change_in_doubt_says_no(void **state)
{
    struct scene *scene = *state;
    struct stack *stack = &fleet_find(&scene->fleet, "a1")->stack;

    stack->generations_count = 2;
    text_copy(stack->generations[0].change, NAME_SIZE, "first-gateway");
    text_copy(stack->generations[1].change, NAME_SIZE, "second-gateway");
    expect(scene, GATE_COUNT, VERDICT_PASS, "");
    stack->generations[0].in_doubt = true;
    expect(scene, GATE_REVERSIBLE, VERDICT_FAIL,
           "its disk lost how first-gateway ended: it may stand or not; take it back first: "
           "`oceanidctl emergency-rollback --node a1 --to first-gateway`");
}

static void drift_says_no(void **state)
{
    struct scene *scene = *state;
    struct fleet_member *member = fleet_find(&scene->fleet, "b1");

    member->drift_count = 1;
    text_copy(member->drift[0], SENTENCE_SIZE, "the rule 5150 is gone");
    expect(scene, GATE_DOCUMENTED, VERDICT_FAIL, "b1: the rule 5150 is gone");
}

/* It is back, and its first report waits behind those of others. */
static void what_has_not_been_told_yet_is_no_yes(void **state)
{
    struct scene *scene = *state;

    fleet_find(&scene->fleet, "b1")->has_told = false;
    expect(scene, GATE_DOCUMENTED, VERDICT_UNKNOWN, "b1: it has not said since it connected");
}

static void a_freeze_says_no(void **state)
{
    struct scene *scene = *state;
    struct hold freeze = {.scope = "b1", .reason = "holidays", .by = "otto"};
    struct err err = ERR_INIT;

    assert_non_null(holds_add(&scene->holds, &freeze, NOW_UNIX, &err));
    expect(scene, GATE_HOLD, VERDICT_FAIL, "hold 1 of otto");
}

static void ssh_needs_witnesses_and_a_console(void **state)
{
    struct scene *scene = *state;

    tell(scene, "office", "ssh:b1", VERDICT_UNKNOWN);
    expect(scene, GATE_SSH_PATH, VERDICT_UNKNOWN, "b1");
    tell(scene, "office", "ssh:b1", VERDICT_PASS);
    scene->file.nodes[0].console[0] = '\0';
    expect(scene, GATE_SSH_PATH, VERDICT_FAIL, "a1: none");
}

static void a_node_that_says_nothing_is_never_a_yes(void **state)
{
    struct scene *scene = *state;
    struct fleet_member *member = fleet_find(&scene->fleet, "a1");
    struct gates gates;

    member->stack_is_of_session = false; /* and an earlier one is known */
    gates_evaluate_fleet(&scene->inputs, &gates);
    assert_int_equal(gates.answers[GATE_REVERSIBLE].verdict.value, VERDICT_UNKNOWN);
    assert_int_equal(gates.answers[GATE_ONE_FIRST].verdict.value, VERDICT_UNKNOWN);
    gates_done(&gates);
    member->stack_is_of_session = true;
    member->connected = false;
    gates_evaluate_fleet(&scene->inputs, &gates);
    assert_int_equal(gates.answers[GATE_WORKING].verdict.value, VERDICT_UNKNOWN);
    assert_int_equal(gates.answers[GATE_REVERSIBLE].verdict.value, VERDICT_UNKNOWN);
    assert_int_equal(gates.answers[GATE_DOCUMENTED].verdict.value, VERDICT_UNKNOWN);
    gates_done(&gates);
}

/* Its agent reports, and sends no snapshot any more: what the model tells is of another day. */
static void an_old_snapshot_says_nothing(void **state)
{
    struct scene *scene = *state;
    char text[1024] = "";
    struct text why = TEXT_IN(text);
    struct gates gates;

    scene->inputs.now = FLEET_SNAPSHOT_OLD_MS;
    expect(scene, GATE_COUNT, VERDICT_PASS, "");
    scene->inputs.now++;
    fleet_find(&scene->fleet, "b1")->snapshot_at = 1;
    gates_evaluate_fleet(&scene->inputs, &gates);
    assert_int_equal(gates.answers[GATE_CLUSTER_PATH].verdict.value, VERDICT_UNKNOWN);
    assert_int_equal(gates.answers[GATE_SSH_PATH].verdict.value, VERDICT_UNKNOWN);
    assert_true(gates.answers[GATE_WORKING].passes);
    assert_true(gates_await(&gates, &why));
    assert_string_equal(text, "a1: its agent to send a snapshot");
    gates_done(&gates);
    fleet_find(&scene->fleet, "a1")->snapshot_at = 1;
    expect(scene, GATE_COUNT, VERDICT_PASS, "");
}

static void a_fleet_of_nobody_is_not_known(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    scene->manifest.plans_count = scene->manifest.stages_count = 0;
    gates_evaluate_fleet(&scene->inputs, &gates);
    assert_int_equal(gates.answers[GATE_WORKING].verdict.value, VERDICT_UNKNOWN);
    assert_false(gates_pass(&gates));
    gates_done(&gates);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_say_yes),
        CASE(what_no_change_answers_is_no_yes),
        CASE(a_failing_check_says_no),
        CASE(an_open_trial_or_rollout_says_no),
        CASE(a_change_in_doubt_says_no),
        CASE(drift_says_no),
        CASE(what_has_not_been_told_yet_is_no_yes),
        CASE(a_freeze_says_no),
        CASE(ssh_needs_witnesses_and_a_console),
        CASE(a_node_that_says_nothing_is_never_a_yes),
        CASE(an_old_snapshot_says_nothing),
        CASE(a_fleet_of_nobody_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
