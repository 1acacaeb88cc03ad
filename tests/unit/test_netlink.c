/*
 * test_netlink: what ip(8) sets in a namespace is what a snapshot shows, and changes are hinted.
 */
#include "agent/io/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/io/netlink_parse.h"
#include "agent/io/sysctl.h"
#include "common/net/render.h"
#include "tests/unit/netns.h"

enum { DEADLINE_MS = 20000 };

static void take(struct snapshot *snapshot)
{
    struct err err = ERR_INIT;

    if (!netlink_snapshot(snapshot, &err))
        fail_msg("%s", err.text);
}

/* ---- what is there ----------------------------------------------------------------------------
 */

static void add_line(void *context, const char *line)
{
    text_add(context, "%s\n", line);
}

/* Runs the lines and compares the difference that they make with what is expected. */
static void check_difference(const char *lines, const char *expected)
{
    static char found[8192];
    struct text text = TEXT_IN(found);
    struct snapshot before, after;

    found[0] = '\0';
    take(&before);
    netns_run(lines);
    take(&after);
    render_difference(&before, &after, add_line, &text);
    assert_string_equal(found, expected);
    snapshot_done(&before);
    snapshot_done(&after);
}

static void test_links(void **state)
{
    struct snapshot now;
    const struct link *eth0, *far0, *br0, *lo;

    (void)state;
    netns_run(
        "ip link add br0 type bridge\nip link set far0 master br0\nip link set eth0 mtu 1400\n"
        "ip link add x0 type veth peer name x1\nip link set far0 group 7\n");
    take(&now);
    lo = snapshot_find_device(&now, "lo");
    eth0 = snapshot_find_device(&now, "eth0");
    far0 = snapshot_find_device(&now, "far0");
    br0 = snapshot_find_device(&now, "br0");
    assert_non_null(lo);
    assert_true(lo->loopback);
    assert_string_equal(lo->kind, "");
    assert_non_null(eth0);
    assert_string_equal(eth0->kind, "veth");
    assert_int_equal(eth0->mtu, 1400);
    assert_true(eth0->up);
    assert_true(eth0->carrier);
    assert_false(eth0->loopback);
    assert_int_equal(far0->master, br0->index);
    assert_int_equal(far0->group, 7);
    assert_true(far0->group_known);
    assert_int_equal(eth0->group, 0);
    assert_true(eth0->group_known);
    assert_false(snapshot_find_device(&now, "x0")->up);
    assert_false(snapshot_find_device(&now, "x0")->carrier);
    snapshot_done(&now);
}

/* A pair's ends name each other as a VLAN names what it stands on. */
static void test_what_a_link_stands_on(void **state)
{
    struct snapshot now;
    const struct link *on;

    (void)state;
    netns_run("ip link add link eth0 name on0 type macvlan || true\n");
    take(&now);
    on = snapshot_find_device(&now, "on0");
    assert_int_equal(snapshot_find_device(&now, "eth0")->lower, 0);
    assert_int_equal(snapshot_find_device(&now, "far0")->lower, 0);
    assert_int_equal(snapshot_find_device(&now, "lo")->lower, 0);
    if (on != NULL)
        assert_int_equal(on->lower, snapshot_find_device(&now, "eth0")->index);
    else
        print_message("skipped: this kernel makes no macvlan\n");
    snapshot_done(&now);
}

/* The number of a device in another namespace is somebody else's here. */
static void test_what_a_link_stands_on_elsewhere(void **state)
{
    const struct ifinfomsg header = {.ifi_index = 9};
    struct err err = ERR_INIT;
    struct snapshot now;

    (void)state;
    snapshot_init(&now);
    for (int i = 0; i < 3; i++) {
        struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

        nlmsg_append(message, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO);
        nla_put_u32(message, IFLA_LINK, i == 2 ? 9 : 2);
        if (i == 1)
            nla_put_s32(message, IFLA_LINK_NETNSID, 0);
        assert_true(netlink_parse(nlmsg_hdr(message), &now, &err));
        assert_int_equal(now.links[i].lower, i == 0 ? 2 : 0);
        nlmsg_free(message);
    }
    snapshot_done(&now);
}

