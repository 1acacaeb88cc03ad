/*
 * test_gates_path: `cluster-path` and `ssh-path`: by prediction, checks and witnesses, and what of
 * them is waited for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/gates_case.h"
#include "tests/unit/ip_lines.h"

/* The pods' way is found by the controller itself: no plan can leave it out. */
static void cluster_path_by_prediction(void **state)
{
    struct scene *scene = *state;
    struct operation *operation = &scene->manifest.plans[0].operations[0];
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "a1")->snapshot;

    assert_true(prefix_parse("10.42.0.0/16", &scene->file.cluster.pods));
    ip_lines_add(snapshot, "route 10.42.1.0/24 via 203.0.113.5 dev eth0\n");
    snapshot_sort(snapshot);
    ip_lines_add(&fleet_find(&scene->fleet, "b1")->snapshot,
                 "route 10.42.2.0/24 via 198.51.100.5 dev eth0\n");
    gates_case_expect_yes(scene);
    text_copy(operation->route.device, DEVICE_SIZE, "tailscale0");
    assert_true(prefix_parse("10.42.1.0/25", &operation->route.route.destination));
    gates_case_expect_no(scene, GATE_CLUSTER_PATH, "cluster-path fail");
    gates_case_waive(scene, WAIVE_PREDICTION);
    gates_case_expect_yes(scene);
}

static void expect_no_cluster(const struct scene *scene, const char *observed)
{
    const struct gate_answer *answer;
    struct gates gates;
    size_t from = 0;
    char said[2048];
    struct text text = TEXT_IN(said);

    gates_case_expect_yes(scene);
    gates_evaluate(&scene->inputs, &gates);
    answer = &gates.answers[GATE_CLUSTER_PATH];
    assert_string_equal(answer->instead, "no cluster is declared in fleet.yaml");
    assert_string_equal(answer->verdict.observed, "no cluster is declared in fleet.yaml");
    assert_string_equal(answer->evidence[0].verdict.observed, observed);
    assert_string_equal(gates.answers[GATE_SSH_PATH].instead, "");
    gates_tell(&gates, GATE_CLUSTER_PATH, &from, &text);
    assert_non_null(strstr(said, "cluster-path n/a: no cluster is declared in fleet.yaml; a1 "));
    gates_done(&gates);
}

/* That nothing was asked is said, and is no yes. It stops nothing: other fleets have no cluster. */
static void cluster_path_without_a_cluster(void **state)
{
    struct scene *scene = *state;
    struct protect_endpoint *controller = &scene->file.cluster.controllers[0];

    expect_no_cluster(scene, "no cluster is declared in fleet.yaml, so no flow of one is asked "
                             "about");
    scene->file.cluster.controllers_count = 1;
    assert_true(address_parse("192.0.2.200", &controller->address));
    controller->port = 7430;
    expect_no_cluster(scene, "1 flow of the controller's keeps its way; no cluster is declared in "
                             "fleet.yaml, so no flow of one is asked about");
    text_copy(scene->manifest.plans[0].operations[0].route.device, DEVICE_SIZE, "tailscale0");
    gates_case_expect_blocked(scene, GATE_CLUSTER_PATH);
}

/* Of the controller's traffic, which its manifest protects too. */
static struct protected_flow *protect_controller(struct scene *scene)
{
    struct manifest_plan *plan = &scene->manifest.plans[0];
    struct protected_flow *flow = &plan->flows[plan->flows_count];
    struct protect_plan into = {.flows = flow, .flows_max = 1};
    struct protect_endpoint *controller = &scene->file.cluster.controllers[0];
    struct err err = ERR_INIT;

    scene->file.cluster.controllers_count = 1;
    assert_true(address_parse("192.0.2.200", &controller->address));
    controller->port = 7430;
    protect_compile(PROTECT_CONTROLLER, &fleet_find(&scene->fleet, plan->node)->snapshot,
                    &scene->file.cluster, &into, &err);
    assert_int_equal(into.flows_count, 1);
    plan->flows_count++;
    return flow;
}

/* The manifest protects what the controller finds by itself: each is one flow, unless it says of it
 * what leads it elsewhere. */
