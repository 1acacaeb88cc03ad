/*
 * test_protect: which shields and flows a node gets.
 */
#include "common/net/protect.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/predict.h"
#include "tests/unit/ip_lines.h"

static const unsigned EVERYTHING =
    PROTECT_SSH | PROTECT_API_SERVER | PROTECT_PODS | PROTECT_SERVICES | PROTECT_CONTROLLER;

static const char worker[] = "link eth0 2\n"
                             "link tailscale0 3\n"
                             "link cni0 4\n"
                             "link flannel.1 5\n"
                             "address 203.0.113.10/24 dev eth0\n"
                             "address 100.64.0.2/32 dev tailscale0\n"
                             "address 10.42.1.1/24 dev cni0\n"
                             "route default via 203.0.113.1 dev eth0 src 203.0.113.10\n"
                             "route 10.42.0.0/24 via 10.42.0.0 dev flannel.1 onlink\n"
                             "rule 5270 lookup 52\n";

static const char behind_nat[] = "link eth0 2\n"
                                 "link tailscale0 3\n"
                                 "address 192.168.2.20/24 dev eth0\n"
                                 "address 100.64.0.3/32 dev tailscale0\n"
                                 "route default via 192.168.2.1 dev eth0 metric 100\n"
                                 "rule 5270 lookup 52\n";

static void set_cluster(struct protect_cluster *cluster)
{
    memset(cluster, 0, sizeof(*cluster));
    assert_true(prefix_parse("10.42.0.0/16", &cluster->pods));
    assert_true(prefix_parse("10.43.0.0/16", &cluster->services));
    cluster->api_servers_count = 2;
    assert_true(address_parse("198.51.100.10", &cluster->api_servers[0].address));
    cluster->api_servers[0].port = 6443;
    assert_true(address_parse("10.43.0.1", &cluster->api_servers[1].address));
    cluster->api_servers[1].port = 443;
    cluster->controllers_count = 1;
    assert_true(address_parse("198.51.100.10", &cluster->controllers[0].address));
    cluster->controllers[0].port = 7430;
}

/* One node's compilation, with room for all of it. */
struct bench {
    struct snapshot snapshot;
    struct protect_cluster cluster;
    struct operation operations[OPERATIONS_MAX];
    struct protected_flow flows[FLOWS_MAX];
    struct protect_plan plan;
    struct err err;
};

static struct bench *start(const char *lines)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    ip_lines_add(&bench->snapshot, lines);
    ip_lines_add_usual_rules(&bench->snapshot);
    set_cluster(&bench->cluster);
    bench->plan = (struct protect_plan){.operations = bench->operations,
                                        .operations_max = OPERATIONS_MAX,
                                        .flows = bench->flows,
                                        .flows_max = FLOWS_MAX};
    return bench;
}

static void end(struct bench *bench)
{
    snapshot_done(&bench->snapshot);
    free(bench);
}

static void compile(struct bench *bench, unsigned what)
{
    if (!protect_compile(what, &bench->snapshot, &bench->cluster, &bench->plan, &bench->err))
        fail_msg("%s", bench->err.text);
}

static void expect_operations(const struct bench *bench, const char *const *expected, size_t count)
{
    for (size_t i = 0; i < bench->plan.operations_count; i++) {
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);
        struct err err = ERR_INIT;

        operation_render(&bench->operations[i], &text);
        assert_string_equal(line, i < count ? expected[i] : "nothing more");
        assert_true(bench->operations[i].shield);
        if (!operation_check(&bench->operations[i], &bench->snapshot, &err))
            fail_msg("%s", err.text);
    }
    assert_int_equal(bench->plan.operations_count, count);
}

