/*
 * test_gates: the eight questions and hold on a fleet of two nodes, a witness and a laptop: all
 * yes first, then one reason for a no at a time, and what a waiver may take out.
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
};

static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "link tailscale0 3\n"
                           "address 127.0.0.1/8 dev lo\n"
                           "address %s/24 dev eth0\n"
                           "route default via %s dev eth0\n";

/* ---- the scene: everything answers yes ------------------------------------------------------ */

static void tell_took(struct scene *scene, const char *node, const char *check, unsigned took_ms)
{
    struct verdict verdict = {
        .value = VERDICT_PASS, .severity = SEVERITY_CRITICAL, .took_ms = took_ms};

    text_copy(verdict.check, sizeof(verdict.check), check);
    fleet_tell_verdict(fleet_find(&scene->fleet, node), &verdict, 30, NOW_UNIX);
}

static void tell(struct scene *scene, const char *node, const char *check, enum verdict_value value)
{
    struct verdict verdict = {.value = value, .severity = SEVERITY_CRITICAL};

    text_copy(verdict.check, sizeof(verdict.check), check);
    fleet_tell_verdict(fleet_find(&scene->fleet, node), &verdict, 30, NOW_UNIX);
}

static void add_node(struct scene *scene, const char *name, const char *address,
                     const char *gateway)
{
    struct fleet_node *node = &scene->file.nodes[scene->file.nodes_count++];
    struct fleet_member *member = fleet_put(&scene->fleet, name, false);
    char lines[512];

    text_copy(node->name, sizeof(node->name), name);
    text_copy(node->console, sizeof(node->console), "physical");
    assert_true(address_parse(address, &node->ssh.address));
    node->ssh.port = 22;
    member->connected = member->has_snapshot = true;
    fleet_hear(member, 0, NOW_UNIX);
    snprintf(lines, sizeof(lines), host, address, gateway);
    ip_lines_add(&member->snapshot, lines);
    ip_lines_add_usual_rules(&member->snapshot);
    tell(scene, name, "ssh-reply-path", VERDICT_PASS);
    tell(scene, name, "controller", VERDICT_PASS);
}

static void add_witness(struct scene *scene, const char *name)
{
    struct fleet_member *member = fleet_put(&scene->fleet, name, true);

    member->connected = true;
    fleet_hear(member, 0, NOW_UNIX);
    tell(scene, name, "ssh:a1", VERDICT_PASS);
    tell(scene, name, "ssh:b1", VERDICT_PASS);
}

static void add_operation(struct manifest_plan *plan)
{
    struct operation *operation;

    plan->operations = mem_alloc(1, sizeof(*plan->operations));
    plan->operations_count = 1;
    operation = &plan->operations[0];
    operation->kind = OPERATION_ROUTE;
    text_copy(operation->route.device, sizeof(operation->route.device), "eth0");
    assert_true(prefix_parse("192.0.2.0/24", &operation->route.route.destination));
    operation->route.route.table = 254;
    operation->route.route.protocol = OCEANID_PROTOCOL;
    operation->route.route.type = 1;
    operation->route.route.scope = 253;
    operation->route.route.hops_count = 1;
}

static void add_plan(struct scene *scene, const char *node, const struct fleet_node *declared)
{
    struct manifest *manifest = &scene->manifest;
    struct manifest_plan *plan = &manifest->plans[manifest->plans_count++];
    struct stage *stage = &manifest->stages[manifest->stages_count++];

    text_copy(stage->nodes[stage->nodes_count++], NAME_SIZE, node);
    text_copy(plan->node, sizeof(plan->node), node);
    plan->ssh = declared->ssh;
    plan->quorum = 2;
    plan->witnesses_count = 2;
    text_copy(plan->witnesses[0], NAME_SIZE, "office");
    text_copy(plan->witnesses[1], NAME_SIZE, "laptop");
    plan->checks = mem_alloc(1, sizeof(*plan->checks));
    plan->checks_count = 1;
    text_copy(plan->checks[0].name, NAME_SIZE, "database");
    add_operation(plan);
}

