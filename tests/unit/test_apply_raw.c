/*
 * test_apply_raw: whatever the kernel lists, deleted and put back from its raw bytes, is listed the
 * same again; rules keep their order, and exactly the one that is meant is deleted.
 */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_rule.h"
#include "common/net/render.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

static void must(bool done, const struct err *err)
{
    if (!done)
        fail_msg("%s", err->text);
}

static const struct rule *find_rule(const struct snapshot *snapshot, uint8_t family,
                                    uint32_t priority)
{
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (snapshot->rules[i].family == family && snapshot->rules[i].priority == priority)
            return &snapshot->rules[i];
    }
    return NULL;
}

static void check_rule_round_trip(struct nl_sock *socket, uint8_t family, uint32_t priority)
{
    struct snapshot before, without, after;
    struct err err = ERR_INIT;
    const struct rule *was, *is;

    apply_case_read(&before);
    was = find_rule(&before, family, priority);
    assert_non_null(was);
    must(apply_netlink_delete_rule(socket, was, &err), &err);
    apply_case_read(&without);
    assert_null(find_rule(&without, family, priority));
    must(apply_netlink_put_rule(socket, was, APPLY_EXCLUSIVE, &err), &err);
    assert_false(apply_netlink_put_rule(socket, was, APPLY_EXCLUSIVE, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    apply_case_read(&after);
    is = find_rule(&after, family, priority);
    assert_non_null(is);
    assert_string_equal(apply_case_difference(&before, &after), "");
    assert_int_equal(is->raw_len, was->raw_len);
    if (priority != 0) /* FIB_RULE_PERMANENT is the kernel's own to set */
        assert_memory_equal(is->raw, was->raw, was->raw_len);
    snapshot_done(&before);
    snapshot_done(&without);
    snapshot_done(&after);
}

static void test_rules(void **state)
{
    static const char *const rules[] = {
        "lookup main suppress_prefixlength 0",
        "lookup main suppress_ifgroup 7",
        "not fwmark 0xca6c lookup 51820",
        "fwmark 0x80000/0xff0000 unreachable",
        "uidrange 1000-1999 lookup 7",
        "iif eth0 lookup 7",
        "oif eth0 lookup 7",
        "iif nowhere0 lookup 7",
        "ipproto tcp sport 22 dport 1000-2000 blackhole",
        "goto 32766",
        "goto 31000", /* leads nowhere yet */
        "nop",
        "prohibit",
        "tos 0x10 lookup 7",
        "lookup 4000000000",
        "protocol 99 lookup 7",
        "tun_id 4711 lookup 7",
        "l3mdev",
        "lookup 7 realms 5",
    };
    struct nl_sock *socket = apply_case_socket();

    (void)state;
    for (uint32_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        char lines[400];

        snprintf(lines, sizeof(lines),
                 "ip rule add pref %u from 203.0.113.10 %s\n"
                 "ip -6 rule add pref %u to 2001:db8::/32 %s\n",
                 100 + i, rules[i], 100 + i, rules[i]);
        netns_run(lines);
        check_rule_round_trip(socket, FAMILY_IPV4, 100 + i);
        check_rule_round_trip(socket, FAMILY_IPV6, 100 + i);
    }
    apply_netlink_close(socket);
}

/* Its dump has no FRA_PRIORITY; without one `lookup local` would end up somewhere else. */
static void test_the_first_rule(void **state)
{
    struct nl_sock *socket = apply_case_socket();
    struct snapshot now;

    (void)state;
    check_rule_round_trip(socket, FAMILY_IPV4, 0);
    check_rule_round_trip(socket, FAMILY_IPV6, 0);
    apply_case_read(&now);
    assert_int_equal(now.rules[0].priority, 0);
    assert_int_equal(now.rules[0].table, RT_TABLE_LOCAL);
    snapshot_done(&now);
    apply_netlink_close(socket);
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static const struct route *find_route(const struct snapshot *snapshot, const char *text)
{
    struct prefix wanted;

    assert_true(prefix_parse(text, &wanted));
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (prefix_equal(&snapshot->routes[i].destination, &wanted) &&
            snapshot->routes[i].table != RT_TABLE_LOCAL)
            return &snapshot->routes[i];
    }
    return NULL;
}

static void check_route_round_trip(struct nl_sock *socket, const char *destination)
{
    struct snapshot before, without, after;
    struct err err = ERR_INIT;
    const struct route *was;

    apply_case_read(&before);
    was = find_route(&before, destination);
    if (was == NULL)
        fail_msg("no route %s", destination);
    must(apply_netlink_delete_route(socket, was, &err), &err);
    apply_case_read(&without);
    assert_null(find_route(&without, destination));
    assert_false(apply_netlink_delete_route(socket, was, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    must(apply_netlink_put_route(socket, was, APPLY_EXCLUSIVE, &err), &err);
    apply_case_read(&after);
    assert_string_equal(apply_case_difference(&before, &after), "");
    assert_int_equal(find_route(&after, destination)->raw_len, was->raw_len);
    snapshot_done(&before);
    snapshot_done(&without);
    snapshot_done(&after);
}

static void test_routes(void **state)
{
    static const struct {
        const char *destination, *words;
    } routes[] = {
        {"10.1.0.0/16", "via 203.0.113.1"},
        {"10.2.0.0/16", "nexthop via 203.0.113.1 weight 3 nexthop via 203.0.113.2 weight 1"},
        {"10.3.0.0/16", "via 192.0.2.1 dev eth0 onlink"},
        {"10.4.0.0/16", "nhid 7"},
        {"10.5.0.0/16", "nhid 9"},
        {"10.6.0.0/16", "via inet6 fe80::1 dev eth0 metric 50"},
        {"10.7.0.0/16", "dev eth0 src 203.0.113.10 mtu lock 1300 initcwnd 20 table 100000"},
        {"10.8.0.0/16", "via 203.0.113.1 tos 0x10 proto 99"},
        {"10.9.0.0/16", "dev far0 scope link realm 3"},
        {"10.20.0.0/16", "via 203.0.113.1 encap ip id 42 dst 203.0.113.9"},
        {"10.21.0.0/16", "nexthop via 203.0.113.1 encap ip id 42 dst 203.0.113.9 "
                         "nexthop via 203.0.113.2 weight 2"},
        {"2001:db8:6::/48", "encap seg6 mode inline segs 2001:db8:9::1 dev eth0"},
        {"2001:db8:7::/48", "encap seg6local action End count dev eth0"},
        {"2001:db8:2::/48", "via 2001:db8:1::1 metric 7 proto static"},
        {"2001:db8:3::/48", "nexthop via 2001:db8:1::1 nexthop via 2001:db8:1::2"},
        {"2001:db8:4::/48", "nhid 8"},
        {"2001:db8:5::/48", "dev eth0 mtu 1300 hoplimit 9 pref high table 52"},
    };
    struct nl_sock *socket = apply_case_socket();

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip address add 2001:db8:1::10/64 dev eth0 nodad\n"
              "ip nexthop add id 6 via 203.0.113.4 dev eth0\n"
              "ip nexthop add id 7 via 203.0.113.3 dev eth0\n"
              "ip nexthop add id 8 via 2001:db8:1::3 dev eth0\n"
              "ip nexthop add id 9 group 6/7,3\n"
              "ip route add throw 10.10.0.0/16 table 52\n"
              "ip route add blackhole 10.11.0.0/16\n"
              "ip route add unreachable 10.12.0.0/16 metric 4\n"
              "ip route add prohibit 10.13.0.0/16\n"
              "ip -6 route add blackhole 2001:db8:10::/48\n"
              "ip -6 route add throw 2001:db8:11::/48 table 52\n");
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        char lines[400];

        snprintf(lines, sizeof(lines), "ip route add %s %s\n", routes[i].destination,
                 routes[i].words);
        netns_run(lines);
        check_route_round_trip(socket, routes[i].destination);
    }
    check_route_round_trip(socket, "10.10.0.0/16");
    check_route_round_trip(socket, "10.11.0.0/16");
    check_route_round_trip(socket, "10.12.0.0/16");
    check_route_round_trip(socket, "10.13.0.0/16");
    check_route_round_trip(socket, "2001:db8:10::/48");
    check_route_round_trip(socket, "2001:db8:11::/48");
    apply_netlink_close(socket);
}

static bool hop_is_dead(const struct snapshot *now)
{
    const struct route *route = find_route(now, "10.1.0.0/16");

    return route != NULL && route->hop.dead;
}

/* A link without carrier marks hops dead, where its setting says so; such flags are not accepted
 * back. */
static void test_routes_without_carrier(void **state)
{
    struct nl_sock *socket = apply_case_socket();
    struct snapshot now;

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip link add eth1 type veth peer name far1\n"
              "ip link set eth1 up\nip link set far1 up\n"
              "ip address add 198.51.100.1/24 dev eth1\n"
              "ip route add 10.1.0.0/16 via 203.0.113.1 metric 5\n"
              "ip route add 10.2.0.0/16 nexthop via 203.0.113.1 nexthop via 198.51.100.2\n"
              "sysctl -qw net.ipv4.conf.eth0.ignore_routes_with_linkdown=1\n"
              "ip link set far0 down\n");
    netns_wait_for(hop_is_dead, "a dead hop");
    apply_case_read(&now);
    assert_true(find_route(&now, "10.2.0.0/16")->hops[0].dead);
    assert_false(find_route(&now, "10.2.0.0/16")->hops[1].dead);
    snapshot_done(&now);
    check_route_round_trip(socket, "10.2.0.0/16");
    apply_netlink_close(socket);
}

/* Exactly that one: another protocol, gateway or device is not deleted. */
static void test_deleting_asks_for_the_protocol(void **state)
{
    struct nl_sock *socket = apply_case_socket();
    struct snapshot before, after;
    struct err err = ERR_INIT;

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip route add 10.1.0.0/16 via 203.0.113.1 proto 153\n");
    apply_case_read(&before);
    netns_run("ip route replace 10.1.0.0/16 via 203.0.113.1 proto static\n");
    assert_false(apply_netlink_delete_route(socket, find_route(&before, "10.1.0.0/16"), &err));
    assert_int_equal(err.kind, ERR_MISSING);
    apply_case_read(&after);
    assert_int_equal(find_route(&after, "10.1.0.0/16")->protocol, RTPROT_STATIC);
    snapshot_done(&before);
    snapshot_done(&after);
    apply_netlink_close(socket);
}

/* ---- order of rules ---------------------------------------------------------------------------
 */

/* "from A lookup 1, from B lookup 2" of one priority, as listed. */
static void check_group(uint32_t priority, const char *expected)
{
    char found[1024] = "";
    struct text text = TEXT_IN(found);
    struct snapshot now;

    apply_case_read(&now);
    for (size_t i = 0; i < now.rules_count; i++) {
        if (now.rules[i].priority != priority)
            continue;
        render_rule(&now.rules[i], &text);
        text_add(&text, "\n");
    }
    assert_string_equal(found, expected);
    snapshot_done(&now);
}

/* A rule that is put back goes behind its siblings, unless they are moved behind it again. */
static void test_a_restored_rule_stands_where_it_stood(void **state)
{
    struct operation operation = apply_case_removal("rule 100 from 10.0.0.2 lookup 2");
    struct undo_item item;
    const char *before = "100: from 10.0.0.1 lookup 1\n100: from 10.0.0.2 lookup 2\n"
                         "100: from 10.0.0.3 lookup 3\n100: from 10.0.0.4 lookup 4\n";

    (void)state;
    netns_run("ip rule add pref 100 from 10.0.0.1 lookup 1 protocol static\n"
              "ip rule add pref 100 from 10.0.0.2 lookup 2 protocol 153\n"
              "ip rule add pref 100 from 10.0.0.3 lookup 3 protocol static\n"
              "ip rule add pref 100 from 10.0.0.4 lookup 4 protocol 153\n");
    check_group(100, before);
    apply_case_run(&operation, &item);
    check_group(100, "100: from 10.0.0.1 lookup 1\n100: from 10.0.0.3 lookup 3\n"
                     "100: from 10.0.0.4 lookup 4\n");
    apply_case_undo(&item, REVERT_DONE);
    check_group(100, before);
    undo_item_done(&item);
}

/* The kernel, asked to delete the plainest, takes a narrower one before it: those have moved behind
 * it by then. */
static void test_a_restored_rule_stands_before_all_of_them(void **state)
{
    struct operation operation = apply_case_removal("rule 100 from 10.0.0.1 oif eth0 lookup 2");
    struct undo_item item;
    const char *before =
        "100: from 10.0.0.1 oif eth0 lookup 2\n100: from 10.0.0.2 oif eth0 lookup 2\n"
        "100: not from 10.0.0.3 oif eth1 lookup 2\n100: from all lookup 2\n";

    (void)state;
    netns_run("ip rule add pref 100 from 10.0.0.1 oif eth0 lookup 2 protocol 153\n"
              "ip rule add pref 100 from 10.0.0.2 oif eth0 lookup 2 protocol 153\n"
              "ip rule add not pref 100 from 10.0.0.3 oif eth1 lookup 2 protocol 153\n"
              "ip rule add pref 100 lookup 2 protocol 153\n");
    check_group(100, before);
    apply_case_run(&operation, &item);
    apply_case_undo(&item, REVERT_DONE);
    check_group(100, before);
    undo_item_done(&item);
}

/* The kernel deletes the first rule that has all that is given; a narrower one has that too. */
static void test_the_narrower_rule_stays(void **state)
{
    struct operation wide = apply_case_removal("rule 100 from 10.0.0.2 lookup 2");
    struct undo_item item;

    (void)state;
    netns_run("ip rule add pref 100 from 10.0.0.2 iif eth0 lookup 2 protocol 153\n"
              "ip rule add pref 100 from 10.0.0.9 lookup 9 protocol static\n"
              "ip rule add pref 100 from 10.0.0.2 lookup 2 protocol 153\n"
              "ip rule add pref 100 from 10.0.0.2 oif eth0 lookup 2 protocol 153\n");
    apply_case_run(&wide, &item);
    check_group(100, "100: from 10.0.0.2 iif eth0 lookup 2\n100: from 10.0.0.9 lookup 9\n"
                     "100: from 10.0.0.2 oif eth0 lookup 2\n");
    apply_case_undo(&item, REVERT_DONE);
    check_group(100, "100: from 10.0.0.2 iif eth0 lookup 2\n100: from 10.0.0.9 lookup 9\n"
                     "100: from 10.0.0.2 lookup 2\n100: from 10.0.0.2 oif eth0 lookup 2\n");
    undo_item_done(&item);
}

static void test_no_descriptor_is_said(void **state)
{
    struct rlimit before, none;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_null(apply_netlink_open(&err));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_string_equal(err.text, "netlink socket: expected one, the kernel says: Too many open "
                                  "files");
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup(test, netns_enter)

/* More than a page of next hops. */
static void test_very_many_hops_come_back(void **state)
{
    struct operation operation =
        apply_case_removal("route 2001:db8:2::/48 via 2001:db8:1::1000 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin(
        "for i in $(seq 1000 1180); do echo route append 2001:db8:2::/48 proto 153 via "
        "2001:db8:1::$i dev eth0; done | ip -6 -batch -\n");
    apply_case_run(&operation, &item);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_rules),
        IN_NAMESPACE(test_the_first_rule),
        IN_NAMESPACE(test_routes),
        IN_NAMESPACE(test_routes_without_carrier),
        IN_NAMESPACE(test_deleting_asks_for_the_protocol),
        IN_NAMESPACE(test_a_restored_rule_stands_where_it_stood),
        IN_NAMESPACE(test_a_restored_rule_stands_before_all_of_them),
        IN_NAMESPACE(test_the_narrower_rule_stays),
        IN_NAMESPACE(test_very_many_hops_come_back),
        IN_NAMESPACE(test_no_descriptor_is_said),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