static void each_flow_counts_once(void **state)
{
    struct scene *scene = *state;
    struct protected_flow *flow = protect_controller(scene);

    expect_no_cluster(scene, "1 flow of the controller's keeps its way; no cluster is declared in "
                             "fleet.yaml, so no flow of one is asked about");
    flow->flow.mark = 5;
    expect_no_cluster(scene, "2 flows of the controller's keep their way; no cluster is declared "
                             "in fleet.yaml, so no flow of one is asked about");
}

/* A manifest that has the controller's traffic leave by another device leaves none of it out. */
static void a_flow_of_the_manifests_hides_none(void **state)
{
    struct scene *scene = *state;
    struct protected_flow *flow = protect_controller(scene);

    gates_case_expect_yes(scene);
    text_copy(scene->manifest.plans[0].operations[0].route.device, DEVICE_SIZE, "tailscale0");
    text_copy(flow->device, DEVICE_SIZE, "tailscale0");
    gates_case_expect_blocked(scene, GATE_CLUSTER_PATH);
}

/* But a node that shows one is not believed to have none. */
static void cluster_path_of_a_cluster_not_declared(void **state)
{
    static const char *const devices[] = {"flannel.1", "cali12ab34cd56e", "cilium_host",
                                          "kube-ipvs0", "cni0"};
    struct scene *scene = *state;
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "b1")->snapshot;

    ip_lines_add(snapshot, "link docker0 7\n");
    gates_case_expect_yes(scene);
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        text_copy(snapshot->links[snapshot->links_count - 1].name, DEVICE_SIZE, devices[i]);
        gates_case_expect_no(scene, GATE_CLUSTER_PATH, devices[i]);
    }
    text_copy(snapshot->links[snapshot->links_count - 1].name, DEVICE_SIZE, "docker0");
    ip_lines_add(snapshot, "link flannel.1 8\n");
    gates_case_expect_no(scene, GATE_CLUSTER_PATH,
                         "b1: its device flannel.1 is a cluster's, and fleet.yaml declares none "
                         "(`cluster:`)");
    gates_case_waive(scene, WAIVE_PREDICTION);
    gates_case_expect_yes(scene);
}

/* Declared, and none of it passes here as far as this node's tables say. */
static void cluster_path_of_no_flow_is_unknown(void **state)
{
    struct scene *scene = *state;

    assert_true(prefix_parse("10.42.0.0/16", &scene->file.cluster.pods));
    gates_case_expect_no(scene, GATE_CLUSTER_PATH,
                         "cluster-path unknown: expected cluster and controller traffic keeps its "
                         "way, observed a1: no flow of what `cluster:` in fleet.yaml declares is "
                         "found on this node");
    gates_case_waive(scene, WAIVE_PREDICTION);
    gates_case_expect_yes(scene);
}

/* What is so now cannot be waived away. */
static void cluster_path_by_its_check(void **state)
{
    struct scene *scene = *state;
    struct protect_endpoint *api_server = &scene->file.cluster.api_servers[0];

    scene->file.cluster.api_servers_count = 1;
    assert_true(address_parse("192.0.2.1", &api_server->address));
    api_server->port = 6443;
    gates_case_tell(scene, "a1", "api-server-path", VERDICT_PASS);
    gates_case_tell(scene, "b1", "api-server-path", VERDICT_PASS);
    scene->manifest.plans[0].operations[0].route.route.destination.address.bytes[2] = 3;
    scene->manifest.plans[1].operations[0].route.route.destination.address.bytes[2] = 3;
    gates_case_expect_yes(scene);
    gates_case_tell(scene, "b1", "api-server-path", VERDICT_UNKNOWN);
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        gates_case_waive(scene, (enum waiver)i);
    gates_case_expect_blocked(scene, GATE_CLUSTER_PATH);
    gates_case_tell(scene, "b1", "api-server-path", VERDICT_FAIL);
    gates_case_expect_blocked(scene, GATE_CLUSTER_PATH);
}

static void ssh_path_by_prediction(void **state)
{
    struct scene *scene = *state;
    struct operation *operation = &scene->manifest.plans[0].operations[0];

    /* Half of the world by the tailnet's device: replies to it leave by another way. */
    text_copy(operation->route.device, DEVICE_SIZE, "tailscale0");
    assert_true(prefix_parse("0.0.0.0/1", &operation->route.route.destination));
    gates_case_expect_no(scene, GATE_SSH_PATH, "ssh-path");
    gates_case_waive(scene, WAIVE_PREDICTION);
    gates_case_expect_yes(scene);
}