static void fill_manifest(struct scene *scene)
{
    struct manifest *manifest = &scene->manifest;

    text_copy(manifest->change, NAME_SIZE, "reach-the-lab");
    text_copy(manifest->reason, TEXT_SIZE, "The database of the lab cannot be reached.");
    text_copy(manifest->reference, REASON_SIZE, "#100");
    manifest->fixes_count = 1;
    text_copy(manifest->fixes[0], NAME_SIZE, "database");
    manifest->soak_s = 300;
    manifest->lease_s = 60;
    manifest->stages = mem_alloc(2, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(2, sizeof(*manifest->plans));
    add_plan(scene, "a1", &scene->file.nodes[0]);
    add_plan(scene, "b1", &scene->file.nodes[1]);
}

/* The node's guard has had its part of this manifest rehearsed. */
static void rehearse(struct scene *scene, const char *node, enum rehearsed_outcome outcome,
                     const char *why)
{
    AUTO_FREE struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));

    rehearsal->operations_count = 1;
    rehearsal_set(rehearsal, 0, outcome, why);
    fleet_tell_rehearsal(fleet_find(&scene->fleet, node), &scene->approval.attempt.body, rehearsal,
                         scene->inputs.now);
}

static void declare_database(struct scene *scene)
{
    struct check *check = &scene->file.checks[scene->file.checks_count++].check;

    text_copy(check->name, sizeof(check->name), "database");
    check->kind = CHECK_TCP;
    text_copy(check->to, sizeof(check->to), "192.0.2.7");
    check->port = 5432;
    tell(scene, "a1", "database", VERDICT_FAIL);
    tell(scene, "b1", "database", VERDICT_FAIL);
}

static int make_scene(void **state)
{
    struct scene *scene = mem_alloc(1, sizeof(*scene));

    fleet_init(&scene->fleet);
    scene->holds.list = mem_alloc(HOLDS_MAX, sizeof(*scene->holds.list));
    add_node(scene, "a1", "203.0.113.10", "203.0.113.1");
    add_node(scene, "b1", "198.51.100.10", "198.51.100.1");
    add_witness(scene, "office");
    add_witness(scene, "laptop");
    declare_database(scene);
    fill_manifest(scene);
    scene->approval.not_after = NOW_UNIX + 3600;
    memset(scene->approval.attempt.body.bytes, 3, HASH_SIZE);
    rehearse(scene, "a1", REHEARSED_GOOD, "");
    rehearse(scene, "b1", REHEARSED_GOOD, "");
    scene->inputs = (struct gates_inputs){.manifest = &scene->manifest,
                                          .approval = &scene->approval,
                                          .is_signed = true,
                                          .approvals_count = 1,
                                          .threshold = 1,
                                          .file = &scene->file,
                                          .fleet = &scene->fleet,
                                          .holds = &scene->holds,
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

/* ---- asking --------------------------------------------------------------------------------- */

static void expect_yes(const struct scene *scene)
{
    struct gates gates;
    char text[1024];
    struct text why = TEXT_IN(text);

    gates_evaluate(&scene->inputs, &gates);
    gates_explain(&gates, &why);
    if (!gates_pass(&gates))
        fail_msg("%s", text);
    gates_done(&gates);
}

/* Exactly this gate says no, and part of why. */
static void expect_no(const struct scene *scene, enum gate gate, const char *part)
{
    struct gates gates;
    char text[1024];
    struct text why = TEXT_IN(text);

    gates_evaluate(&scene->inputs, &gates);
    gates_explain(&gates, &why);
    assert_false(gates_pass(&gates));
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        if (gates.answers[i].passes != (i != gate))
            fail_msg("%s %s: %s", gate_name((enum gate)i),
                     gates.answers[i].passes ? "passes" : "does not pass", text);
    }
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
    gates_done(&gates);
}

/* This gate says no, whatever others say. */
static void expect_blocked(const struct scene *scene, enum gate gate)
{
    struct gates gates;

    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[gate].passes);
    gates_done(&gates);
}

