/*
 * test_change: a change of the three-node fleet compiled to a manifest.
 */
#include "common/change/change.h"

#include "common/change/plan.h"
#include "common/core/mem.h"
#include "common/core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

enum { TARGETS_MAX = 6 };

struct world {
    struct fleet_file fleet;
    struct roster roster;
    struct change change;
    struct hash fleet_hash;
    struct snapshot snapshots[TARGETS_MAX];
    struct manifest manifest;
};

static struct fleet_node *add_node(struct world *world, const char *name, const char *ssh)
{
    struct fleet_node *node = &world->fleet.nodes[world->fleet.nodes_count++];
    struct roster_entry *entry = &world->roster.entries[world->roster.entries_count++];

    text_copy(node->name, NAME_SIZE, name);
    text_copy(entry->name, NAME_SIZE, name);
    memset(entry->agent_key.bytes, (int)world->roster.entries_count, KEY_SIZE);
    node->witness_only = entry->witness_only = ssh == NULL;
    if (ssh != NULL) {
        assert_true(address_parse(ssh, &node->ssh.address));
        memset(entry->guard_key.bytes, 100 + (int)world->roster.entries_count, KEY_SIZE);
    }
    return node;
}

static struct fleet_node *fleet_node_of(struct world *world, const char *name)
{
    return (struct fleet_node *)fleet_file_find(&world->fleet, name);
}

static void add_rule(struct snapshot *snapshot, uint32_t priority, uint32_t table)
{
    struct rule *rule = snapshot_add_rule(snapshot);

    *rule = (struct rule){.family = FAMILY_IPV4,
                          .action = FR_ACT_TO_TBL,
                          .priority = priority,
                          .table = table,
                          .suppress_prefixlength = -1,
                          .suppress_ifgroup = -1,
                          .uid_last = UINT32_MAX};
}

static void give_peer(struct tailscale_peer *peer, const char *ipv4, const char *ipv6)
{
    peer->addresses_count = 2;
    assert_true(address_parse(ipv4, &peer->addresses[0]));
    assert_true(address_parse(ipv6, &peer->addresses[1]));
}

static void fill_snapshot(struct snapshot *snapshot, const char *address, const char *gateway)
{
    struct link *link;
    struct link_address *own;
    struct route *route;

    snapshot_init(snapshot);
    link = snapshot_add_link(snapshot);
    *link = (struct link){.index = 2, .name = "eth0", .mtu = 1500, .up = true, .carrier = true};
    own = snapshot_add_address(snapshot);
    *own = (struct link_address){.link = 2, .prefix_len = 24, .permanent = true};
    assert_true(address_parse(address, &own->address));
    route = snapshot_add_route(snapshot);
    *route = (struct route){.table = RT_TABLE_MAIN,
                            .type = RTN_UNICAST,
                            .hops_count = 1,
                            .hop = {.link = 2},
                            .protocol = RTPROT_STATIC};
    route->destination = prefix_default(FAMILY_IPV4);
    assert_true(address_parse(gateway, &route->hop.gateway));
    add_rule(snapshot, 0, RT_TABLE_LOCAL);
    add_rule(snapshot, 32766, RT_TABLE_MAIN);
    add_rule(snapshot, 32767, RT_TABLE_DEFAULT);
    snapshot->tailscale.presence = TAILSCALE_ANSWERS;
    snapshot->tailscale.peers = mem_alloc(2, sizeof(struct tailscale_peer));
    snapshot->tailscale.peers_count = 2;
    snapshot->tailscale.peers[0] =
        (struct tailscale_peer){.id = "nEXIT1",
                                .host_name = "srv712429-oceanid",
                                .exit_node_option = true,
                                .online = true,
                                .dns_name = "srv712429-oceanid.example.ts.net."};
    snapshot->tailscale.peers[1] = (struct tailscale_peer){.id = "nOTHER", .host_name = "laptop"};
    give_peer(&snapshot->tailscale.peers[0], "100.64.0.1", "fd7a:115c:a1e0::1");
    give_peer(&snapshot->tailscale.peers[1], "100.64.0.9", "fd7a:115c:a1e0::9");
    snapshot_sort(snapshot);
}

static void declare_check(struct world *world, const char *name, enum severity severity)
{
    struct fleet_check *declared = &world->fleet.checks[world->fleet.checks_count++];

    declared->check = (struct check){.kind = CHECK_TCP, .severity = severity, .port = 5432};
    text_copy(declared->check.name, NAME_SIZE, name);
    text_copy(declared->check.to, HOST_SIZE, "198.51.100.20");
}