static const struct link_address *find_address(const struct snapshot *snapshot, const char *text)
{
    struct address wanted;

    assert_true(address_parse(text, &wanted));
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, &wanted))
            return &snapshot->addresses[i];
    }
    fail_msg("address %s is not in the snapshot", text);
    return NULL;
}

static void test_addresses(void **state)
{
    struct snapshot now;
    const struct link_address *first, *second, *peer, *leased, *ipv6;

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip address add 203.0.113.11/24 dev eth0\n"
              "ip address add 10.9.9.1 peer 10.9.9.2/32 dev eth0\n"
              "ip address add 198.51.100.7/24 dev eth0 valid_lft 500 preferred_lft 500\n"
              "ip address add 2001:db8::10/64 dev eth0 nodad\n");
    take(&now);
    first = find_address(&now, "203.0.113.10");
    second = find_address(&now, "203.0.113.11");
    peer = find_address(&now, "10.9.9.1");
    leased = find_address(&now, "198.51.100.7");
    ipv6 = find_address(&now, "2001:db8::10");
    assert_true(first < second); /* order is state */
    assert_false(first->secondary);
    assert_true(first->permanent);
    assert_int_equal(first->prefix_len, 24);
    assert_int_equal(first->link, snapshot_find_device(&now, "eth0")->index);
    assert_true(second->secondary);
    assert_int_equal(peer->prefix_len, 32);
    assert_false(leased->permanent);
    assert_false(ipv6->secondary);
    assert_false(ipv6->temporary);
    assert_false(ipv6->tentative);
    assert_int_equal(ipv6->prefix_len, 64);
    snapshot_done(&now);
}

static void test_routes(void **state)
{
    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip address add 2001:db8:1::10/64 dev eth0 nodad\n"
              "ip nexthop add id 7 via 203.0.113.3 dev eth0\n");
    netns_wait_for_ipv6();
    check_difference("ip route add default via 203.0.113.1 dev eth0 proto static metric 100\n"
                     "ip route add 10.1.0.0/16 nexthop via 203.0.113.1 dev eth0 weight 3 "
                     "nexthop via 203.0.113.2 dev eth0 onlink\n"
                     "ip route add 10.2.0.0/16 via 192.0.2.1 dev eth0 onlink table 1000\n"
                     "ip route add 10.3.0.0/16 nhid 7\n"
                     "ip route add 10.4.0.0/16 via inet6 fe80::1 dev eth0\n"
                     "ip route add 10.5.0.0/16 dev eth0 src 203.0.113.10 mtu 1300 tos 0x10\n"
                     "ip route add throw 10.6.0.0/16 table 52\n"
                     "ip route add blackhole 10.7.0.0/16\n"
                     "ip route add unreachable 10.8.0.0/16 metric 9\n"
                     "ip route add prohibit 10.9.0.0/16\n"
                     "ip -6 route add default via 2001:db8:1::1 dev eth0\n"
                     "ip -6 route add 2001:db8:2::/48 from 2001:db8:1::/64 dev eth0\n"
                     "ip -6 route add 2001:db8:3::/48 nexthop via 2001:db8:1::2 dev eth0 "
                     "nexthop via 2001:db8:1::3 dev eth0\n",
                     "+ throw 10.6.0.0/16 table 52\n"
                     "+ default via 203.0.113.1 dev eth0 metric 100\n"
                     "+ 10.1.0.0/16 nexthop via 203.0.113.1 dev eth0 weight 3 "
                     "nexthop via 203.0.113.2 dev eth0 onlink weight 1\n"
                     "+ 10.3.0.0/16 nhid 7\n"
                     "+ 10.4.0.0/16 via fe80::1 dev eth0\n"
                     "+ 10.5.0.0/16 dev eth0 src 203.0.113.10 tos 0x10 mtu 1300\n"
                     "+ blackhole 10.7.0.0/16\n"
                     "+ unreachable 10.8.0.0/16 metric 9\n"
                     "+ prohibit 10.9.0.0/16\n"
                     "+ ::/0 via 2001:db8:1::1 dev eth0 metric 1024\n"
                     "+ 2001:db8:2::/48 from 2001:db8:1::/64 dev eth0 metric 1024\n"
                     "+ 2001:db8:3::/48 metric 1024 nexthop via 2001:db8:1::2 dev eth0 weight 1 "
                     "nexthop via 2001:db8:1::3 dev eth0 weight 1\n"
                     "+ 10.2.0.0/16 via 192.0.2.1 dev eth0 onlink table 1000\n");
}

