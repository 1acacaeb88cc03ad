/*
 * gates_case: a fleet of two nodes, a witness and a laptop, of which every gate says yes.
 */
#include "tests/unit/gates_case.h"

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

static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "link tailscale0 3\n"
                           "address 127.0.0.1/8 dev lo\n"
                           "address %s/24 dev eth0\n"
                           "route default via %s dev eth0\n";

void gates_case_tell_took(struct scene *scene, const char *node, const char *check,
                          unsigned took_ms)
{
    struct verdict verdict = {
        .value = VERDICT_PASS, .severity = SEVERITY_CRITICAL, .took_ms = took_ms};

    text_copy(verdict.check, sizeof(verdict.check), check);
    fleet_tell_verdict(fleet_find(&scene->fleet, node), &verdict, 30, NOW_UNIX);
}

void gates_case_tell(struct scene *scene, const char *node, const char *check,
                     enum verdict_value value)
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
    gates_case_tell(scene, name, "ssh-reply-path", VERDICT_PASS);
    gates_case_tell(scene, name, "controller", VERDICT_PASS);
}

static void add_witness(struct scene *scene, const char *name)
{
    struct fleet_member *member = fleet_put(&scene->fleet, name, true);

    member->connected = true;
    fleet_hear(member, 0, NOW_UNIX);
    gates_case_tell(scene, name, "ssh:a1", VERDICT_PASS);
    gates_case_tell(scene, name, "ssh:b1", VERDICT_PASS);
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

void gates_case_rehearse(struct scene *scene, const char *node, enum rehearsed_outcome outcome,
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
    gates_case_tell(scene, "a1", "database", VERDICT_FAIL);
    gates_case_tell(scene, "b1", "database", VERDICT_FAIL);
}

int gates_case_make(void **state)
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
    gates_case_rehearse(scene, "a1", REHEARSED_GOOD, "");
    gates_case_rehearse(scene, "b1", REHEARSED_GOOD, "");
    scene->inputs = (struct gates_inputs){.manifest = &scene->manifest,
                                          .approval = &scene->approval,
                                          .is_signed = true,
                                          .approvals_count = 1,
                                          .threshold = 1,
                                          .file = &scene->file,
                                          .fleet = &scene->fleet,
                                          .holds = &scene->holds,
                                          .bars = &scene->bars,
                                          .now_unix = NOW_UNIX};
    *state = scene;
    return 0;
}

int gates_case_end(void **state)
{
    struct scene *scene = *state;

    manifest_done(&scene->manifest);
    fleet_done(&scene->fleet);
    free(scene->holds.list);
    free(scene);
    return 0;
}

void gates_case_expect_yes(const struct scene *scene)
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

void gates_case_expect_no(const struct scene *scene, enum gate gate, const char *part)
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

void gates_case_expect_blocked(const struct scene *scene, enum gate gate)
{
    struct gates gates;

    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[gate].passes);
    gates_done(&gates);
}

void gates_case_waive(struct scene *scene, enum waiver waiver)
{
    scene->manifest.waived[waiver] = true;
    text_copy(scene->manifest.waiver_reasons[waiver], REASON_SIZE, "we know, and why");
}

void gates_case_confirm_first(struct scene *scene)
{
    gates_case_tell(scene, "a1", "database", VERDICT_PASS);
    scene->inputs.stage = 1;
}