static void expect_flows(const struct bench *bench, const char *const *expected, size_t count)
{
    for (size_t i = 0; i < bench->plan.flows_count; i++) {
        const struct protected_flow *flow = &bench->flows[i];
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);
        char prefix[PREFIX_TEXT_SIZE];
        char source[ADDRESS_TEXT_SIZE];

        text_add(&text, "%s", flow->name);
        if (address_is_set(&flow->flow.source))
            text_add(&text, " from %s", address_format(&flow->flow.source, source));
        text_add(&text, " to %s", prefix_format(&flow->destination, prefix));
        if (flow->flow.dport != 0)
            text_add(&text, " port %u", flow->flow.dport);
        text_add(&text, flow->device[0] != '\0' ? " by %s" : " not by %s",
                 flow->device[0] != '\0' ? flow->device : flow->not_device);
        assert_string_equal(line, i < count ? expected[i] : "nothing more");
    }
    assert_int_equal(bench->plan.flows_count, count);
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void test_worker(void **state)
{
    static const char *const operations[] = {
        "route: default via 203.0.113.1 dev eth0 onlink table 5100",
        "route: 10.42.0.0/24 via 10.42.0.0 dev flannel.1 onlink table 5100",
        "route: 10.42.1.0/24 dev cni0 table 5100",
        "route: 203.0.113.0/24 dev eth0 table 5100",
        "rule 5140: from 203.0.113.10 lookup main",
        "rule 5141: from all to 198.51.100.10 lookup main",
        "rule 5141: from all to 10.42.0.0/16 lookup main",
        "rule 5141: from all to 10.43.0.0/16 lookup main",
        "rule 5145: from 203.0.113.10 lookup 5100",
        "rule 5145: from all to 198.51.100.10 lookup 5100",
        "rule 5145: from all to 10.42.0.0/16 lookup 5100",
        "rule 5145: from all to 10.43.0.0/16 lookup 5100",
        "rule 32766: from all lookup main",
        "rule 32767: from all lookup default",
    };
    static const char *const flows[] = {
        "ssh-reply from 203.0.113.10 to 0.0.0.0/0 by eth0",
        "api-server to 198.51.100.10/32 port 6443 by eth0",
        "api-server to 10.43.0.1/32 port 443 by eth0",
        "controller to 198.51.100.10/32 port 7430 by eth0",
        "pods to 10.42.0.0/16 not by tailscale0",
        "pods to 10.42.0.0/24 by flannel.1",
        "pods to 10.42.1.0/24 by cni0",
        "services to 10.43.0.0/16 by eth0",
    };
    struct bench *bench = start(worker);

    (void)state;
    compile(bench, EVERYTHING);
    expect_operations(bench, operations, COUNT_OF(operations));
    expect_flows(bench, flows, COUNT_OF(flows));
    compile(bench, PROTECT_SSH); /* said twice: no shield twice */
    assert_int_equal(bench->plan.operations_count, COUNT_OF(operations));
    end(bench);
}

static void test_behind_nat(void **state)
{
    static const char *const operations[] = {
        "route: default via 192.168.2.1 dev eth0 onlink table 5100 metric 100",
        "route: 192.168.2.0/24 dev eth0 table 5100",
        "rule 5140: from 192.168.2.20 lookup main",
        "rule 5141: from all to 198.51.100.10 lookup main",
        "rule 5145: from 192.168.2.20 lookup 5100",
        "rule 5145: from all to 198.51.100.10 lookup 5100",
        "rule 32766: from all lookup main",
        "rule 32767: from all lookup default",
    };
    static const char *const flows[] = {
        "ssh-reply from 192.168.2.20 to 192.168.2.0/24 by eth0",
        "api-server to 198.51.100.10/32 port 6443 by eth0",
        "controller to 198.51.100.10/32 port 7430 by eth0",
    };
    struct bench *bench = start(behind_nat);

    (void)state;
    compile(bench, EVERYTHING); /* it has no pods' route: no `to` for pods or services */
    expect_operations(bench, operations, COUNT_OF(operations));
    expect_flows(bench, flows, COUNT_OF(flows));
    end(bench);
}

static void test_own_address_needs_no_rule(void **state)
{
    static const char *const flows[] = {"api-server to 10.43.0.1/32 port 443 by eth0"};
    struct bench *bench = start("link eth0 2\n"
                                "link cni0 3\n"
                                "address 198.51.100.10/24 dev eth0\n"
                                "address 10.42.0.1/24 dev cni0\n"
                                "route default via 198.51.100.1 dev eth0\n");

    (void)state;
    compile(bench, PROTECT_API_SERVER | PROTECT_CONTROLLER);
    expect_flows(bench, flows, COUNT_OF(flows));
    for (size_t i = 0; i < bench->plan.operations_count; i++) {
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        operation_render(&bench->operations[i], &text);
        assert_null(strstr(line, "to 198.51.100.10"));
    }
    end(bench);
}