static void fill_change(struct change *change)
{
    text_copy(change->name, NAME_SIZE, "workers-use-exit-node");
    text_copy(change->reason, TEXT_SIZE, "egress");
    change->targets_count = 2;
    text_copy(change->targets[0], NAME_SIZE, "calypso");
    text_copy(change->targets[1], NAME_SIZE, "srv712695");
    change->fixes_count = 1;
    text_copy(change->fixes[0], NAME_SIZE, "egress");
    change->steps_count = 2;
    change->steps[0].operation.kind = OPERATION_TAILSCALE;
    change->steps[0].operation.tailscale.set_exit_node = true;
    text_copy(change->steps[0].operation.tailscale.exit_node_name, NAME_SIZE, "srv712429-oceanid");
    change->steps[1].kind = STEP_PROTECT;
    change->steps[1].protect = PROTECT_SSH;
}

static int make_world(void **state)
{
    struct world *world = mem_alloc(1, sizeof(*world));

    add_node(world, "srv712695", "203.0.113.10")->first = true;
    add_node(world, "calypso", "100.64.0.3");
    add_node(world, "srv712429", "198.51.100.10")->is_protected = true;
    add_node(world, "office", NULL);
    world->fleet.policy = (struct policy){.soak_s = 300, .lease_s = 60, .approvals = 1};
    declare_check(world, "database", SEVERITY_CRITICAL);
    declare_check(world, "egress", SEVERITY_WARNING);
    declare_check(world, "nicety", SEVERITY_WARNING);
    fill_change(&world->change);
    fill_snapshot(&world->snapshots[0], "192.168.2.10", "192.168.2.1");
    fill_snapshot(&world->snapshots[1], "203.0.113.10", "203.0.113.1");
    for (unsigned i = 2; i < TARGETS_MAX; i++)
        snapshot_init(&world->snapshots[i]);
    *state = world;
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < TARGETS_MAX; i++)
        snapshot_done(&world->snapshots[i]);
    manifest_done(&world->manifest);
    free(world);
    return 0;
}

static bool compile(struct world *world, struct err *err)
{
    struct change_inputs inputs = {&world->fleet, &world->fleet_hash, &world->roster,
                                   world->snapshots};

    manifest_done(&world->manifest);
    return change_compile(&world->change, &inputs, &world->manifest, err);
}

static void compile_well(struct world *world)
{
    struct err err = ERR_INIT;

    if (!compile(world, &err))
        fail_msg("%s", err.text);
}

