/*
 * test_fib: the kernel's decision, rule by rule, and the exhaustive check of a flow.
 */
#include "common/net/fib.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/ip_lines.h"

/* What every case stands on; the case adds its own lines. */
static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "link eth1 3\n"
                           "link tailscale0 4\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "address 172.18.0.1/16 dev eth1\n"
                           "address 100.64.0.2/32 dev tailscale0\n"
                           "address 2001:db8:1::10/64 dev eth0\n"
                           "route default via 203.0.113.1 dev eth0\n"
                           "route -6 default via fe80::1 dev eth0 metric 1024\n";

static struct address address_of(const char *text)
{
    struct address address = {.family = FAMILY_NONE};

    if (text != NULL)
        assert_true(address_parse(text, &address));
    return address;
}

static void make_host(struct snapshot *snapshot, const char *lines)
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, host);
    ip_lines_add_usual_rules(snapshot);
    ip_lines_add(snapshot, lines);
}

struct decision_case {
    const char *name;
    const char *lines;
    struct flow flow; /* without addresses */
    const char *to, *from;
    const char *expect; /* fib_explain */
};

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
};

static void test_decisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
        const struct decision_case *row = &decisions[i];
        struct flow flow = row->flow;
        struct fib_decision decision;
        struct snapshot snapshot;
        char line[256] = "";
        struct text text = TEXT_IN(line);
        struct fib *fib;

        make_host(&snapshot, row->lines);
        fib = fib_new(&snapshot);
        flow.destination = address_of(row->to);
        flow.source = address_of(row->from);
        fib_lookup(fib, &flow, &decision);
        fib_explain(fib, &decision, &text);
        if (!text_equal(line, row->expect))
            print_error("%s\n", row->name);
        assert_string_equal(line, row->expect);
        fib_free(fib);
        snapshot_done(&snapshot);
    }
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
    assert_false(is_special("rule 9 from 192.0.2.1 to 198.51.100.10 lookup main", "198.51.100.10"));
    assert_true(
        is_special("rule 9 lookup 52\nroute throw 198.51.100.0/24 table 52", "198.51.100.10"));
}

/* ---- fib_check_flow ---------------------------------------------------------------------------
 */

struct violations {
    char list[2048];
    struct text text;
    unsigned stop_after;
    unsigned count;
};

static bool note(void *context, const struct prefix *prefix, const struct fib_decision *decision)
{
    struct violations *violations = context;
    char text[PREFIX_TEXT_SIZE];

    (void)decision;
    text_add(&violations->text, "%s%s", violations->count > 0 ? " " : "",
             prefix_format(prefix, text));
    return ++violations->count != violations->stop_after;
}

static unsigned check(const char *lines, const struct protected_flow *flow,
                      struct violations *violations)
{
    struct snapshot snapshot;
    struct fib *fib;
    unsigned count;

    make_host(&snapshot, lines);
    fib = fib_new(&snapshot);
    violations->list[0] = '\0';
    violations->count = 0;
    violations->text = TEXT_IN(violations->list);
    count = fib_check_flow(fib, flow, note, violations);
    assert_int_equal(count, violations->count);
    fib_free(fib);
    snapshot_done(&snapshot);
    return count;
}

static struct protected_flow flow_to(const char *prefix, const char *device)
{
    struct protected_flow flow = {.name = "test"};

    assert_true(prefix_parse(prefix, &flow.destination));
    text_copy(flow.device, sizeof(flow.device), device);
    return flow;
}

static void test_check_names_exactly(void **state)
{
    struct protected_flow flow = flow_to("10.0.0.0/8", "eth0");
    struct violations found = {.stop_after = 0};

    (void)state;
    assert_int_equal(check("", &flow, &found), 0);
    assert_int_equal(check("route 10.42.0.0/16 dev eth1", &flow, &found), 1);
    assert_string_equal(found.list, "10.42.0.0/16");
    check("rule 9 to 10.1.0.0/16 lookup 7\nroute default dev eth1 table 7\n"
          "route throw 10.1.0.0/24 table 7",
          &flow, &found);
    assert_string_equal(found.list, "10.1.1.0/24 10.1.2.0/23 10.1.4.0/22 10.1.8.0/21 "
                                    "10.1.16.0/20 10.1.32.0/19 10.1.64.0/18 10.1.128.0/17");
    check("route unreachable 10.255.255.255", &flow, &found);
    assert_string_equal(found.list, "10.255.255.255/32");
    flow.flow.source = address_of("203.0.113.10");
    assert_int_equal(check("rule 9 from 203.0.113.10 lookup main\nrule 10 lookup 7\n"
                           "route default dev eth1 table 7",
                           &flow, &found),
                     0);
}

static void test_check_stops(void **state)
{
    struct protected_flow flow = flow_to("0.0.0.0/0", "eth0");
    struct violations found = {.stop_after = 2};

    (void)state;
    assert_int_equal(check("rule 9 blackhole", &flow, &found), 2);
}

