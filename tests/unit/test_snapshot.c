/*
 * test_snapshot: ownership, normal form and looking things up.
 */
#include "common/net/snapshot.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/ip_lines.h"

static void add_owned(struct snapshot *snapshot)
{
    struct route *route = snapshot_add_route(snapshot);
    struct rule *rule = snapshot_add_rule(snapshot);
    struct nexthop *nexthop = snapshot_add_nexthop(snapshot);

    route->destination = prefix_default(FAMILY_IPV4);
    route->hops_count = 2;
    route->hops = mem_alloc(2, sizeof(*route->hops));
    route->hops[1].link = 7;
    route->raw = mem_copy("route", 6);
    route->raw_len = 6;
    rule->raw = mem_copy("rule", 5);
    rule->raw_len = 5;
    nexthop->raw = mem_copy("nexthop", 8);
    nexthop->raw_len = 8;
    snapshot->tailscale.peers = mem_alloc(1, sizeof(*snapshot->tailscale.peers));
    snapshot->tailscale.peers_count = 1;
}

/* A copy lives on when the first one is gone (the sanitizer watches). */
static void test_copy_is_deep(void **state)
{
    struct snapshot first, copy;

    (void)state;
    snapshot_init(&first);
    add_owned(&first);
    snapshot_copy(&copy, &first);
    snapshot_done(&first);
    assert_int_equal(copy.routes[0].hops[1].link, 7);
    assert_string_equal((const char *)copy.routes[0].raw, "route");
    assert_string_equal((const char *)copy.rules[0].raw, "rule");
    assert_string_equal((const char *)copy.nexthops[0].raw, "nexthop");
    assert_int_equal(copy.tailscale.peers_count, 1);
    snapshot_add_route(&copy)->table = 9;
    assert_int_equal(copy.routes_count, 2);
    snapshot_done(&copy);
    assert_int_equal(copy.routes_count, 0);
}

static void test_copy_of_nothing(void **state)
{
    struct snapshot first, copy;

    (void)state;
    snapshot_init(&first);
    snapshot_copy(&copy, &first);
    snapshot_sort(&copy);
    assert_int_equal(copy.routes_count, 0);
    snapshot_done(&copy);
    snapshot_done(&first);
}

static void test_fresh_rule_takes_all(void **state)
{
    struct snapshot snapshot;
    const struct rule *rule;

    (void)state;
    snapshot_init(&snapshot);
    rule = snapshot_add_rule(&snapshot);
    assert_int_equal(rule->suppress_prefixlength, -1);
    assert_int_equal(rule->suppress_ifgroup, -1);
    assert_int_equal(rule->uid_last, UINT32_MAX);
    snapshot_done(&snapshot);
}

static void test_sort(void **state)
{
    struct snapshot snapshot;

    (void)state;
    snapshot_init(&snapshot);
    ip_lines_add(&snapshot, "link eth1 3\nlink eth0 2\n"
                            "route 10.0.0.0/8 dev eth0 metric 9\n"
                            "route 10.0.0.0/8 dev eth1 metric 3\n"
                            "route default dev eth0 table 52\n"
                            "route default dev eth0\n"
                            "rule 9 lookup 2\nrule 9 lookup 1\nrule 3 lookup 3\n"
                            "rule 1 -6 lookup 4");
    assert_int_equal(snapshot.links[0].index, 2);
    assert_int_equal(snapshot.routes[0].table, 52);
    assert_int_equal(snapshot.routes[1].destination.len, 0);
    assert_int_equal(snapshot.routes[2].metric, 3);
    assert_int_equal(snapshot.routes[3].metric, 9);
    assert_int_equal(snapshot.rules[0].table, 3);
    assert_int_equal(snapshot.rules[1].table, 2); /* as listed: order is state */
    assert_int_equal(snapshot.rules[2].table, 1);
    assert_int_equal(snapshot.rules[3].family, FAMILY_IPV6);
    snapshot_done(&snapshot);
}

