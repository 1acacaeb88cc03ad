/*
 * test_apply_hops: in a real kernel, a route of several hops of which one is dead, for its device
 * is down, loses the other by a change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* eth1 - far1, and by both devices a route of each family. */
static const char lines[] =
    "sysctl -qw net.ipv6.conf.default.addr_gen_mode=1\n" /* whose IPv6 comes anew */
    "ip link add eth1 type veth peer name far1\n"
    "ip link set far1 addrgenmode none\nip link set eth1 addrgenmode none\n"
    "ip link set far1 up\nip link set eth1 up\n"
    "ip address add 192.0.2.10/24 dev eth1\n"
    "ip route add 10.50.0.0/16 proto static nexthop via 203.0.113.99 dev eth0 weight 2"
    " nexthop via 192.0.2.99 dev eth1\n"
    "ip -6 route add 2001:db8:f001::/48 proto static nexthop via 2001:db8:1::99 dev eth0 weight 3"
    " nexthop via fe80::99 dev eth1 weight 2\n";

/* What stands below the change has set eth0 down. */
static void begin(void)
{
    apply_case_begin(lines);
    netns_run("ip link set eth0 down\n");
    apply_case_remember();
}

static void test_ipv6_hop_comes_back_beside_the_dead_one(void **state)
{
    struct operation operation = apply_case_link("eth1", 576, NULL);
    struct undo_item item;

    (void)state;
    begin();
    apply_case_run(&operation, &item);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    netns_run("ip link set eth0 up\n"
              "test $(ip -6 route show 2001:db8:f001::/48 | grep -c nexthop) = 2\n"
              "ip -6 route show 2001:db8:f001::/48 | grep -q 'via fe80::99 dev eth1 weight 2'\n"
              "! ip -6 route show 2001:db8:f001::/48 | grep dead\n");
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

static void lose_the_last(const char *expected, const char *somebodys)
{
    struct operation operation = apply_case_link("eth1", 0, "down");
    struct undo_item item;
    char told[512], all[512];

    apply_case_run(&operation, &item);
    apply_case_undo(&item, REVERT_DONE);
    apply_tell_others(&item, 1, told, sizeof(told));
    snprintf(all, sizeof(all), "not back, and for its owner to bring back: %s", expected);
    assert_string_equal(told, all);
    netns_run(somebodys);
    apply_tell_others(&item, 1, told, sizeof(told));
    assert_string_equal(told, "");
    undo_item_done(&item);
}

/* Of IPv4 it takes no hop by eth0, nor the route with fewer, which would be another: that is said,
 * and once somebody has put one it is his. */
static void test_ipv4_route_is_told(void **state)
{
    (void)state;
    begin();
    netns_run("ip -6 route del 2001:db8:f001::/48\n");
    lose_the_last("'10.50.0.0/16 nexthop via 203.0.113.99 dev eth0 weight 2 nexthop via 192.0.2.99 "
                  "dev eth1 weight 1' (administrator)",
                  "ip route add 10.50.0.0/16 via 192.0.2.99\n");
}

/* The change lets one hop die, and whoever takes the route then: it is not put back, and told. */
static void test_route_that_went_with_a_dead_hop_is_told(void **state)
{
    struct operation operation = apply_case_link("eth0", 0, "down");
    struct undo_item item;
    char told[512];

    (void)state;
    apply_case_begin(lines);
    apply_case_run(&operation, &item);
    netns_run("ip route del 10.50.0.0/16\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_tell_others(&item, 1, told, sizeof(told));
    assert_string_equal(told,
                        "not back, and for its owner to bring back: '10.50.0.0/16 nexthop via "
                        "203.0.113.99 dev eth0 weight 2 nexthop via 192.0.2.99 dev eth1 "
                        "weight 1' (administrator)");
    undo_item_done(&item);
}

/* Nor is a hop of IPv6 put that would stand alone. */
static void test_ipv6_route_is_told(void **state)
{
    (void)state;
    begin();
    netns_run("ip route del 10.50.0.0/16\n");
    lose_the_last("'2001:db8:f001::/48 metric 1024 nexthop via 2001:db8:1::99 dev eth0 weight 3 "
                  "nexthop via fe80::99 dev eth1 weight 2' (administrator)",
                  "ip -6 route add 2001:db8:f001::/48 dev eth1\n");
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_ipv6_hop_comes_back_beside_the_dead_one),
        IN_NAMESPACE(test_ipv4_route_is_told),
        IN_NAMESPACE(test_ipv6_route_is_told),
        IN_NAMESPACE(test_route_that_went_with_a_dead_hop_is_told),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