static const struct route *find_route(const struct snapshot *snapshot, const char *text)
{
    struct prefix wanted;

    assert_true(prefix_parse(text, &wanted));
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (prefix_equal(&snapshot->routes[i].destination, &wanted))
            return &snapshot->routes[i];
    }
    return NULL;
}

static void test_route_details(void **state)
{
    struct snapshot now;
    const struct route *route;

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip route add 10.1.0.0/16 via 203.0.113.1 proto 99\n"
              "ip -6 route add 2001:db8:4::/48 dev eth0 expires 600\n"
              "ip -6 route add 2001:db8:5::/48 via fe80::5 dev eth0 pref high\n");
    take(&now);
    route = find_route(&now, "10.1.0.0/16");
    assert_int_equal(route->protocol, 99);
    assert_int_equal(route->scope, RT_SCOPE_UNIVERSE);
    assert_int_equal(route->type, RTN_UNICAST);
    assert_false(route->expires);
    assert_non_null(route->raw);
    assert_true(route->raw_len > sizeof(struct rtmsg));
    assert_true(find_route(&now, "2001:db8:4::/48")->expires);
    assert_int_equal(find_route(&now, "2001:db8:4::/48")->preference, ROUTE_PREFERENCE_MEDIUM);
    assert_int_equal(find_route(&now, "2001:db8:5::/48")->preference, ROUTE_PREFERENCE_HIGH);
    route = find_route(&now, "203.0.113.10/32");
    assert_int_equal(route->table, RT_TABLE_LOCAL);
    assert_int_equal(route->type, RTN_LOCAL);
    snapshot_done(&now);
}

static bool is_dead_in(const struct snapshot *now, const char *destination)
{
    const struct route *route = find_route(now, destination);

    assert_non_null(route);
    return route->hop.dead;
}

static bool is_dead(const char *destination)
{
    struct snapshot now;
    bool dead;

    take(&now);
    dead = is_dead_in(&now, destination);
    snapshot_done(&now);
    return dead;
}

/* The kernel marks a device's routes behind its carrier, when it comes to it. */
static bool are_dead(const struct snapshot *now)
{
    return is_dead_in(now, "203.0.113.0/24") && is_dead_in(now, "2001:db8:1::/64");
}

static bool has_no_carrier(const struct snapshot *now)
{
    const struct link *eth0 = snapshot_find_device(now, "eth0");

    return eth0 != NULL && eth0->up && !eth0->carrier;
}

/* As the kernel decides: without carrier a route is used, unless its device says otherwise. */
static void test_routes_without_carrier(void **state)
{
    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip -6 address add 2001:db8:1::10/64 dev eth0 nodad\n"
              "ip link set far0 down\n");
    netns_wait_for(has_no_carrier, "eth0 to lose its carrier");
    assert_false(is_dead("203.0.113.0/24"));
    assert_false(is_dead("2001:db8:1::/64"));
    netns_run("sysctl -qw net.ipv4.conf.eth0.ignore_routes_with_linkdown=1 "
              "net.ipv6.conf.eth0.ignore_routes_with_linkdown=1\n");
    netns_wait_for(are_dead, "both routes of eth0 to be dead");
    assert_true(is_dead("203.0.113.0/24"));
    assert_true(is_dead("2001:db8:1::/64"));
}