/* b1 as calypso: reached by the tailnet alone. */
static void move_to_the_tailnet(struct scene *scene, const char *lines)
{
    struct fleet_member *member = fleet_find(&scene->fleet, "b1");
    struct ssh_target *ssh = &scene->manifest.plans[1].ssh;
    static const char *const witnesses[] = {"office", "laptop"};

    assert_true(address_parse("100.64.0.3", &ssh->address));
    ssh->audience = AUDIENCE_TAILNET;
    for (size_t i = 0; i < 2; i++) {
        struct fleet_member *witness = fleet_find(&scene->fleet, witnesses[i]);

        witness->has_snapshot = true;
        assert_true(address_parse("100.64.0.9", &witness->snapshot.tailscale.addresses[0]));
        witness->snapshot.tailscale.addresses_count = 1;
    }
    ip_lines_add(&member->snapshot, "rule 5270 lookup 52\n");
    ip_lines_add(&member->snapshot, lines);
    snapshot_sort(&member->snapshot);
}

/* What takes the replies to the peers off the tailnet cuts it off, whatever its uplink does. */
static void ssh_path_over_the_tailnet(void **state)
{
    struct scene *scene = *state;
    struct operation *operation = &scene->manifest.plans[1].operations[0];

    move_to_the_tailnet(scene, "address 100.64.0.3/32 dev tailscale0\n"
                               "route 100.64.0.9 dev tailscale0 table 52\n");
    gates_case_expect_yes(scene);
    operation->kind = OPERATION_RULE;
    operation->rule.rule = (struct rule){.family = FAMILY_IPV4,
                                         .action = 1,
                                         .table = 254,
                                         .priority = 5100,
                                         .protocol = OCEANID_PROTOCOL,
                                         .uid_last = UINT32_MAX,
                                         .suppress_prefixlength = -1,
                                         .suppress_ifgroup = -1};
    assert_true(prefix_parse("100.64.0.0/10", &operation->rule.rule.destination));
    gates_case_expect_no(scene, GATE_SSH_PATH,
                         "ssh-path fail: expected replies to its audience leave as they came, "
                         "observed b1: replies from 100.64.0.3 to 100.64.0.0/10 would leave by "
                         "eth0 (rule 5100, table main, default), expected tailscale0");
}

/* Of an address that it has not, or that nobody talks to, no reply can be lost or kept. */
static void ssh_path_of_no_flow_is_unknown(void **state)
{
    struct scene *scene = *state;

    move_to_the_tailnet(scene, "");
    gates_case_expect_no(scene, GATE_SSH_PATH,
                         "ssh-path unknown: expected replies to its audience leave as they came, "
                         "observed b1: no reply from 100.64.0.3, where its SSH is, can be "
                         "predicted: this node has it not, or on no device with a default route "
                         "in main or a peer of the tailnet");
    gates_case_waive(scene, WAIVE_PREDICTION);
    gates_case_expect_yes(scene);
}

/* Behind NAT it has not the address itself: then any uplink answers, and there is none. */
static void ssh_path_needs_an_uplink(void **state)
{
    struct scene *scene = *state;
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "b1")->snapshot;

    assert_true(address_parse("198.51.100.99", &scene->manifest.plans[1].ssh.address));
    gates_case_expect_yes(scene);
    for (size_t i = 0; i < snapshot->routes_count; i++)
        snapshot->routes[i].table = 100;
    gates_case_expect_no(scene, GATE_SSH_PATH,
                         "b1: no reply from 198.51.100.99, where its SSH is, can be predicted");
}

/* One of its own that answers nobody is not behind NAT, whatever other uplinks answer. */
static void ssh_path_of_an_own_address_that_answers_nobody(void **state)
{
    struct scene *scene = *state;
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "b1")->snapshot;

    assert_true(address_parse("203.0.113.66", &scene->manifest.plans[1].ssh.address));
    gates_case_expect_yes(scene);
    ip_lines_add(snapshot, "link eth1 9\naddress 203.0.113.66/24 dev eth1\n");
    snapshot_sort(snapshot);
    gates_case_expect_no(scene, GATE_SSH_PATH,
                         "b1: no reply from 203.0.113.66, where its SSH is, can be predicted");
}