static void waive(struct scene *scene, enum waiver waiver)
{
    scene->manifest.waived[waiver] = true;
    text_copy(scene->manifest.waiver_reasons[waiver], REASON_SIZE, "we know, and why");
}

/* a1 has its change, which did it good. */
static void confirm_first(struct scene *scene)
{
    tell(scene, "a1", "database", VERDICT_PASS);
    scene->inputs.stage = 1;
}

static void all_say_yes(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    expect_yes(scene);
    gates_evaluate(&scene->inputs, &gates);
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        assert_string_equal(gates.answers[i].verdict.check, gate_name((enum gate)i));
        assert_true(gates.answers[i].evidence_count > 0);
    }
    gates_done(&gates);
}

static void working(void **state)
{
    struct scene *scene = *state;

    tell(scene, "b1", "ssh-reply-path", VERDICT_FAIL);
    expect_no(scene, GATE_WORKING, "working");
    tell(scene, "b1", "ssh-reply-path", VERDICT_UNKNOWN);
    expect_no(scene, GATE_WORKING, "working");
}

/* Nothing that was said stays good for ever. */
static void working_needs_fresh_answers(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    scene->inputs.now = 10 * 60 * 1000;
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[GATE_WORKING].passes);
    assert_int_equal(gates.answers[GATE_WORKING].verdict.value, VERDICT_UNKNOWN);
    gates_done(&gates);
}

static void needed(void **state)
{
    struct scene *scene = *state;

    tell(scene, "b1", "database", VERDICT_PASS);
    expect_no(scene, GATE_NEEDED, "needed");
    /* A waiver counts with a written justification only. */
    waive(scene, WAIVE_NEEDED);
    expect_no(scene, GATE_NEEDED, "needed");
    text_copy(scene->manifest.justification, TEXT_SIZE, "The lab moves tomorrow.");
    expect_yes(scene);
    /* What confirmed is not asked again. */
    tell(scene, "b1", "database", VERDICT_FAIL);
    scene->manifest.waived[WAIVE_NEEDED] = false;
    confirm_first(scene);
    expect_yes(scene);
}

/* The manifest fixes a second check too, which the nodes of the first plans_count have. */
static void fix_also(struct scene *scene, const char *check, unsigned plans_count)
{
    struct manifest *manifest = &scene->manifest;

    text_copy(manifest->fixes[manifest->fixes_count++], NAME_SIZE, check);
    for (unsigned i = 0; i < plans_count; i++) {
        struct manifest_plan *plan = &manifest->plans[i];

        plan->checks = mem_resize(plan->checks, plan->checks_count + 1, sizeof(*plan->checks));
        plan->checks[plan->checks_count] = (struct check){0};
        text_copy(plan->checks[plan->checks_count++].name, NAME_SIZE, check);
        tell(scene, plan->node, check, VERDICT_FAIL);
    }
}

/* One of several that fails is no proof that the others are broken. */
static void needed_asks_each_that_is_fixed(void **state)
{
    struct scene *scene = *state;

    fix_also(scene, "egress-address", 2);
    expect_yes(scene);
    tell(scene, "b1", "egress-address", VERDICT_PASS);
    expect_no(scene, GATE_NEEDED, "egress-address: pass");
    tell(scene, "b1", "egress-address", VERDICT_UNKNOWN);
    expect_no(scene, GATE_NEEDED, "egress-address: unknown");
    tell(scene, "b1", "egress-address", VERDICT_FAIL);
    tell(scene, "b1", "database", VERDICT_PASS);
    expect_no(scene, GATE_NEEDED, "database: pass");
}

/* Where a check is not declared it has nothing to fix; where none is, nothing is broken. */
static void needed_asks_where_it_is_declared(void **state)
{
    struct scene *scene = *state;

    fix_also(scene, "egress-address", 1);
    expect_yes(scene);
    scene->manifest.plans[1].checks_count = 0;
    expect_no(scene, GATE_NEEDED, "declared for it");
}