static void test_rules(void **state)
{
    (void)state;
    check_difference("ip rule add pref 100 from 203.0.113.10 lookup main suppress_prefixlength 0\n"
                     "ip rule add pref 100 to 198.51.100.0/24 lookup 52\n"
                     "ip rule add pref 110 not fwmark 0xca6c lookup 51820\n"
                     "ip rule add pref 120 fwmark 0x80000/0xff0000 unreachable\n"
                     "ip rule add pref 130 iif eth0 oif far0 lookup 7\n"
                     "ip rule add pref 140 uidrange 1000-1999 prohibit\n"
                     "ip rule add pref 150 ipproto tcp sport 22 dport 1000-2000 blackhole\n"
                     "ip rule add pref 160 goto 32766\n"
                     "ip rule add pref 170 tos 0x10 lookup 7 suppress_ifgroup 3\n"
                     "ip rule add pref 180 nop\n"
                     "ip -6 rule add pref 190 from 2001:db8::/32 lookup 7\n",
                     "+ rule 100: from 203.0.113.10 lookup main suppress_prefixlength 0\n"
                     "+ rule 100: from all to 198.51.100.0/24 lookup 52\n"
                     "+ rule 110: not from all fwmark 0xca6c/0xffffffff lookup 51820\n"
                     "+ rule 120: from all fwmark 0x80000/0xff0000 unreachable\n"
                     "+ rule 130: from all iif eth0 oif far0 lookup 7\n"
                     "+ rule 140: from all uidrange 1000-1999 prohibit\n"
                     "+ rule 150: from all ipproto 6 sport 22-22 dport 1000-2000 blackhole\n"
                     "+ rule 160: from all goto 32766\n"
                     "+ rule 170: from all tos 0x10 lookup 7 suppress_ifgroup 3\n"
                     "+ rule 180: from all nop\n"
                     "+ rule 190: from 2001:db8::/32 lookup 7 (IPv6)\n");
}

static void test_nexthops(void **state)
{
    struct snapshot now;
    const struct nexthop *nexthop;

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 99\n"
              "ip nexthop add id 2 via 203.0.113.2 dev eth0\n"
              "ip nexthop add id 3 group 1/2,4\n"
              "ip nexthop add id 5 blackhole\n");
    take(&now);
    nexthop = snapshot_find_nexthop(&now, 1);
    assert_non_null(nexthop);
    assert_int_equal(nexthop->protocol, 99);
    assert_int_equal(nexthop->hop.link, snapshot_find_device(&now, "eth0")->index);
    assert_int_equal(nexthop->hop.gateway.bytes[3], 1);
    nexthop = snapshot_find_nexthop(&now, 3);
    assert_true(nexthop->group);
    assert_int_equal(nexthop->members_count, 2);
    assert_int_equal(nexthop->members[0].id, 1);
    assert_int_equal(nexthop->members[1].id, 2);
    assert_int_equal(nexthop->members[1].weight, 4);
    assert_true(snapshot_find_nexthop(&now, 5)->blackhole);
    assert_null(snapshot_find_nexthop(&now, 9));
    snapshot_done(&now);
}

static void test_filter(void **state)
{
    struct netlink_filter filter = {
        .parts = NETLINK_ROUTES, .family = FAMILY_IPV4, .table = 1000, .protocol = 153};
    struct snapshot now;
    struct err err = ERR_INIT;

    (void)state;
    netns_run("ip route add 10.1.0.0/16 dev eth0 table 1000 proto 153\n"
              "ip route add 10.2.0.0/16 dev eth0 table 1000 proto 99\n"
              "ip route add 10.3.0.0/16 dev eth0 table 1001 proto 153\n"
              "ip -6 route add 2001:db8::/32 dev eth0 table 1000 proto 153\n");
    assert_true(netlink_read(&filter, &now, &err));
    assert_int_equal(now.routes_count, 1);
    assert_int_equal(now.links_count, 0);
    assert_int_equal(now.rules_count, 0);
    snapshot_done(&now);
    filter.table = 4242; /* there is no such table */
    assert_true(netlink_read(&filter, &now, &err));
    assert_int_equal(now.routes_count, 0);
    snapshot_done(&now);
}

/* No kernel of today's breaks a dump off for the asking: from 6.10 on it calls one complete that it
 * could not go on with (net/core/rtnetlink.c, rtnl_dumpit). */
