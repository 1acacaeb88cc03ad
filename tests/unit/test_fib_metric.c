/*
 * test_fib_metric: which of an IPv6 prefix's routes the kernel takes where metrics are equal, or
 * none of the lowest is usable; and what a device that is down takes.
 */
#include "common/net/fib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/fib_case.h"

#define TO "2001:db8:7::1"
#define NET "route 2001:db8:7::/48 "

static const struct decision_case decisions[] = {
    {"equal ones: the first",
     NET "via fe80::7 dev eth0 metric 5\n" NET "via fe80::8 dev eth1 metric 5",
     {.tos = 0},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::7 dev eth0"},
    {"equal ones: the one of the router that prefers itself",
     NET "via fe80::7 dev eth0 metric 5\n" NET "via fe80::8 dev eth1 metric 5 pref high",
     {.tos = 0},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::8 dev eth1"},
    {"equal ones: not the one of the router that would rather not",
     NET "via fe80::7 dev eth0 metric 5 pref low\n" NET "via fe80::8 dev eth1 metric 5",
     {.tos = 0},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::8 dev eth1"},
    {"a metric goes before a preference",
     NET "via fe80::7 dev eth0 metric 5 pref low\n" NET "via fe80::8 dev eth1 metric 6 pref high",
     {.tos = 0},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::7 dev eth0"},
    {"forwarded, equal ones: back by the device that it came in by",
     NET "via fe80::7 dev eth0 metric 5\n" NET "via fe80::8 dev eth1 metric 5",
     {.iif = "eth1"},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::8 dev eth1"},
    {"forwarded, equal ones, neither by that device: the first",
     NET "via fe80::7 dev eth0 metric 5\n" NET "via fe80::8 dev eth1 metric 5",
     {.iif = "tailscale0"},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::7 dev eth0"},
    {"forwarded: one of several hops is enough",
     NET "via fe80::7 dev eth0 metric 5\n" NET
         "metric 5 nexthop via fe80::9 dev tailscale0 nexthop via fe80::8 dev eth1",
     {.iif = "eth1"},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::9 dev tailscale0"},
    {"forwarded: a preference goes before the device",
     NET "via fe80::7 dev eth0 metric 5 pref high\n" NET "via fe80::8 dev eth1 metric 5",
     {.iif = "eth1"},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::7 dev eth0"},
    {"forwarded: a refusal is on lo",
     "route unreachable 2001:db8:7::/48 metric 5\n" NET "via fe80::8 dev eth1 metric 5",
     {.iif = "eth1"},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::8 dev eth1"},
    {"none of the lowest metric is usable: of all others, whichever their metric",
     NET "via fe80::7 dev eth0 metric 5 dead\n" NET "via fe80::8 dev eth0 metric 6\n" NET
         "via fe80::9 dev eth1 metric 7",
     {.iif = "eth1"},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::9 dev eth1"},
    {"equal ones: a blackhole of a nexthop object ends the search",
     "nexthop 7 blackhole\n" NET "via fe80::7 dev eth0 metric 5 pref high\n" NET
     "nhid 7 metric 5\n" NET "via fe80::8 dev eth1 metric 5",
     {.tos = 0},
     TO,
     NULL,
     "rule 32766, table main, blackhole 2001:db8:7::/48 nhid 7"},
    {"behind a route that is usable it does not matter",
     "nexthop 7 blackhole\n" NET "via fe80::7 dev eth0 metric 5\n" NET "nhid 7 metric 6",
     {.tos = 0},
     TO,
     NULL,
     "rule 32766, table main, 2001:db8:7::/48 via fe80::7 dev eth0"},
    {"IPv4 takes the first all the same",
     "route 10.0.0.0/8 via 203.0.113.7 dev eth0\nroute 10.0.0.0/8 via 172.18.0.7 dev eth1",
     {.iif = "eth1"},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 via 203.0.113.7 dev eth0"},
    {"bound to a device that is down, IPv4 does not even reach its own addresses",
     "link wg0 9 down\naddress 10.9.0.1/32 dev wg0",
     {.oif = "wg0"},
     "10.9.0.1",
     NULL,
     "no rule and no route: unreachable"},
};

static void test_decisions(void **state)
{
    (void)state;
    expect_decisions(decisions, sizeof(decisions) / sizeof(decisions[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decisions)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
