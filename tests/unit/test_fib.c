/*
 * test_fib: the kernel's decision, rule by rule.
 */
#include "common/net/fib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fib_case.h"

static const struct decision_case decisions[] = {
    {"main's default",
     "",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"own address",
     "",
     {.tos = 0},
     "203.0.113.10",
     NULL,
     "rule 0, table local, local 203.0.113.10 dev eth0"},
    {"a rule in front",
     "rule 5270 lookup 52\nroute default dev tailscale0 table 52",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 5270, table 52, default dev tailscale0"},
    {"an empty table goes on",
     "rule 5270 lookup 52",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"throw goes on",
     "rule 5270 lookup 52\nroute default dev tailscale0 table 52\nroute throw 10.0.0.0/8 table 52",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"unreachable route ends",
     "route unreachable 10.0.0.0/8",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, unreachable 10.0.0.0/8"},
    {"prohibit route ends",
     "route prohibit 10.0.0.0/8",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, prohibit 10.0.0.0/8"},
    {"unreachable rule ends",
     "rule 100 to 10.0.0.0/8 unreachable",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 100: unreachable"},
    {"blackhole rule ends",
     "rule 100 to 10.0.0.0/8 blackhole",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 100: blackhole"},
    {"nop passes",
     "rule 100 nop",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"longest prefix before metric",
     "route 10.0.0.0/8 dev eth1 metric 1\nroute 10.1.0.0/16 dev eth0 metric 900",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.1.0.0/16 dev eth0"},
    {"lowest metric",
     "route default via 172.18.0.9 dev eth1 metric 50\n"
     "route 10.0.0.0/8 dev eth0 metric 9\nroute 10.0.0.0/8 dev eth1 metric 3",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 dev eth1"},
    {"a dead hop is skipped",
     "route 10.0.0.0/8 dev eth1 dead\nroute 10.0.0.0/8 dev eth0 metric 9",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 dev eth0"},
    {"a dead prefix falls back",
     "route 10.1.0.0/16 dev eth1 dead\nroute 10.0.0.0/8 dev eth1",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 dev eth1"},
    {"tos goes before metric",
     "route 10.0.0.0/8 dev eth1 tos 16 metric 9\n"
     "route 10.0.0.0/8 dev eth0",
     {.tos = 16},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 dev eth1"},
    {"another tos",
     "route 10.0.0.0/8 dev eth1 tos 16\nroute 10.0.0.0/8 dev eth0",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 dev eth0"},
    {"suppressed default",
     "rule 100 lookup main suppress_prefixlength 0\nrule 200 lookup 52\n"
     "route default dev tailscale0 table 52",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 200, table 52, default dev tailscale0"},
    {"not suppressed",
     "rule 100 lookup main suppress_prefixlength 0\nrule 200 lookup 52\n"
     "route default dev tailscale0 table 52",
     {.tos = 0},
     "172.18.0.7",
     NULL,
     "rule 100, table main, 172.18.0.0/16 dev eth1"},
    {"a refusal is never suppressed",
     "rule 100 lookup 7 suppress_prefixlength 0\nroute blackhole default table 7",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 100, table 7, blackhole default"},
    {"suppressed by the group of its device",
     "link wg0 5 group 7\nroute 10.0.0.0/8 dev wg0\nrule 100 lookup main suppress_ifgroup 7\n"
     "rule 200 blackhole",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 200: blackhole"},
    {"another group does not suppress",
     "link wg0 5 group 7\nroute 10.0.0.0/8 dev wg0\nrule 100 lookup main suppress_ifgroup 8\n"
     "rule 200 blackhole",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 100, table main, 10.0.0.0/8 dev wg0"},
    {"0 is a group, too",
     "link wg0 5 group 7\nroute 10.0.0.0/8 dev wg0\nrule 100 lookup main suppress_ifgroup 0\n"
     "rule 200 blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 200: blackhole"},
    {"a refusal has no group",
     "rule 100 lookup 7 suppress_ifgroup 0\nroute blackhole default table 7",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 100, table 7, blackhole default"},
    {"IPv4 suppresses by the first of several hops",
     "link wg0 5 group 7\nrule 100 lookup main suppress_ifgroup 7\nrule 200 blackhole\n"
     "route 10.0.0.0/8 nexthop dev wg0 dead nexthop dev eth1\n",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 200: blackhole"},
    {"IPv4 does not suppress by a later one",
     "link wg0 5 group 7\nrule 100 lookup main suppress_ifgroup 7\nrule 200 blackhole\n"
     "route 10.0.0.0/8 nexthop dev eth1 nexthop dev wg0\n",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 100, table main, 10.0.0.0/8 dev eth1"},
    {"a group's first member's",
     "link wg0 5 group 7\nrule 100 lookup main suppress_ifgroup 7\nrule 200 blackhole\n"
     "nexthop 1 dev wg0\nnexthop 2 dev eth1\nnexthop 3 group 1,2\nroute 10.0.0.0/8 nhid 3",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 200: blackhole"},
    {"IPv6 by the one that is taken: one of these, nobody knows which",
     "link wg0 5 group 7\nrule 100 -6 lookup main suppress_ifgroup 7\nrule 200 -6 blackhole\n"
     "route 2001:db8:9::/48 nexthop dev eth1 nexthop dev wg0\n",
     {.tos = 0},
     "2001:db8:9::1",
     NULL,
     "rule 100: from all lookup main suppress_ifgroup 7 (IPv6)"},
    {"IPv6, all of them",
     "link wg0 5 group 7\nlink wg1 6 group 7\nrule 100 -6 lookup main suppress_ifgroup 7\n"
     "rule 200 -6 blackhole\nroute 2001:db8:9::/48 nexthop dev wg1 nexthop dev wg0\n",
     {.tos = 0},
     "2001:db8:9::1",
     NULL,
     "rule 200: blackhole"},
    {"IPv6, of those that live",
     "link wg0 5 group 7\nrule 100 -6 lookup main suppress_ifgroup 7\nrule 200 -6 blackhole\n"
     "route 2001:db8:9::/48 nexthop dev eth1 nexthop dev wg0 dead\n",
     {.tos = 0},
     "2001:db8:9::1",
     NULL,
     "rule 100, table main, 2001:db8:9::/48 dev eth1"},
    {"a device whose group nobody told",
     "link wg0 5 group-untold\nroute 10.0.0.0/8 dev wg0\n"
     "rule 100 lookup main suppress_ifgroup 7\nrule 200 blackhole",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 100: from all lookup main suppress_ifgroup 7"},
    {"goto jumps",
     "rule 100 goto 32766\nrule 200 blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"goto nowhere is passed over",
     "rule 100 goto 150\nrule 200 blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 200: blackhole"},
    {"from",
     "rule 100 from 203.0.113.10 lookup main\nrule 200 blackhole",
     {.tos = 0},
     "198.18.0.10",
     "203.0.113.10",
     "rule 100, table main, default via 203.0.113.1 dev eth0"},
    {"from another",
     "rule 100 from 203.0.113.10 lookup main\nrule 200 blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 200: blackhole"},
    {"not from",
     "rule 100 not from 203.0.113.10 blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 100: blackhole"},
    {"fwmark",
     "rule 100 fwmark 0x80000/0xff0000 lookup main\nrule 200 blackhole",
     {.mark = 0x180000 & 0xff0000},
     "198.18.0.10",
     NULL,
     "rule 200: blackhole"},
    {"fwmark within the mask",
     "rule 100 fwmark 0x80000/0xff0000 lookup main\nrule 200 blackhole",
     {.mark = 0x80001},
     "198.18.0.10",
     NULL,
     "rule 100, table main, default via 203.0.113.1 dev eth0"},
    {"iif lo is local output",
     "rule 100 iif lo blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 100: blackhole"},
    {"iif of a forwarded packet",
     "rule 100 iif lo blackhole\nrule 101 iif eth1 prohibit",
     {.iif = "eth1"},
     "198.18.0.10",
     NULL,
     "rule 101: prohibit"},
    {"oif rule",
     "rule 100 oif eth1 prohibit",
     {.oif = "eth1"},
     "172.18.0.7",
     NULL,
     "rule 100: prohibit"},
    {"oif rule of who is bound to another device",
     "rule 100 oif wg0 prohibit\nroute default via 172.18.0.9 dev eth1 metric 50",
     {.oif = "eth1"},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 172.18.0.9 dev eth1"},
    {"oif rule of who is bound to none",
     "rule 100 oif eth1 prohibit",
     {.tos = 0},
     "172.18.0.7",
     NULL,
     "rule 32766, table main, 172.18.0.0/16 dev eth1"},
    {"bound to a device",
     "route default via 172.18.0.9 dev eth1 metric 50",
     {.oif = "eth1"},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 172.18.0.9 dev eth1"},
    {"bound to a device that is gone",
     "",
     {.oif = "wg0"},
     "198.18.0.10",
     NULL,
     "no rule and no route: unreachable"},
    {"uid",
     "rule 100 uid 1000 blackhole",
     {.uid = 1000},
     "198.18.0.10",
     NULL,
     "rule 100: blackhole"},
    {"another uid",
     "rule 100 uid 1000 blackhole",
     {.uid = 999},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"dport and protocol",
     "rule 100 ipproto 6 dport 5432 blackhole",
     {.ip_proto = 6, .dport = 5432},
     "198.18.0.10",
     NULL,
     "rule 100: blackhole"},
    {"another dport",
     "rule 100 ipproto 6 dport 5432 blackhole",
     {.ip_proto = 6, .dport = 22},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"the last of several ports",
     "rule 100 sport 6000-6010 blackhole",
     {.ip_proto = 6, .sport = 6010},
     "198.18.0.10",
     NULL,
     "rule 100: blackhole"},
    {"behind the last of several ports",
     "rule 100 sport 6000-6010 blackhole",
     {.ip_proto = 6, .sport = 6011},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"before the first of several ports",
     "rule 100 dport 6000-6010 blackhole",
     {.ip_proto = 6, .dport = 5999},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"IPv6 default",
     "",
     {.tos = 0},
     "2001:db8:9::1",
     NULL,
     "rule 32766, table main, ::/0 via fe80::1 dev eth0"},
    {"IPv6 rule does not touch IPv4",
     "rule 100 -6 blackhole",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"IPv6 without source",
     "rule 100 from ::/1 blackhole",
     {.tos = 0},
     "2001:db8:9::1",
     NULL,
     "rule 32766, table main, ::/0 via fe80::1 dev eth0"},
    {"IPv6 source route first",
     "route 2001:db8:9::/48 dev eth0 metric 1\n"
     "route 2001:db8:9::/48 from 2001:db8:1::/64 dev eth1 metric 900",
     {.tos = 0},
     "2001:db8:9::1",
     "2001:db8:1::10",
     "rule 32766, table main, 2001:db8:9::/48 dev eth1"},
    {"IPv6 subnet anycast is local",
     "route anycast 2001:db8:1:: dev eth0 table local",
     {.tos = 0},
     "2001:db8:1::",
     NULL,
     "rule 0, table local, 2001:db8:1:: dev eth0"},
    {"nexthop object",
     "nexthop 7 via 172.18.0.9 dev eth1\nroute 10.0.0.0/8 nhid 7",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 via 172.18.0.9 dev eth1"},
    {"nexthop object of another device ends the leaf",
     "nexthop 7 dev eth0\nroute 10.0.0.0/16 nhid 7\nroute 10.0.0.0/8 dev eth1\n"
     "route default dev eth1 metric 9",
     {.oif = "eth1"},
     "10.0.2.3",
     NULL,
     "rule 32766, table main, default dev eth1"},
    {"IPv6 prefix of source routes is left",
     "route 2001:db8:9::/48 from 2001:db8:7::/64 dev eth1\nroute 2001:db8:9::/48 dev eth1",
     {.tos = 0},
     "2001:db8:9::1",
     "2001:db8:1::10",
     "rule 32766, table main, ::/0 via fe80::1 dev eth0"},
    {"but not on the way back from a longer one",
     "route 2001:db8:9::/48 from 2001:db8:7::/64 dev eth1\nroute 2001:db8:9::/48 dev eth1\n"
     "route 2001:db8:9:1::/64 dev eth1 dead",
     {.tos = 0},
     "2001:db8:9:1::1",
     "2001:db8:1::10",
     "rule 32766, table main, 2001:db8:9::/48 dev eth1"},
    {"IPv6 refusals are not for the bound",
     "route prohibit 2001:db8:9::/48",
     {.oif = "eth0"},
     "2001:db8:9::1",
     NULL,
     "rule 32766, table main, ::/0 via fe80::1 dev eth0"},
    {"nexthop group, first dead",
     "nexthop 7 dev eth0 dead\nnexthop 8 dev eth1\nnexthop 9 group 7,8\nroute 10.0.0.0/8 nhid 9",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 32766, table main, 10.0.0.0/8 dev eth1"},
    {"a rule with an attribute that nobody knows",
     "rule 9 attribute 25 lookup 52\nroute default dev tailscale0 table 52",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 9: from all lookup 52 and what this program does not know (attribute 25)"},
    {"the way without it is another",
     "rule 99 attribute 25 lookup main\nrule 100 lookup 52\nroute 198.18.0.0/24 dev tailscale0 "
     "table 52",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 99: from all lookup main and what this program does not know (attribute 25)"},
    {"both ways are one",
     "rule 9 attribute 25 lookup main",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"there is no way in its table",
     "rule 9 attribute 25 lookup 77",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"it is not for this packet anyway",
     "rule 9 to 10.0.0.0/8 attribute 25 unreachable",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"not: it is for this packet anyway",
     "rule 9 not to 10.0.0.0/8 attribute 25 unreachable",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 9: unreachable"},
    {"not: nobody knows",
     "rule 9 not to 10.0.0.0/8 attribute 25 unreachable",
     {.tos = 0},
     "10.1.2.3",
     NULL,
     "rule 9: not from all to 10.0.0.0/8 unreachable and what this program does not know "
     "(attribute 25)"},
    {"it may lead beyond a rule",
     "rule 9 attribute 25 goto 20\nrule 10 unreachable\nrule 20 lookup main",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 9: from all goto 20 and what this program does not know (attribute 25)"},
    {"it leads to the next anyway",
     "rule 9 attribute 25 goto 20\nrule 20 unreachable",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 20: unreachable"},
    {"the first of two",
     "rule 9 attribute 25 lookup main\nrule 10 attribute 26 unreachable",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 9: from all lookup main and what this program does not know (attribute 25)"},
    {"two, and all is one",
     "rule 9 attribute 25 lookup main\nrule 10 attribute 26 lookup main",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 32766, table main, default via 203.0.113.1 dev eth0"},
    {"a rule before it decides",
     "rule 8 unreachable\nrule 9 attribute 25 lookup main",
     {.tos = 0},
     "198.18.0.10",
     NULL,
     "rule 8: unreachable"},
};

static void test_decisions(void **state)
{
    (void)state;
    expect_decisions(decisions, sizeof(decisions) / sizeof(decisions[0]));
}

static enum fib_outcome outcome_to(const char *lines, const char *to)
{
    struct flow flow = {.destination = address_of(to)};
    struct fib_decision decision;
    struct snapshot snapshot;
    struct fib *fib;

    make_host(&snapshot, lines);
    fib = fib_new(&snapshot);
    fib_lookup(fib, &flow, &decision);
    fib_free(fib);
    snapshot_done(&snapshot);
    return decision.outcome;
}

static void test_outcomes(void **state)
{
    (void)state;
    assert_int_equal(outcome_to("", "198.18.0.10"), FIB_FORWARD);
    assert_int_equal(outcome_to("", "203.0.113.10"), FIB_LOCAL);
    assert_int_equal(
        outcome_to("route broadcast 203.0.113.255 dev eth0 table local", "203.0.113.255"),
        FIB_LOCAL);
    assert_int_equal(outcome_to("route anycast 2001:db8:1:: dev eth0 table local", "2001:db8:1::"),
                     FIB_LOCAL);
    assert_int_equal(outcome_to("route blackhole 10.0.0.0/8", "10.0.0.1"), FIB_BLACKHOLE);
    assert_int_equal(outcome_to("nexthop 3 blackhole\nroute 10.0.0.0/8 nhid 3", "10.0.0.1"),
                     FIB_BLACKHOLE);
    assert_int_equal(outcome_to("rule 9 prohibit", "10.0.0.1"), FIB_PROHIBIT);
    assert_int_equal(outcome_to("rule 9 unreachable", "10.0.0.1"), FIB_UNREACHABLE);
    assert_int_equal(outcome_to("rule 9 attribute 25 unreachable", "10.0.0.1"), FIB_UNKNOWN);
    assert_int_equal(outcome_to("rule 9 action 4", "10.0.0.1"), FIB_UNKNOWN);
}

static void test_source(void **state)
{
    struct snapshot snapshot;
    struct fib *fib;
    struct fib_decision decision;
    struct flow flow = {.destination = address_of("198.18.0.10")};
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    make_host(&snapshot, "address 192.0.2.7/24 dev eth0\nroute 10.0.0.0/8 dev eth0 src 192.0.2.7");
    fib = fib_new(&snapshot);
    fib_lookup(fib, &flow, &decision);
    assert_string_equal(address_format(&decision.source, text), "203.0.113.10");
    flow.destination = address_of("10.0.0.1");
    fib_lookup(fib, &flow, &decision);
    assert_string_equal(address_format(&decision.source, text), "192.0.2.7");
    flow.source = address_of("203.0.113.10");
    fib_lookup(fib, &flow, &decision);
    assert_string_equal(address_format(&decision.source, text), "203.0.113.10");
    fib_free(fib);
    snapshot_done(&snapshot);
}

static bool is_special(const char *lines, const char *to)
{
    struct flow flow = {.destination = address_of(to), .source = address_of("203.0.113.10")};
    struct fib_decision decision;
    struct snapshot snapshot;
    struct fib *fib;

    make_host(&snapshot, lines);
    fib = fib_new(&snapshot);
    fib_lookup(fib, &flow, &decision);
    fib_free(fib);
    snapshot_done(&snapshot);
    return decision.special;
}

static void test_special(void **state)
{
    (void)state;
    assert_false(is_special("", "198.51.100.10"));
    assert_true(is_special("rule 5141 to 198.51.100.10 lookup main", "198.51.100.10"));
    assert_false(is_special("rule 5141 to 198.51.100.10 lookup main", "198.18.0.10"));
    assert_true(is_special("route 198.51.100.0/24 via 203.0.113.1 dev eth0", "198.51.100.10"));
    assert_true(is_special("rule 9 not to 198.51.100.10 lookup 52", "198.51.100.10"));
    assert_true(is_special("rule 9 to 198.51.100.10 goto 32766", "198.51.100.10"));
    assert_true(is_special("rule 9 attribute 25 unreachable", "198.51.100.10"));
    assert_true(
        is_special("rule 9 attribute 25 goto 20\nrule 10 nop\nrule 20 nop", "198.51.100.10"));
    assert_false(is_special("rule 9 attribute 25 lookup main", "198.51.100.10"));
    assert_false(is_special("rule 9 from 192.0.2.1 to 198.51.100.10 lookup main", "198.51.100.10"));
    assert_true(
        is_special("rule 9 lookup 52\nroute throw 198.51.100.0/24 table 52", "198.51.100.10"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_special),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