static void approved(void **state)
{
    struct scene *scene = *state;

    scene->inputs.threshold = 2;
    expect_no(scene, GATE_APPROVED, "approved");
    scene->inputs.threshold = 0;
    expect_no(scene, GATE_APPROVED, "approved");
    scene->inputs.threshold = 1;
    scene->inputs.is_signed = false;
    expect_no(scene, GATE_APPROVED, "approved");
    scene->inputs.is_signed = true;
    scene->approval.not_after = NOW_UNIX + 300; /* one stage of 420 s stands before the last */
    expect_no(scene, GATE_APPROVED, "approved");
    confirm_first(scene);
    expect_yes(scene);
    scene->approval.not_after = NOW_UNIX;
    expect_no(scene, GATE_APPROVED, "approved");
}

static void one_first(void **state)
{
    struct scene *scene = *state;

    scene->file.nodes[1].is_protected = true;
    expect_yes(scene);
    scene->file.nodes[0].is_protected = true;
    expect_no(scene, GATE_ONE_FIRST, "one-first");
    waive(scene, WAIVE_PROTECTED_FIRST);
    expect_yes(scene);
    /* A protected one before one that is not: nothing takes that out. */
    scene->file.nodes[1].is_protected = false;
    expect_no(scene, GATE_ONE_FIRST, "one-first");
}

static void one_first_of_larger_stages(void **state)
{
    struct scene *scene = *state;
    struct stage *second = &scene->manifest.stages[1];

    text_copy(second->nodes[second->nodes_count++], NAME_SIZE, "c1");
    expect_yes(scene);
    scene->file.nodes[1].is_protected = true;
    expect_no(scene, GATE_ONE_FIRST, "protected nodes come last, one at a time");
    scene->file.nodes[1].is_protected = false;
    text_copy(scene->manifest.stages[0].nodes[1], NAME_SIZE, "c1");
    scene->manifest.stages[0].nodes_count = 2;
    second->nodes_count = 1;
    expect_no(scene, GATE_ONE_FIRST, "exactly one node");
}

static void reversible(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    text_copy(scene->manifest.plans[0].operations[0].route.device, DEVICE_SIZE, "eth9");
    waive(scene, WAIVE_PREDICTION);
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[GATE_REVERSIBLE].passes);
    assert_false(gates_pass(&gates));
    gates_done(&gates);
}

/* The kernel's own words say no, whatever prediction sees. */
static void reversible_by_rehearsal(void **state)
{
    struct scene *scene = *state;

    rehearse(scene, "b1", REHEARSED_REFUSED, "the kernel says: Nexthop has invalid gateway");
    expect_no(scene, GATE_REVERSIBLE,
              "reversible fail: expected its kernel accepts each operation in a rehearsal, and the "
              "undo brings everything back, observed b1: operation 1 (route: 192.0.2.0/24 dev "
              "eth0): refused: the kernel says: Nexthop has invalid gateway");
    rehearse(scene, "b1", REHEARSED_STAYED, "expected no route, found one");
    expect_no(scene, GATE_REVERSIBLE, "not taken back: expected no route, found one");
    rehearse(scene, "b1", REHEARSED_MISSED, "this node is soaking");
    expect_no(scene, GATE_REVERSIBLE, "reversible unknown");
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        waive(scene, (enum waiver)i);
    expect_no(scene, GATE_REVERSIBLE, "not done: this node is soaking");
}