static void test_a_dump_that_is_broken_off_says_so(void **state)
{
    static const struct {
        int payload, size, error;
    } ends[] = {
        {0, sizeof(int), 0}, {-EMSGSIZE, sizeof(int), -EMSGSIZE}, {-ENOBUFS, sizeof(int), -ENOBUFS},
        {-EMSGSIZE, 2, 0}, /* cut */
        {7, sizeof(int), 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct nl_msg *message = nlmsg_alloc_simple(NLMSG_DONE, NLM_F_MULTI);

        nlmsg_append(message, (void *)(uintptr_t)&ends[i].payload, (size_t)ends[i].size, 0);
        assert_int_equal(netlink_done_error(nlmsg_hdr(message)), ends[i].error);
        nlmsg_free(message);
    }
}

/* The kernel leaves FRA_PRIORITY out of its first rule; it is rule 0 all the same. */
static void test_first_rule(void **state)
{
    struct snapshot now;

    (void)state;
    take(&now);
    assert_int_equal(now.rules[0].priority, 0);
    assert_int_equal(now.rules[0].table, RT_TABLE_LOCAL);
    assert_int_equal(now.rules[0].family, FAMILY_IPV4);
    assert_int_equal(now.rules[now.rules_count - 1].family, FAMILY_IPV6);
    snapshot_done(&now);
}

/* ---- hints ------------------------------------------------------------------------------------
 */

static struct netlink_watch *open_watch(int fd)
{
    struct err err = ERR_INIT;
    struct netlink_watch *watch = netlink_watch_open(fd, &err);

    if (watch == NULL)
        fail_msg("%s", err.text);
    return watch;
}

/* Takes what comes until all wanted bits were there. */
static unsigned take_until(struct netlink_watch *watch, unsigned wanted)
{
    unsigned found = 0;

    while ((found & wanted) != wanted) {
        struct pollfd poll_fd = {.fd = netlink_watch_fd(watch), .events = POLLIN};

        if (poll(&poll_fd, 1, DEADLINE_MS) <= 0)
            fail_msg("changes 0x%x, expected 0x%x", found, wanted);
        found |= netlink_watch_take(watch);
    }
    return found;
}

static void test_watch(void **state)
{
    struct netlink_watch *watch;

    (void)state;
    watch = open_watch(-1);
    netlink_watch_take(watch);
    assert_int_equal(netlink_watch_take(watch), 0);
    netns_run("ip rule add pref 100 lookup 7\n");
    assert_int_equal(take_until(watch, NETLINK_RULES), NETLINK_RULES);
    netns_run("ip -6 rule add pref 100 lookup 7\n");
    assert_int_equal(take_until(watch, NETLINK_RULES), NETLINK_RULES);
    netns_run("ip route add 10.0.0.0/8 dev eth0\n");
    assert_int_equal(take_until(watch, NETLINK_ROUTES), NETLINK_ROUTES);
    netns_run("ip nexthop add id 4 dev eth0\n");
    assert_int_equal(take_until(watch, NETLINK_NEXTHOPS), NETLINK_NEXTHOPS | NETLINK_ROUTES);
    netns_run("ip address add 203.0.113.10/24 dev eth0\n");
    assert_int_equal(take_until(watch, NETLINK_ADDRESSES) & NETLINK_ROUTES, NETLINK_ROUTES);
    netlink_watch_close(watch);
}

/* The kernel deletes IPv4 routes silently when a link goes down: the link's event has to do. */
static void test_watch_counts_silent_deletions(void **state)
{
    struct netlink_watch *watch;
    struct snapshot before, after;

    (void)state;
    netns_run("ip address add 203.0.113.10/24 dev eth0\n"
              "ip route add 10.0.0.0/8 via 203.0.113.1\n");
    take(&before);
    watch = open_watch(-1);
    netns_run("ip link set eth0 down\n");
    assert_int_equal(take_until(watch, NETLINK_LINKS | NETLINK_ROUTES) &
                         (NETLINK_LINKS | NETLINK_ROUTES),
                     NETLINK_LINKS | NETLINK_ROUTES);
    take(&after);
    assert_non_null(find_route(&before, "10.0.0.0/8"));
    assert_null(find_route(&after, "10.0.0.0/8"));
    netlink_watch_close(watch);
    snapshot_done(&before);
    snapshot_done(&after);
}

static void test_lost_notifications_are_everything(void **state)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    int size = 1; /* the kernel makes its minimum of it */
    struct netlink_watch *watch;

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0); /* as systemd does */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    watch = open_watch(fd);
    netns_run("for i in $(seq 1 50); do echo \"route add 10.0.$i.0/24 dev eth0\"; done | "
              "ip -batch -\n");
    assert_int_equal(netlink_watch_take(watch), NETLINK_EVERYTHING);
    assert_int_equal(netlink_watch_take(watch), 0);
    netlink_watch_close(watch);
}