static void test_tailnet_is_not_moved(void **state)
{
    static const char *const flows[] = {"controller to 100.64.0.1/32 port 7430 by tailscale0"};
    struct bench *bench = start(worker);

    (void)state;
    ip_lines_add(&bench->snapshot, "route 100.64.0.1 dev tailscale0 table 52");
    assert_true(address_parse("100.64.0.1", &bench->cluster.controllers[0].address));
    compile(bench, PROTECT_CONTROLLER);
    expect_operations(bench, NULL, 0);
    expect_flows(bench, flows, COUNT_OF(flows));
    end(bench);
}

static void test_ipv6(void **state)
{
    static const char *const operations[] = {
        "route: default via 203.0.113.1 dev eth0 onlink table 5100",
        "route: 203.0.113.0/24 dev eth0 table 5100",
        "route: ::/0 via fe80::1 dev eth0 onlink table 5100 metric 1024",
        "route: 2001:db8:1::/64 dev eth0 table 5100 metric 256",
        "rule 5140: from 203.0.113.10 lookup main",
        "rule 5140: from 2001:db8:1::10 lookup main (IPv6)",
        "rule 5145: from 203.0.113.10 lookup 5100",
        "rule 5145: from 2001:db8:1::10 lookup 5100 (IPv6)",
        "rule 32766: from all lookup main",
        "rule 32767: from all lookup default",
        "rule 32766: from all lookup main (IPv6)",
    };
    struct bench *bench = start(worker);

    (void)state;
    ip_lines_add(&bench->snapshot, "address 2001:db8:1::10/64 dev eth0\n"
                                   "address fe80::10/64 dev eth0\n"
                                   "address fd7a:115c:a1e0::2/128 dev tailscale0\n"
                                   "route -6 default via fe80::1 dev eth0 metric 1024");
    compile(bench, PROTECT_SSH);
    expect_operations(bench, operations, COUNT_OF(operations));
    end(bench);
}

/* Advertised routers of one metric are routes of their own, and not hops of one: in the rescue
 * table each needs a key of its own, or putting the one takes the other away for ever. */
static void test_two_routers(void **state)
{
    static const char *const operations[] = {
        "route: ::/0 via fe80::1 dev eth0 onlink table 5100 metric 1024",
        "route: ::/0 via fe80::2 dev eth0 onlink table 5100 metric 1025",
        "route: 2001:db8:1::/64 dev eth0 table 5100 metric 256",
        "rule 5140: from 2001:db8:1::10 lookup main (IPv6)",
        "rule 5145: from 2001:db8:1::10 lookup 5100 (IPv6)",
        "rule 32766: from all lookup main (IPv6)",
    };
    struct bench *bench = start("link eth0 2\naddress 2001:db8:1::10/64 dev eth0\n"
                                "route -6 default via fe80::1 dev eth0 metric 1024\n"
                                "route -6 default via fe80::2 dev eth0 metric 1024\n");

    (void)state;
    compile(bench, PROTECT_SSH);
    expect_operations(bench, operations, COUNT_OF(operations));
    end(bench);
}

/* What main takes first is first in the rescue table too (RFC 4191): the other may be a spare one.
 */
static void test_the_preferred_router_first(void **state)
{
    static const char *const operations[] = {
        "route: ::/0 via fe80::3 dev eth0 onlink table 5100 metric 1024",
        "route: ::/0 via fe80::2 dev eth0 onlink table 5100 metric 1025",
        "route: 2001:db8:1::/64 dev eth0 table 5100 metric 256",
        "route: ::/0 via fe80::1 dev eth0 onlink table 5100 metric 1026",
        "rule 5140: from 2001:db8:1::10 lookup main (IPv6)",
        "rule 5145: from 2001:db8:1::10 lookup 5100 (IPv6)",
        "rule 32766: from all lookup main (IPv6)",
    };
    struct bench *bench = start("link eth0 2\naddress 2001:db8:1::10/64 dev eth0\n"
                                "route -6 default via fe80::1 dev eth0 metric 1024 pref low\n"
                                "route -6 default via fe80::2 dev eth0 metric 1024\n"
                                "route -6 default via fe80::3 dev eth0 metric 1024 pref high\n");

    (void)state;
    compile(bench, PROTECT_SSH);
    expect_operations(bench, operations, COUNT_OF(operations));
    end(bench);
}