/* None, of another manifest, too old: unknown, and what would make it known. */
static void reversible_needs_a_rehearsal_of_this(void **state)
{
    struct scene *scene = *state;

    scene->inputs.now = FLEET_REHEARSAL_OLD_MS;
    for (uint32_t i = 0; i < scene->fleet.members_count; i++)
        scene->fleet.members[i].snapshot_at = FLEET_REHEARSAL_OLD_MS;
    expect_yes(scene);
    scene->inputs.now++;
    expect_no(scene, GATE_REVERSIBLE, "rehearsed 60 s ago: good for 60 s; `oceanidctl plan`");
    scene->inputs.now = 0;
    scene->approval.attempt.body.bytes[0] = 4;
    expect_no(scene, GATE_REVERSIBLE,
              "not rehearsed: its guard has not answered in time, or a viewer");
    rehearse(scene, "a1", REHEARSED_GOOD, "");
    rehearse(scene, "b1", REHEARSED_GOOD, "");
    expect_yes(scene);
    fleet_find(&scene->fleet, "b1")->rehearsal.rehearsal->operations_count = 2;
    expect_no(scene, GATE_REVERSIBLE, "its guard answered for another number of operations");
}

/* A node of an earlier stage has it already. */
static void reversible_asks_of_what_is_to_come(void **state)
{
    struct scene *scene = *state;

    confirm_first(scene);
    rehearse(scene, "a1", REHEARSED_MISSED, "it was not asked");
    expect_yes(scene);
}

static void reversible_names_what_was_not_rehearsed(void **state)
{
    struct scene *scene = *state;
    const struct gate_answer *answer;
    struct gates gates;

    rehearse(scene, "a1", REHEARSED_UNSEEN, "tailscaled does not run in a namespace");
    expect_yes(scene);
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

/* The pods' way is found by the controller itself: no plan can leave it out. */
static void cluster_path_by_prediction(void **state)
{
    struct scene *scene = *state;
    struct operation *operation = &scene->manifest.plans[0].operations[0];
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "a1")->snapshot;

    assert_true(prefix_parse("10.42.0.0/16", &scene->file.cluster.pods));
    ip_lines_add(snapshot, "route 10.42.1.0/24 via 203.0.113.5 dev eth0\n");
    snapshot_sort(snapshot);
    expect_yes(scene);
    text_copy(operation->route.device, DEVICE_SIZE, "tailscale0");
    assert_true(prefix_parse("10.42.1.0/25", &operation->route.route.destination));
    expect_no(scene, GATE_CLUSTER_PATH, "cluster-path fail");
    waive(scene, WAIVE_PREDICTION);
    expect_yes(scene);
}

/* What is so now cannot be waived away. */
static void cluster_path_by_its_check(void **state)
{
    struct scene *scene = *state;
    struct protect_endpoint *api_server = &scene->file.cluster.api_servers[0];

    scene->file.cluster.api_servers_count = 1;
    assert_true(address_parse("192.0.2.1", &api_server->address));
    api_server->port = 6443;
    tell(scene, "a1", "api-server-path", VERDICT_PASS);
    tell(scene, "b1", "api-server-path", VERDICT_PASS);
    scene->manifest.plans[0].operations[0].route.route.destination.address.bytes[2] = 3;
    scene->manifest.plans[1].operations[0].route.route.destination.address.bytes[2] = 3;
    expect_yes(scene);
    tell(scene, "b1", "api-server-path", VERDICT_UNKNOWN);
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        waive(scene, (enum waiver)i);
    expect_blocked(scene, GATE_CLUSTER_PATH);
    tell(scene, "b1", "api-server-path", VERDICT_FAIL);
    expect_blocked(scene, GATE_CLUSTER_PATH);
}

static void ssh_path_by_prediction(void **state)
{
    struct scene *scene = *state;
    struct operation *operation = &scene->manifest.plans[0].operations[0];

    /* Half of the world by the tailnet's device: replies to it leave by another way. */
    text_copy(operation->route.device, DEVICE_SIZE, "tailscale0");
    assert_true(prefix_parse("0.0.0.0/1", &operation->route.route.destination));
    expect_no(scene, GATE_SSH_PATH, "ssh-path");
    waive(scene, WAIVE_PREDICTION);
    expect_yes(scene);
}