static void ssh_path_by_witnesses(void **state)
{
    struct scene *scene = *state;

    gates_case_tell(scene, "laptop", "ssh:b1", VERDICT_FAIL);
    gates_case_expect_no(scene, GATE_SSH_PATH, "b1");
    gates_case_tell(scene, "laptop", "ssh:b1", VERDICT_UNKNOWN);
    gates_case_expect_no(scene, GATE_SSH_PATH, "b1");
    fleet_find(&scene->fleet, "laptop")->connected = false;
    gates_case_expect_no(scene, GATE_SSH_PATH, "a1");
}

/* a1 as a witness of b1, whose replies to a1 take a way of their own: the rest of the world does
 * not see what a1 sees. */
static void ssh_path_counts_who_is_as_everybody(void **state)
{
    struct scene *scene = *state;
    struct snapshot *snapshot = &fleet_find(&scene->fleet, "b1")->snapshot;

    text_copy(scene->manifest.plans[1].witnesses[1], NAME_SIZE, "a1");
    gates_case_tell(scene, "a1", "ssh:b1", VERDICT_PASS);
    gates_case_expect_yes(scene);
    ip_lines_add(snapshot, "rule 5150 to 203.0.113.10 lookup main\n");
    snapshot_sort(snapshot);
    gates_case_expect_no(scene, GATE_SSH_PATH, "a1: pass, not counted");
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
    gates_case_expect_no(scene, GATE_SSH_PATH, "office: pass, not counted");
    office->snapshot.tailscale.addresses[0] = address;
    office->snapshot.tailscale.addresses_count = 1;
    gates_case_expect_yes(scene);
}

/* Two of three are quick enough, the third is not asked for; then it is. */
static void ssh_path_leaves_time_for_a_renewal(void **state)
{
    struct scene *scene = *state;

    scene->manifest.lease_s = 6;
    scene->manifest.period_s = scene->manifest.dial_s = scene->manifest.settle_s = 1;
    text_copy(scene->manifest.plans[1].witnesses[2], NAME_SIZE, "a1");
    scene->manifest.plans[1].witnesses_count = 3;
    gates_case_tell_took(scene, "a1", "ssh:b1", 3500);
    gates_case_tell_took(scene, "laptop", "ssh:b1", 3900);
    gates_case_tell_took(scene, "office", "ssh:b1", 10);
    gates_case_expect_yes(scene);
    gates_case_tell_took(scene, "a1", "ssh:b1", 3600);
    gates_case_expect_no(
        scene, GATE_SSH_PATH,
        "the quorum's slowest took 3600 ms: period 1 s + way 4.1 s = 5.1 s; dial 1 s + "
        "settle 1 s + way = 6.1 s");
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        gates_case_waive(scene, (enum waiver)i);
    gates_case_expect_blocked(scene, GATE_SSH_PATH);
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
    gates_case_tell(scene, "laptop", "ssh:a1", VERDICT_FAIL);
    assert_false(awaits(scene, said, sizeof(said)));
    gates_case_tell(scene, "laptop", "ssh:a1", VERDICT_UNKNOWN);
    assert_false(awaits(scene, said, sizeof(said)));
    gates_case_tell(scene, "laptop", "ssh:a1", VERDICT_PASS);
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
    gates_case_expect_no(scene, GATE_SSH_PATH, "ssh-path");
    gates_case_waive(scene, WAIVE_CONSOLE);
    gates_case_expect_yes(scene);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, gates_case_make, gates_case_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cluster_path_by_prediction),
        CASE(cluster_path_without_a_cluster),
        CASE(each_flow_counts_once),
        CASE(a_flow_of_the_manifests_hides_none),
        CASE(cluster_path_of_a_cluster_not_declared),
        CASE(cluster_path_of_no_flow_is_unknown),
        CASE(cluster_path_by_its_check),
        CASE(ssh_path_by_prediction),
        CASE(ssh_path_over_the_tailnet),
        CASE(ssh_path_of_no_flow_is_unknown),
        CASE(ssh_path_needs_an_uplink),
        CASE(ssh_path_of_an_own_address_that_answers_nobody),
        CASE(ssh_path_by_witnesses),
        CASE(ssh_path_counts_who_is_as_everybody),
        CASE(ssh_path_counts_its_audience),
        CASE(ssh_path_leaves_time_for_a_renewal),
        CASE(what_has_not_come_is_waited_for),
        CASE(ssh_path_needs_a_console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