/* ---- sysctls ----------------------------------------------------------------------------------
 */

static void test_sysctls(void **state)
{
    struct snapshot now;
    struct sysctl setting = {"net.ipv4.conf.a/b.rp_filter", "2"};
    struct err err = ERR_INIT;
    char value[8];

    (void)state;
    netns_run("ip link add a.b type veth peer name a.c\n");
    take(&now);
    assert_true(sysctl_write(&setting, &err));
    sysctl_read(&now);
    assert_non_null(snapshot_find_sysctl(&now, "net.ipv4.ip_forward"));
    assert_non_null(snapshot_find_sysctl(&now, "net.ipv6.conf.all.disable_ipv6"));
    assert_string_equal(snapshot_find_sysctl(&now, setting.name)->value, "2");
    assert_true(sysctl_read_one(setting.name, value, sizeof(value), &err));
    assert_string_equal(value, "2");
    snapshot_done(&now);
}

static void test_sysctl_names(void **state)
{
    static const struct {
        const char *name;
        enum err_kind kind;
    } cases[] = {
        {"net.ipv4.conf.none0.rp_filter", ERR_MISSING},
        {"kernel.core_pattern", ERR_INPUT},
        {"net.ipv4.conf.//.//.//.//.//.etc.passwd", ERR_INPUT},
        {"net.", ERR_INPUT},
        {"net..ipv4.ip_forward", ERR_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sysctl setting = {.value = "1"};
        struct err err = ERR_INIT;
        char value[8];

        assert_false(sysctl_read_one(cases[i].name, value, sizeof(value), &err));
        assert_int_equal(err.kind, cases[i].kind);
        text_copy(setting.name, sizeof(setting.name), cases[i].name);
        assert_false(sysctl_write(&setting, &err));
        assert_int_equal(err.kind, cases[i].kind);
    }
}

/* Room for one: the watch has it, and the reader none. */
static void test_no_descriptor_is_said(void **state)
{
    struct rlimit before, one;
    struct snapshot now;
    struct err err = ERR_INIT;
    int free_fd = dup(0);

    (void)state;
    assert_true(free_fd >= 0);
    close(free_fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    one = (struct rlimit){.rlim_cur = (rlim_t)free_fd + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one), 0);
    assert_false(netlink_snapshot(&now, &err));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_string_equal(err.text, "netlink socket: expected one, the kernel says: Too many open "
                                  "files");
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup(test, netns_enter)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_links),
        IN_NAMESPACE(test_what_a_link_stands_on),
        cmocka_unit_test(test_what_a_link_stands_on_elsewhere),
        IN_NAMESPACE(test_addresses),
        IN_NAMESPACE(test_routes),
        IN_NAMESPACE(test_route_details),
        IN_NAMESPACE(test_routes_without_carrier),
        IN_NAMESPACE(test_rules),
        IN_NAMESPACE(test_nexthops),
        IN_NAMESPACE(test_filter),
        cmocka_unit_test(test_a_dump_that_is_broken_off_says_so),
        IN_NAMESPACE(test_first_rule),
        IN_NAMESPACE(test_watch),
        IN_NAMESPACE(test_watch_counts_silent_deletions),
        IN_NAMESPACE(test_lost_notifications_are_everything),
        IN_NAMESPACE(test_sysctls),
        IN_NAMESPACE(test_sysctl_names),
        IN_NAMESPACE(test_no_descriptor_is_said),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