static void ssh_path_by_witnesses(void **state)
{
    struct scene *scene = *state;

    tell(scene, "laptop", "ssh:b1", VERDICT_FAIL);
    expect_no(scene, GATE_SSH_PATH, "b1");
    tell(scene, "laptop", "ssh:b1", VERDICT_UNKNOWN);
    expect_no(scene, GATE_SSH_PATH, "b1");
    fleet_find(&scene->fleet, "laptop")->connected = false;
    expect_no(scene, GATE_SSH_PATH, "a1");
}

/* a1 as a witness of b1, whose replies to a1 take a way of their own: the rest of the world does
 * not see what a1 sees. */
static void ssh_path_counts_who_is_as_everybody(void **state)
{
    struct scene *scene = *state;
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "b1")->snapshot;

    text_copy(scene->manifest.plans[1].witnesses[1], NAME_SIZE, "a1");
    tell(scene, "a1", "ssh:b1", VERDICT_PASS);
    expect_yes(scene);
    ip_lines_add(snapshot, "rule 5150 to 203.0.113.10 lookup main\n");
    snapshot_sort(snapshot);
    expect_no(scene, GATE_SSH_PATH, "a1: pass, not counted");
}

/* SSH at an address of the tailnet is seen by those who are on it. */
static void ssh_path_counts_its_audience(void **state)
{
    struct scene *scene = *state;
    struct fleet_member *office = fleet_find(&scene->fleet, "office");
    struct address address;

    scene->manifest.plans[1].ssh.audience = AUDIENCE_TAILNET;
    fleet_find(&scene->fleet, "laptop")->has_snapshot = office->has_snapshot = true;
    assert_true(address_parse("100.64.0.9", &address));
    fleet_find(&scene->fleet, "laptop")->snapshot.tailscale.addresses[0] = address;
    fleet_find(&scene->fleet, "laptop")->snapshot.tailscale.addresses_count = 1;
    expect_no(scene, GATE_SSH_PATH, "office: pass, not counted");
    office->snapshot.tailscale.addresses[0] = address;
    office->snapshot.tailscale.addresses_count = 1;
    expect_yes(scene);
}

/* Two of three are quick enough, the third is not asked for; then it is. */
static void ssh_path_leaves_time_for_a_renewal(void **state)
{
    struct scene *scene = *state;

    scene->manifest.lease_s = 6;
    scene->manifest.period_s = scene->manifest.dial_s = scene->manifest.settle_s = 1;
    text_copy(scene->manifest.plans[1].witnesses[2], NAME_SIZE, "a1");
    scene->manifest.plans[1].witnesses_count = 3;
    tell_took(scene, "a1", "ssh:b1", 3500);
    tell_took(scene, "laptop", "ssh:b1", 3900);
    tell_took(scene, "office", "ssh:b1", 10);
    expect_yes(scene);
    tell_took(scene, "a1", "ssh:b1", 3600);
    expect_no(scene, GATE_SSH_PATH,
              "the quorum's slowest took 3600 ms: period 1 s + way 4.1 s = 5.1 s; dial 1 s + "
              "settle 1 s + way = 6.1 s");
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        waive(scene, (enum waiver)i);
    expect_blocked(scene, GATE_SSH_PATH);
}

static bool awaits(const struct scene *scene, char *said, size_t size)
{
    struct gates gates;
    struct text text;
    bool awaited;

    said[0] = '\0';
    text_init(&text, said, size);
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates_pass(&gates));
    awaited = gates_await(&gates, &text);
    gates_done(&gates);
    return awaited;
}