static void refuse(struct world *world, const char *part)
{
    struct err err = ERR_INIT;

    assert_false(compile(world, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void preferences_are_set_by_one_operation(void **state)
{
    struct world *world = *state;

    world->change.steps[world->change.steps_count] = world->change.steps[0];
    world->change.steps_count++;
    refuse(world, "2 `tailscale` operations: accepted is one");
}

static void expendable_node_goes_first_alone(void **state)
{
    struct world *world = *state;

    compile_well(world);
    assert_int_equal(world->manifest.stages_count, 2);
    assert_int_equal(world->manifest.stages[0].nodes_count, 1);
    assert_string_equal(world->manifest.stages[0].nodes[0], "srv712695");
    assert_string_equal(world->manifest.stages[1].nodes[0], "calypso");
}

static void add_target(struct world *world, const char *name, const char *address)
{
    uint32_t i = world->change.targets_count++;

    if (fleet_file_find(&world->fleet, name) == NULL)
        add_node(world, name, address);
    text_copy(world->change.targets[i], NAME_SIZE, name);
    snapshot_done(&world->snapshots[i]);
    fill_snapshot(&world->snapshots[i], address, "203.0.113.1");
}

/* "a | b c": the stages as they were compiled. */
static void expect_stages(const struct world *world, const char *expected)
{
    char stages[400] = "";
    struct text text = TEXT_IN(stages);

    for (uint32_t s = 0; s < world->manifest.stages_count; s++) {
        const struct stage *stage = &world->manifest.stages[s];

        for (uint32_t n = 0; n < stage->nodes_count; n++)
            text_add(&text, "%s%s", n > 0 ? " " : s > 0 ? " | " : "", stage->nodes[n]);
    }
    assert_string_equal(stages, expected);
}

static void stages_are_as_large_as_asked_for(void **state)
{
    struct world *world = *state;

    add_target(world, "srv712429", "203.0.113.12");
    add_target(world, "worker-a", "203.0.113.13");
    add_target(world, "worker-b", "203.0.113.14");
    compile_well(world);
    expect_stages(world, "srv712695 | calypso | worker-a | worker-b | srv712429");
    world->fleet.policy.stage_size = 2;
    compile_well(world);
    expect_stages(world, "srv712695 | calypso worker-a | worker-b | srv712429");
    world->change.stage_size = 3;
    compile_well(world);
    expect_stages(world, "srv712695 | calypso worker-a worker-b | srv712429");
    world->change.stage_size = NODES_MAX;
    fleet_node_of(world, "worker-b")->is_protected = true;
    compile_well(world);
    expect_stages(world, "srv712695 | calypso worker-a | srv712429 | worker-b");
    fleet_node_of(world, "srv712695")->first = false;
    compile_well(world);
    expect_stages(world, "calypso | srv712695 worker-a | srv712429 | worker-b");
    world->change.stage_size = 1;
    compile_well(world);
    expect_stages(world, "calypso | srv712695 | worker-a | srv712429 | worker-b");
}

static void pauses_as_policy_or_change_says(void **state)
{
    struct world *world = *state;

    world->fleet.policy.pause_after = PAUSE_EACH;
    compile_well(world);
    assert_int_equal(world->manifest.pause_after, PAUSE_EACH);
    world->change.has_pause_after = true;
    world->change.pause_after = PAUSE_NONE;
    compile_well(world);
    assert_int_equal(world->manifest.pause_after, PAUSE_NONE);
}

static void expect_first(struct world *world, const char *node, const char *why)
{
    char reason[REASON_SIZE] = "";
    struct text text = TEXT_IN(reason);
    struct err err = ERR_INIT;
    uint32_t index;

    assert_true(change_choose_first(&world->change, &world->fleet, &index, &text, &err));
    assert_string_equal(world->change.targets[index], node);
    assert_string_equal(reason, why);
}

static void says_why_a_node_goes_first(void **state)
{
    struct world *world = *state;

    expect_first(world, "srv712695", "srv712695 goes first: fleet.yaml says `first: true`");
    fleet_node_of(world, "srv712695")->first = false;
    expect_first(world, "calypso", "calypso goes first: the first target that is not protected");
    world->change.targets_count = 1;
    text_copy(world->change.targets[0], NAME_SIZE, "srv712429");
    text_copy(fleet_node_of(world, "srv712429")->console, NAME_SIZE, "physical");
    world->change.waived[WAIVE_PROTECTED_FIRST] = true;
    text_copy(world->change.waiver_reasons[WAIVE_PROTECTED_FIRST], REASON_SIZE, "only it");
    expect_first(world, "srv712429",
                 "srv712429 goes first: the least critical of protected targets, waived: only it");
}

static void protected_node_goes_last(void **state)
{
    struct world *world = *state;

    text_copy(world->change.targets[0], NAME_SIZE, "srv712429");
    compile_well(world);
    assert_string_equal(world->manifest.stages[1].nodes[0], "srv712429");
    world->change.targets_count = 1;
    refuse(world, "`waive: {protected-first: REASON}`");
    world->change.waived[WAIVE_PROTECTED_FIRST] = true;
    text_copy(world->change.waiver_reasons[WAIVE_PROTECTED_FIRST], REASON_SIZE, "only it");
    refuse(world, "must declare a `console`");
    text_copy(fleet_node_of(world, "srv712429")->console, NAME_SIZE, "physical");
    compile_well(world);
    assert_string_equal(world->manifest.stages[0].nodes[0], "srv712429");
    world->change.waived[WAIVE_QUORUM] = true;
    text_copy(world->change.waiver_reasons[WAIVE_QUORUM], REASON_SIZE, "nobody else is awake");
    refuse(world, "a protected node that goes first needs two counting witnesses");
}

/* Before anybody signs; the guard says no once more. */
static void severing_a_protected_device_is_refused(void **state)
{
    struct world *world = *state;
    struct operation *operation = &world->change.steps[0].operation;

    *operation = (struct operation){.kind = OPERATION_LINK, .link = {.set_up = true}};
    text_copy(operation->link.device, DEVICE_SIZE, "eth0");
    refuse(world, "link eth0: down: eth0 carries the protected flow");
    operation->link.set_up = false;
    operation->link.mtu = 1279;
    refuse(world, "accepted there is an mtu of 1280 or more");
    operation->link.mtu = 1280;
    compile_well(world);
}

static void exit_node_is_pinned_and_comes_last(void **state)
{
    struct world *world = *state;
    const struct manifest_plan *plan;
    const struct operation *last;

    compile_well(world);
    plan = manifest_find_plan(&world->manifest, "srv712695");
    last = &plan->operations[plan->operations_count - 1];
    assert_true(plan->operations_count >= 2);
    assert_true(plan->operations[0].shield);
    assert_int_equal(last->kind, OPERATION_TAILSCALE);
    assert_string_equal(last->tailscale.exit_node_id, "nEXIT1");
}

/* By name or address; what is signed is the StableID in any case. */
static void exit_node_is_found_as_it_is_written(void **state)
{
    static const struct {
        const char *written, *refusal;
    } cases[] = {
        {"srv712429-oceanid", NULL},
        {"srv712429-oceanid.example.ts.net", NULL},
        {"100.64.0.1", NULL},
        {"fd7a:115c:a1e0::1", NULL},
        {"fd7a:115c:a1e0:0:0::1", NULL},
        {"laptop", "'laptop' is a Tailscale peer that does not offer itself as an exit node; "
                   "accepted are: srv712429-oceanid"},
        {"100.64.0.9", "'100.64.0.9' is a Tailscale peer that does not offer itself"},
        {"fd7a:115c:a1e0::9", "is a Tailscale peer that does not offer itself"},
        {"100.64.0.10", "'100.64.0.10' is the name or address of none of its 2 Tailscale peers; "
                        "accepted are: srv712429-oceanid"},
        {"100.64.0", "is the name or address of none of its 2"},
        {"203.0.113.10", "is the name or address of none of its 2"},
    };
    struct world *world = *state;
    char *written = world->change.steps[0].operation.tailscale.exit_node_name;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct manifest_plan *plan;

        text_copy(written, NAME_SIZE, cases[i].written);
        if (cases[i].refusal != NULL) {
            refuse(world, cases[i].refusal);
            continue;
        }
        compile_well(world);
        plan = manifest_find_plan(&world->manifest, "srv712695");
        assert_string_equal(plan->operations[plan->operations_count - 1].tailscale.exit_node_id,
                            "nEXIT1");
    }
}

static void witnesses_are_all_others(void **state)
{
    struct world *world = *state;
    const struct manifest_plan *plan;

    compile_well(world);
    plan = manifest_find_plan(&world->manifest, "calypso");
    assert_int_equal(plan->witnesses_count, 3);
    assert_int_equal(plan->quorum, 2);
    assert_int_equal(plan->ssh.audience, AUDIENCE_TAILNET);
    assert_int_equal(plan->ssh.port, 22);
    for (uint32_t i = 0; i < plan->witnesses_count; i++)
        assert_string_not_equal(plan->witnesses[i], "calypso");
    assert_int_equal(world->manifest.roster_count, 4);
    plan = manifest_find_plan(&world->manifest, "srv712695");
    assert_int_equal(plan->ssh.audience, AUDIENCE_EVERYWHERE);
}

static const struct protected_flow *find_reply(const struct manifest_plan *plan,
                                               const struct address *from)
{
    for (uint32_t i = 0; i < plan->flows_count; i++) {
        if (address_equal(&plan->flows[i].flow.source, from))
            return &plan->flows[i];
    }
    return NULL;
}

/* calypso's SSH is in the tailnet: its replies to the peers are a flow of its own, which the guard
 * and the agent ask about; no rule is made for it. */
static void replies_over_the_tailnet_are_protected(void **state)
{
    struct world *world = *state;
    struct snapshot *snapshot = &world->snapshots[0];
    const struct manifest_plan *plan;
    const struct protected_flow *flow;
    struct link *link = snapshot_add_link(snapshot);
    struct link_address *own = snapshot_add_address(snapshot);
    char text[PREFIX_TEXT_SIZE];

    *link =
        (struct link){.index = 3, .name = "tailscale0", .mtu = 1280, .up = true, .carrier = true};
    *own = (struct link_address){.link = 3, .prefix_len = 32, .permanent = true};
    assert_true(address_parse("100.64.0.3", &own->address));
    snapshot_sort(snapshot);
    compile_well(world);
    plan = manifest_find_plan(&world->manifest, "calypso");
    flow = find_reply(plan, &plan->ssh.address);
    assert_non_null(flow);
    assert_string_equal(prefix_format(&flow->destination, text), "100.64.0.0/10");
    assert_string_equal(flow->device, "tailscale0");
    for (uint32_t i = 0; i < plan->checks_count; i++) {
        if (text_equal(plan->checks[i].name, "ssh-reply-path"))
            assert_true(address_equal(&plan->checks[i].from, &plan->ssh.address));
    }
    for (uint32_t i = 0; i < plan->operations_count; i++)
        assert_false(plan->operations[i].kind == OPERATION_RULE &&
                     prefix_contains(&plan->operations[i].rule.rule.source, &plan->ssh.address) &&
                     plan->operations[i].rule.rule.source.len > 0);
    plan = manifest_find_plan(&world->manifest, "srv712695");
    for (uint32_t i = 0; i < plan->checks_count; i++)
        assert_false(address_is_set(&plan->checks[i].from));
}

/* By another fleet.yaml that declares more, more would be protected: who is to sign is told. */
static void what_another_fleet_would_protect_is_told(void **state)
{
    struct world *world = *state;
    struct protect_cluster other = {.api_servers_count = 1, .controllers_count = 1};
    const struct manifest_plan *plan;
    char said[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(said);

    assert_true(address_parse("198.51.100.10", &other.api_servers[0].address));
    other.api_servers[0].port = 6443;
    assert_true(address_parse("198.51.100.11", &other.controllers[0].address));
    other.controllers[0].port = 7430;
    compile_well(world);
    plan = manifest_find_plan(&world->manifest, "srv712695");
    assert_int_equal(plan_tell_missing(plan, &world->snapshots[1], &other, &text), 2);
    assert_string_equal(said, "api-server to 198.51.100.10/32, controller to 198.51.100.11/32");
    world->fleet.cluster = other;
    compile_well(world);
    plan = manifest_find_plan(&world->manifest, "srv712695");
    text_init(&text, said, sizeof(said));
    assert_int_equal(plan_tell_missing(plan, &world->snapshots[1], &other, &text), 0);
    assert_string_equal(said, "");
}

static bool has_check(const struct manifest_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->checks_count; i++) {
        if (text_equal(plan->checks[i].name, name))
            return true;
    }
    return false;
}

static void critical_and_fixed_checks_are_taken(void **state)
{
    struct world *world = *state;
    const struct manifest_plan *plan;

    compile_well(world);
    plan = manifest_find_plan(&world->manifest, "srv712695");
    assert_true(has_check(plan, "ssh-reply-path"));
    assert_true(has_check(plan, "controller"));
    assert_true(has_check(plan, "database"));
    assert_true(has_check(plan, "egress"));
    assert_false(has_check(plan, "nicety"));
    assert_true(plan->flows_count > 0);
    text_copy(world->change.fixes[0], NAME_SIZE, "nothing-like-it");
    refuse(world, "fixes 'nothing-like-it'");
}

/* docs/protocol.md rule 7: any lease from 4 s on compiles; below, the arithmetic. */
static void times_fit_into_the_lease(void **state)
{
    struct world *world = *state;

    for (unsigned lease_s = 4; lease_s <= 600; lease_s++) {
        world->change.lease_s = lease_s;
        compile_well(world);
        assert_true(world->manifest.period_s + world->manifest.path_s <= lease_s);
        assert_true(world->manifest.dial_s + world->manifest.settle_s + world->manifest.path_s <=
                    lease_s);
    }
    world->change.lease_s = 3;
    refuse(world, "dial 1 s + settle 1 s + path 2 s = 4 s");
    world->change.lease_s = 60;
    world->fleet.policy.soak_min_s = 400;
    refuse(world, "accepts 400 s or more");
}

static void strangers_are_refused(void **state)
{
    struct world *world = *state;

    world->roster.entries_count = 1;
    refuse(world, "calypso: it is not in the signed roster");
    world->roster.entries_count = 4;
    text_copy(world->change.targets[0], NAME_SIZE, "office");
    refuse(world, "target 'office' is no node of fleet.yaml");
    text_copy(world->change.targets[0], NAME_SIZE, "srv712695");
    refuse(world, "target 'srv712695' is named twice");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(expendable_node_goes_first_alone),
        IN_WORLD(preferences_are_set_by_one_operation),
        IN_WORLD(stages_are_as_large_as_asked_for),
        IN_WORLD(pauses_as_policy_or_change_says),
        IN_WORLD(says_why_a_node_goes_first),
        IN_WORLD(protected_node_goes_last),
        IN_WORLD(exit_node_is_pinned_and_comes_last),
        IN_WORLD(exit_node_is_found_as_it_is_written),
        IN_WORLD(severing_a_protected_device_is_refused),
        IN_WORLD(witnesses_are_all_others),
        IN_WORLD(replies_over_the_tailnet_are_protected),
        IN_WORLD(what_another_fleet_would_protect_is_told),
        IN_WORLD(critical_and_fixed_checks_are_taken),
        IN_WORLD(times_fit_into_the_lease),
        IN_WORLD(strangers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