static void test_check_passes_over(void **state)
{
    struct protected_flow flow = flow_to("0.0.0.0/0", "eth0");
    struct violations found = {.stop_after = 0};

    (void)state;
    /* connected to eth1, private, multicast, loopback, local: nobody out there */
    assert_int_equal(check("address 198.51.100.1/24 dev eth1\nroute 10.0.0.0/8 dev eth1\n"
                           "route 224.0.0.0/4 dev eth1\nroute 127.0.0.0/8 dev eth1",
                           &flow, &found),
                     0);
    /* the same network by a device that is not in it */
    assert_int_equal(check("route 198.51.100.0/24 dev tailscale0", &flow, &found), 1);
    assert_string_equal(found.list, "198.51.100.0/24");
    /* private, but asked for */
    flow = flow_to("10.0.0.0/8", "eth0");
    assert_int_equal(check("route 10.0.0.0/8 dev eth1", &flow, &found), 1);
    flow = flow_to("::/0", "eth0");
    flow.destination = prefix_default(FAMILY_IPV6);
    assert_int_equal(check("route fd00::/8 dev eth1\nroute fe80::/64 dev eth1\n"
                           "route ff00::/8 dev eth1 table local",
                           &flow, &found),
                     0);
    assert_int_equal(check("route 2000::/3 dev tailscale0", &flow, &found) > 0, 1);
}

static void test_check_not_device_and_gateway(void **state)
{
    struct protected_flow flow = flow_to("10.42.0.0/16", "");
    struct violations found = {.stop_after = 0};

    (void)state;
    text_copy(flow.not_device, sizeof(flow.not_device), "tailscale0");
    assert_int_equal(check("route 10.42.1.0/24 dev eth1", &flow, &found), 0);
    assert_int_equal(check("route 10.42.1.0/24 dev tailscale0", &flow, &found), 1);
    assert_string_equal(found.list, "10.42.1.0/24");
    flow = flow_to("10.42.0.0/16", "");
    flow.gateway = address_of("203.0.113.1");
    assert_int_equal(check("", &flow, &found), 0);
    assert_int_equal(check("route 10.42.1.0/24 via 203.0.113.9 dev eth0", &flow, &found), 1);
}

/* The kernel spreads flows over all hops that are alive. */
static void test_check_every_hop(void **state)
{
    static const char objects[] = "nexthop 1 via 203.0.113.1 dev eth0\nnexthop 2 dev eth1\n"
                                  "nexthop 3 dev eth1 dead\nnexthop 4 group 1,2\n"
                                  "nexthop 5 group 1,3\n";
    static const struct {
        const char *route;
        unsigned count;
    } cases[] = {
        {"route 10.42.0.0/16 nexthop via 203.0.113.1 dev eth0 nexthop via 203.0.113.2 dev eth0", 0},
        {"route 10.42.0.0/16 nexthop via 203.0.113.1 dev eth0 nexthop dev eth1", 1},
        {"route 10.42.0.0/16 nexthop via 203.0.113.1 dev eth0 nexthop dev eth1 dead", 0},
        {"route 10.42.0.0/16 nhid 1", 0},
        {"route 10.42.0.0/16 nhid 2", 1},
        {"route 10.42.0.0/16 nhid 4", 1},
        {"route 10.42.0.0/16 nhid 5", 0},
    };
    struct protected_flow flow = flow_to("10.0.0.0/8", "eth0");
    struct violations found = {.stop_after = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char lines[512];
        struct text text = TEXT_IN(lines);

        lines[0] = '\0';
        text_add(&text, "%s%s", objects, cases[i].route);
        if (check(lines, &flow, &found) != cases[i].count)
            fail_msg("%s: %u violations", cases[i].route, found.count);
    }
    text_copy(flow.flow.oif, sizeof(flow.flow.oif), "eth0"); /* bound to it */
    assert_int_equal(check("route 10.42.0.0/16 nexthop via 203.0.113.1 dev eth0 nexthop dev eth1",
                           &flow, &found),
                     0);
}

/* A full table: 100,000 routes, one of them wrong. */
static void test_many_routes(void **state)
{
    enum { COUNT = 100000 };
    struct protected_flow flow = flow_to("16.0.0.0/4", "eth0");
    struct violations found = {.list = "", .stop_after = 0};
    struct snapshot snapshot;
    struct fib *fib;

    (void)state;
    make_host(&snapshot, "");
    for (uint32_t i = 0; i < COUNT; i++) {
        struct route *route = snapshot_add_route(&snapshot);
        uint8_t bytes[4] = {(uint8_t)(16 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 0};
        struct address address = address_from_bytes(FAMILY_IPV4, bytes);

        *route = (struct route){.table = RT_TABLE_MAIN, .type = RTN_UNICAST, .hops_count = 1};
        route->destination = prefix_make(&address, 24);
        route->hop.link = i == 54321 ? 3 : 2;
    }
    found.text = TEXT_IN(found.list);
    fib = fib_new(&snapshot);
    assert_int_equal(fib_check_flow(fib, &flow, note, &found), 1);
    assert_string_equal(found.list, "16.212.49.0/24");
    fib_free(fib);
    snapshot_done(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_check_names_exactly),
        cmocka_unit_test(test_check_stops),
        cmocka_unit_test(test_check_passes_over),
        cmocka_unit_test(test_check_not_device_and_gateway),
        cmocka_unit_test(test_check_every_hop),
        cmocka_unit_test(test_many_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