/* As after a restart: who has not connected yet may still say yes; who says no has said it. */
static void what_has_not_come_is_waited_for(void **state)
{
    struct scene *scene = *state;
    char said[REASON_SIZE];

    fleet_find(&scene->fleet, "office")->connected = false;
    assert_true(awaits(scene, said, sizeof(said)));
    assert_string_equal(said, "a1: office to look at its SSH; b1: office to look at its SSH");
    fleet_find(&scene->fleet, "b1")->connected = false;
    assert_true(awaits(scene, said, sizeof(said)));
    assert_non_null(strstr(said, "b1: its agent to connect"));
    tell(scene, "laptop", "ssh:a1", VERDICT_FAIL);
    assert_false(awaits(scene, said, sizeof(said)));
    tell(scene, "laptop", "ssh:a1", VERDICT_UNKNOWN);
    assert_false(awaits(scene, said, sizeof(said)));
    tell(scene, "laptop", "ssh:a1", VERDICT_PASS);
    assert_true(awaits(scene, said, sizeof(said)));
    scene->inputs.now = 3600000; /* nobody was heard for an hour: all of it is old */
    assert_true(awaits(scene, said, sizeof(said)));
    scene->manifest.reference[0] = '\0';
    assert_false(awaits(scene, said, sizeof(said)));
}

static void ssh_path_needs_a_console(void **state)
{
    struct scene *scene = *state;

    scene->file.nodes[0].console[0] = '\0';
    expect_no(scene, GATE_SSH_PATH, "ssh-path");
    waive(scene, WAIVE_CONSOLE);
    expect_yes(scene);
}

static void documented(void **state)
{
    struct scene *scene = *state;

    scene->manifest.reference[0] = '\0';
    expect_no(scene, GATE_DOCUMENTED, "documented");
    text_copy(scene->manifest.reference, REASON_SIZE, "#100");
    text_copy(scene->manifest.reason, TEXT_SIZE, "fix");
    expect_no(scene, GATE_DOCUMENTED, "documented");
    waive(scene, WAIVE_LINT);
    expect_yes(scene);
    scene->manifest.reason[0] = '\0';
    expect_no(scene, GATE_DOCUMENTED, "documented");
}

static void hold_by_freeze(void **state)
{
    struct scene *scene = *state;
    struct hold freeze = {.scope = "a1", .reason = "holidays", .by = "otto"};
    struct err err = ERR_INIT;

    assert_non_null(holds_add(&scene->holds, &freeze, NOW_UNIX, &err));
    expect_no(scene, GATE_HOLD, "hold 1 of otto");
    confirm_first(scene);
    expect_yes(scene);
}

static const struct hold *put_hold(struct scene *scene, enum hold_kind kind, const char *scope,
                                   const char *object)
{
    struct hold hold = {.kind = kind, .reason = "nobody is there", .by = "otto"};
    struct err err = ERR_INIT;
    const struct hold *put;

    text_copy(hold.scope, sizeof(hold.scope), scope);
    text_copy(hold.object, sizeof(hold.object), object);
    put = holds_add(&scene->holds, &hold, NOW_UNIX, &err);
    if (put == NULL)
        fail_msg("%s", err.text);
    return put;
}

static void lift(struct scene *scene, const struct hold *hold)
{
    struct err err = ERR_INIT;

    assert_true(holds_lift(&scene->holds, hold->id, &err));
}

static void pass_over(void *context, const struct hold *hold)
{
    (void)context;
    (void)hold;
}

/* By a signed roster, of this node alone. */
static void maintain(struct scene *scene, const char *node)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct maintenance one = {.reason = "a new disk"};
    struct err err = ERR_INIT;

    roster->entries_count = 1;
    text_copy(roster->entries[0].name, NAME_SIZE, node);
    text_copy(one.node, NAME_SIZE, node);
    assert_true(roster_maintain(roster, &one, &err));
    assert_true(holds_take_roster(&scene->holds, roster, "otto", NOW_UNIX, pass_over, NULL));
}

static void hold_by_pause_and_maintenance(void **state)
{
    struct scene *scene = *state;
    const struct hold *hold = put_hold(scene, HOLD_PAUSE, "fleet", "");

    expect_no(scene, GATE_HOLD, "`oceanidctl hold lift 1` lifts it");
    lift(scene, hold);
    expect_yes(scene);
    hold = put_hold(scene, HOLD_PAUSE, "b1", "");
    expect_no(scene, GATE_HOLD, "b1: hold 2 of otto: nobody is there");
    lift(scene, hold);
    put_hold(scene, HOLD_PAUSE, "c1", "");
    expect_yes(scene);
    maintain(scene, "b1");
    expect_no(scene, GATE_HOLD, "`oceanidctl node return b1` ends it");
    maintain(scene, "c1");
    expect_yes(scene);
}