/* Equal keys stay as the kernel listed them, however many there are. */
static void test_sort_is_stable(void **state)
{
    enum { COUNT = 1000 };
    struct snapshot snapshot;

    (void)state;
    snapshot_init(&snapshot);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct route *route = snapshot_add_route(&snapshot);

        route->destination = prefix_default(FAMILY_IPV4);
        route->metric = i % 3;
        route->mtu = i;
    }
    snapshot_sort(&snapshot);
    for (size_t i = 1; i < COUNT; i++) {
        const struct route *before = &snapshot.routes[i - 1];
        const struct route *here = &snapshot.routes[i];

        assert_true(before->metric < here->metric ||
                    (before->metric == here->metric && before->mtu < here->mtu));
    }
    snapshot_done(&snapshot);
}

/* A destination's routes stand together, whatever their metric; those of another table, length or
 * family do not count. */
static void test_find_routes(void **state)
{
    struct snapshot snapshot;
    struct prefix wanted = {.address = {.family = FAMILY_IPV4, .bytes = {10}}, .len = 8};
    size_t first;

    (void)state;
    snapshot_init(&snapshot);
    assert_int_equal(snapshot_find_routes(&snapshot, 254, &wanted, &first), 0);
    ip_lines_add(&snapshot, "link eth0 2\n"
                            "route default dev eth0\n"
                            "route 10.0.0.0/8 dev eth0 table 52\n"
                            "route 10.0.0.0/8 dev eth0 metric 9\n"
                            "route 10.0.0.0/8 dev eth0 metric 3\n"
                            "route 10.0.0.0/16 dev eth0\n"
                            "route 11.0.0.0/8 dev eth0\n"
                            "route 2001:db8::/32 dev eth0");
    assert_int_equal(snapshot_find_routes(&snapshot, 254, &wanted, &first), 2);
    assert_int_equal(snapshot.routes[first].metric, 3);
    assert_int_equal(snapshot.routes[first + 1].metric, 9);
    assert_int_equal(snapshot_find_routes(&snapshot, 52, &wanted, &first), 1);
    assert_int_equal(snapshot.routes[first].table, 52);
    assert_int_equal(snapshot_find_routes(&snapshot, 53, &wanted, &first), 0);
    wanted.len = 12;
    assert_int_equal(snapshot_find_routes(&snapshot, 254, &wanted, &first), 0);
    wanted = (struct prefix){.address = {.family = FAMILY_IPV6, .bytes = {0x20, 1, 0xd, 0xb8}},
                             .len = 32};
    assert_int_equal(snapshot_find_routes(&snapshot, 254, &wanted, &first), 1);
    assert_int_equal(first, snapshot.routes_count - 1);
    snapshot_done(&snapshot);
}

static void test_remove(void **state)
{
    struct snapshot snapshot;

    (void)state;
    snapshot_init(&snapshot);
    add_owned(&snapshot);
    snapshot_add_route(&snapshot)->table = 1;
    snapshot_add_route(&snapshot)->table = 2;
    snapshot_remove_route(&snapshot, 0);
    assert_int_equal(snapshot.routes_count, 2);
    assert_int_equal(snapshot.routes[0].table, 1);
    snapshot_remove_route(&snapshot, 1);
    assert_int_equal(snapshot.routes[0].table, 1);
    snapshot_remove_rule(&snapshot, 0);
    assert_int_equal(snapshot.rules_count, 0);
    snapshot_done(&snapshot);
}

static void test_find(void **state)
{
    struct snapshot snapshot;

    (void)state;
    snapshot_init(&snapshot);
    ip_lines_add(&snapshot, "link eth0 2\nnexthop 7 dev eth0");
    text_copy(snapshot_add_sysctl(&snapshot)->name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    assert_string_equal(snapshot_find_link(&snapshot, 2)->name, "eth0");
    assert_null(snapshot_find_link(&snapshot, 3));
    assert_int_equal(snapshot_find_device(&snapshot, "eth0")->index, 2);
    assert_null(snapshot_find_device(&snapshot, "eth"));
    assert_int_equal(snapshot_find_nexthop(&snapshot, 7)->hop.link, 2);
    assert_null(snapshot_find_nexthop(&snapshot, 8));
    assert_non_null(snapshot_find_sysctl(&snapshot, "net.ipv4.ip_forward"));
    assert_null(snapshot_find_sysctl(&snapshot, "net.ipv4"));
    snapshot_done(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_deep),
        cmocka_unit_test(test_copy_of_nothing),
        cmocka_unit_test(test_fresh_rule_takes_all),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_is_stable),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