/* The point of it: whatever tailscaled or anybody does to main or 52, the flows keep their way. */
static void test_shields_hold(void **state)
{
    struct bench *bench = start(worker);
    struct prediction prediction;
    struct snapshot after;

    (void)state;
    compile(bench, EVERYTHING);
    if (!predict_apply(&bench->snapshot, bench->operations, bench->plan.operations_count, &after,
                       &bench->err))
        fail_msg("%s", bench->err.text);
    ip_lines_add(&after, "route default dev tailscale0 table 52\n"
                         "route 203.0.113.0/24 dev tailscale0 table 52\n"
                         "route 10.42.1.0/24 dev tailscale0 table 52");
    if (!predict_flows(&after, bench->flows, bench->plan.flows_count, &prediction))
        fail_msg("%s", prediction.reason);
    for (size_t i = after.routes_count; i-- > 0;) {
        if (after.routes[i].table == RT_TABLE_MAIN)
            snapshot_remove_route(&after, i);
    }
    if (!predict_flows(&after, bench->flows, bench->plan.flows_count, &prediction))
        fail_msg("%s", prediction.reason);
    snapshot_done(&after);
    end(bench);
}

/* A default by objects goes into the rescue table by its hop: objects vanish with their carrier. */
static void test_objects_are_resolved(void **state)
{
    static const char *const lines[] = {
        "route default nhid 1", "route default nhid 2", "route default nhid 3",
        "route default nexthop via 203.0.113.1 dev eth0 nexthop via 203.0.113.2 dev eth0"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct bench *bench = start("link eth0 2\naddress 203.0.113.10/24 dev eth0\n"
                                    "nexthop 1 via 203.0.113.1 dev eth0\nnexthop 2 group 1\n"
                                    "nexthop 9 via 203.0.113.9 dev eth0 dead\n"
                                    "nexthop 3 group 9,1\n");
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        ip_lines_add(&bench->snapshot, lines[i]);
        compile(bench, PROTECT_SSH);
        assert_true(bench->plan.operations_count > 0);
        operation_render(&bench->operations[0], &text);
        assert_string_equal(line, "route: default via 203.0.113.1 dev eth0 onlink table 5100");
        end(bench);
    }
}

/* Who has taken the kernel's own rules away before keeps them away. */
static void test_usual_rules_are_those_that_are_there(void **state)
{
    struct bench *bench = start(worker);

    (void)state;
    for (size_t i = bench->snapshot.rules_count; i-- > 0;) {
        if (bench->snapshot.rules[i].priority >= 32766)
            snapshot_remove_rule(&bench->snapshot, i);
    }
    compile(bench, EVERYTHING);
    assert_int_equal(bench->plan.operations_count, 12);
    end(bench);
}

static void test_limits(void **state)
{
    struct bench *bench = start(worker);

    (void)state;
    bench->plan.operations_max = 3;
    assert_false(
        protect_compile(EVERYTHING, &bench->snapshot, &bench->cluster, &bench->plan, &bench->err));
    assert_int_equal(bench->err.kind, ERR_LIMIT);
    bench->plan.operations_max = OPERATIONS_MAX;
    bench->plan.flows_count = 0;
    bench->plan.flows_max = 1;
    assert_false(
        protect_compile(EVERYTHING, &bench->snapshot, &bench->cluster, &bench->plan, &bench->err));
    assert_int_equal(bench->err.kind, ERR_LIMIT);
    end(bench);
}

static void test_names(void **state)
{
    static const char *const names[] = {"ssh", "api-server", "pods", "services", "controller"};
    enum protect_what what;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_true(protect_what_parse(names[i], &what));
        assert_string_equal(protect_what_name(what), names[i]);
    }
    assert_false(protect_what_parse("everything", &what));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker),
        cmocka_unit_test(test_behind_nat),
        cmocka_unit_test(test_own_address_needs_no_rule),
        cmocka_unit_test(test_tailnet_is_not_moved),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_two_routers),
        cmocka_unit_test(test_the_preferred_router_first),
        cmocka_unit_test(test_shields_hold),
        cmocka_unit_test(test_objects_are_resolved),
        cmocka_unit_test(test_usual_rules_are_those_that_are_there),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