/* It is friday, 03:46. */
static void hold_outside_of_a_window(void **state)
{
    struct scene *scene = *state;
    const struct hold *window = put_hold(scene, HOLD_WINDOW, "fleet", "mon-thu 08:00-16:00");

    expect_no(scene, GATE_HOLD, "(mon-thu 08:00-16:00 UTC), opens in 4574 min");
    waive(scene, WAIVE_WINDOW);
    expect_yes(scene);
    put_hold(scene, HOLD_PAUSE, "fleet", "");
    expect_no(scene, GATE_HOLD, "hold 2");
    lift(scene, window + 1);
    scene->manifest.waived[WAIVE_WINDOW] = false;
    expect_no(scene, GATE_HOLD, "hold 1");
    put_hold(scene, HOLD_WINDOW, "fleet", "fri 03:00-04:00");
    expect_yes(scene);
}

static void hold_by_quarantine(void **state)
{
    struct scene *scene = *state;
    struct receipt receipt = {
        .node = "b1", .kind = RECEIPT_REVERTED, .cause = CAUSE_PROOF_FAILED, .objects_count = 1};
    struct text object;
    struct hash hash;

    text_init(&object, receipt.objects[0], sizeof(receipt.objects[0]));
    operation_object(&scene->manifest.plans[1].operations[0], &object);
    memset(hash.bytes, 9, HASH_SIZE);
    assert_int_equal(holds_add_quarantine(&scene->holds, &receipt, &hash, NOW_UNIX), 1);
    expect_no(scene, GATE_HOLD, "hold");
    scene->approval.lifts_count = 1;
    scene->approval.lifts[0].receipt = hash;
    expect_no(scene, GATE_HOLD, "hold");
    text_copy(scene->approval.lifts[0].reason, REASON_SIZE, "the relay was down");
    expect_yes(scene);
    scene->approval.lifts_count = 0;
    waive(scene, WAIVE_QUARANTINE);
    expect_yes(scene);
}

/* Nobody has spoken yet: unknown, never yes. */
static void an_unknown_fleet_never_passes(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    fleet_done(&scene->fleet);
    fleet_init(&scene->fleet);
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[GATE_WORKING].passes);
    assert_false(gates.answers[GATE_NEEDED].passes);
    assert_false(gates.answers[GATE_REVERSIBLE].passes);
    assert_false(gates.answers[GATE_CLUSTER_PATH].passes);
    assert_false(gates.answers[GATE_SSH_PATH].passes);
    gates_done(&gates);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_say_yes),
        CASE(working),
        CASE(working_needs_fresh_answers),
        CASE(needed),
        CASE(needed_asks_each_that_is_fixed),
        CASE(needed_asks_where_it_is_declared),
        CASE(approved),
        CASE(one_first),
        CASE(one_first_of_larger_stages),
        CASE(reversible),
        CASE(reversible_by_rehearsal),
        CASE(reversible_needs_a_rehearsal_of_this),
        CASE(reversible_asks_of_what_is_to_come),
        CASE(reversible_names_what_was_not_rehearsed),
        CASE(cluster_path_by_prediction),
        CASE(cluster_path_by_its_check),
        CASE(ssh_path_by_prediction),
        CASE(ssh_path_by_witnesses),
        CASE(ssh_path_counts_who_is_as_everybody),
        CASE(ssh_path_counts_its_audience),
        CASE(ssh_path_leaves_time_for_a_renewal),
        CASE(what_has_not_come_is_waited_for),
        CASE(ssh_path_needs_a_console),
        CASE(documented),
        CASE(hold_by_freeze),
        CASE(hold_by_pause_and_maintenance),
        CASE(hold_outside_of_a_window),
        CASE(hold_by_quarantine),
        CASE(an_unknown_fleet_never_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
