/*
 * test_apply_ipv6: what IPv6 has that IPv4 has not, taken along by a change and taken back in a
 * real kernel: addresses that no source is chosen by, link-local ones of somebody's making,
 * gateways that only a device leads to, routes that lose their source.
 */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/io/sysctl.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* eth1 - far1; the kernel makes no link-local address on either, unless a test has it. */
static const char second[] =
    "ip link add eth1 type veth peer name far1\n"
    "ip link set far1 addrgenmode none\n"
    "ip link set eth1 addrgenmode none\n"
    "sysctl -qw net.ipv6.conf.eth1.accept_dad=0\n"
    "ip link set far1 up\n"
    "ip link set eth1 up\n"
    "ip address add 2001:db8:2::10/64 dev eth1 nodad\n"
    "ip address add 2001:db8:2::11/64 dev eth1 preferred_lft 0 nodad\n"
    "ip address add 2001:db8:3::1 peer 2001:db8:3::2/128 dev eth1 nodad\n"
    "ip address add fe80::77/64 dev eth1 nodad\n"
    "ip -6 route add 2001:db8:d::/48 via fe80::1 dev eth1 proto static pref high\n"
    "ip -6 route add 2001:db8:e::/48 via fe80::1 dev eth1 proto static metric 7 "
    "src 2001:db8:2::11\n"
    "ip -6 route add 2001:db8:f::/48 via fe80::1 dev eth1 metric 9 src 2001:db8:2::10\n";

static unsigned locals_then;

static unsigned count_locals(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].destination.address.family == FAMILY_IPV6 &&
                 (now->routes[i].type == RTN_LOCAL || now->routes[i].type == RTN_MULTICAST);
    return count;
}

/* The kernel makes its own routes a moment later. */
static bool has_all_locals(const struct snapshot *now)
{
    return count_locals(now) == locals_then;
}

/* locals: ::1, eth0's, eth1's, and ff00::/8 of four devices. */
static void begin(const char *lines, unsigned locals)
{
    char all[2048];

    snprintf(all, sizeof(all), "%s%s", second, lines);
    locals_then = locals;
    apply_case_begin(all);
    netns_wait_for(has_all_locals, "both pairs up, with their addresses");
    apply_case_remember();
}

static void check_undone(struct undo_item *item)
{
    struct err err = ERR_INIT;

    apply_case_undo(item, REVERT_DONE);
    netns_wait_for(has_all_locals, "the kernel's own routes");
    apply_case_check("");
    apply_case_check_order();
    if (!apply_is_restored(&apply_case, item, 1, NULL, 0, 0, &err))
        fail_msg("%s", err.text);
    undo_item_done(item);
}

/* Also where the guard died before it could read back. */
static void check(struct operation operation, const char *part)
{
    struct undo_item item;

    apply_case_run(&operation, &item);
    if (strstr(apply_case_now(), part) == NULL)
        fail_msg("expected '%s' in:\n%s", part, apply_case_now());
    check_undone(&item);
    apply_case_run(&operation, &item);
    item.has_after = false;
    snapshot_done(&item.after);
    check_undone(&item);
}

static void test_down(void **state)
{
    (void)state;
    begin("", 10);
    check(apply_case_link("eth1", 0, "down"), "- address fe80::77/64 on eth1\n");
    check(apply_case_link("eth1", 1280, "down"), "- 2001:db8:d::/48 via fe80::1 dev eth1");
}

/* A source that no route needs any more is a source all the same. */
static void test_sources_come_back(void **state)
{
    (void)state;
    begin("", 10);
    check(apply_case_address("2001:db8:2::11/64", "eth1", true),
          "+ 2001:db8:e::/48 via fe80::1 dev eth1 metric 7\n");
    check(apply_case_address("2001:db8:2::10/64", "eth1", true),
          "+ 2001:db8:f::/48 via fe80::1 dev eth1 metric 9\n");
}

/* What somebody put by the same hop meanwhile is not what the kernel left of the route. */
static void test_others_stay(void **state)
{
    struct operation operation = apply_case_address("2001:db8:2::11/64", "eth1", true);
    struct undo_item item;
    struct snapshot now;
    unsigned count = 0;

    (void)state;
    begin("", 10);
    apply_case_run(&operation, &item);
    netns_run("ip -6 route replace 2001:db8:e::/48 via fe80::1 dev eth1 proto 42 metric 7\n");
    apply_case_undo(&item, REVERT_DONE);
    netns_wait_for(has_all_locals, "the kernel's own routes");
    apply_case_read(&now);
    for (size_t i = 0; i < now.routes_count; i++) {
        if (now.routes[i].metric != 7)
            continue;
        assert_int_equal(now.routes[i].protocol, 42);
        count++;
    }
    assert_int_equal(count, 1);
    snapshot_done(&now);
    undo_item_done(&item);
}

/* Below 1280 all of IPv6 goes, the kernel's own link-local address with it, which it makes again.
 */
static void test_mtu(void **state)
{
    (void)state;
    begin("ip address del fe80::77/64 dev eth1 nodad\n"
          "sysctl -qw net.ipv6.conf.eth1.addr_gen_mode=0\n",
          10);
    check(apply_case_link("eth1", 1279, NULL), "- address 2001:db8:2::11/64 on eth1\n");
}

/* Its settings are the kernel's defaults then, those with it that no operation sets. */
static const struct sysctl settings[] = {
    {"net.ipv6.conf.eth1.addr_gen_mode", "1"},
    {"net.ipv6.conf.eth1.use_tempaddr", "2"},
    {"net.ipv6.conf.eth1.router_solicitations", "7"},
    {"net.ipv6.conf.eth1.dad_transmits", "3"},
    {"net.ipv6.conf.eth1.router_solicitation_max_interval", "17"},
};
enum { SETTINGS_COUNT = sizeof(settings) / sizeof(settings[0]) };

static void check_settings_come_back(bool read_back)
{
    struct operation operation = apply_case_link("eth1", 1279, NULL);
    char value[SYSCTL_VALUE_SIZE];
    struct err err = ERR_INIT;
    struct undo_item item;

    apply_case_run(&operation, &item);
    assert_false(sysctl_read_one(settings[0].name, value, sizeof(value), &err));
    if (!read_back) {
        item.has_after = false;
        snapshot_done(&item.after);
    }
    apply_case_undo(&item, REVERT_DONE);
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (!sysctl_read_one(settings[i].name, value, sizeof(value), &err))
            fail_msg("%s", err.text);
        assert_string_equal(value, settings[i].value);
    }
    undo_item_done(&item);
}

static void test_mtu_takes_settings(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    begin("", 10);
    for (int i = 0; i < SETTINGS_COUNT; i++) {
        if (!sysctl_write(&settings[i], &err))
            fail_msg("%s", err.text);
    }
    check_settings_come_back(true);
    check_settings_come_back(false);
}

/* ---- what a router advertised -----------------------------------------------------------------
 */

/* A router for 1800 s, and nothing besides. */
static void advertise(const char *device)
{
    static const uint8_t message[16] = {134, 0, 0, 0, 64, 0, 0x07, 0x08};
    struct sockaddr_in6 all_nodes = {.sin6_family = AF_INET6,
                                     .sin6_scope_id = if_nametoindex(device)};
    int raw = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
    int hops = 255;

    assert_true(raw >= 0);
    assert_int_equal(inet_pton(AF_INET6, "ff02::1", &all_nodes.sin6_addr), 1);
    assert_int_equal(setsockopt(raw, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)), 0);
    assert_int_equal(
        sendto(raw, message, sizeof(message), 0, (struct sockaddr *)&all_nodes, sizeof(all_nodes)),
        sizeof(message));
    close(raw);
}

/* With a lifetime: the kernel learned them. */
static bool has_learned_both(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].protocol == RTPROT_RA && now->routes[i].expires;
    return count == 2;
}

/* The kernel makes them from a work queue, a moment behind their addresses. */
static bool has_local_routes(const struct snapshot *now)
{
    struct address own[2];
    unsigned count = 0;

    assert_true(address_parse("fe80::e", &own[0]) && address_parse("fe80::f", &own[1]));
    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];

        count += route->type == RTN_LOCAL && (address_equal(&route->destination.address, &own[0]) ||
                                              address_equal(&route->destination.address, &own[1]));
    }
    return count == 2;
}

/* But for the address of all routers, which a router answers to: local, and the kernel's. */
static void check_is_predicted(const struct operation *operation, const struct snapshot *before)
{
    struct snapshot predicted, now;

    snapshot_copy(&predicted, before);
    operation_predict(operation, &predicted);
    apply_case_read(&now);
    assert_string_equal(apply_case_difference(&predicted, &now),
                        "+ anycast fe80:: dev far0 table local\n");
    snapshot_done(&predicted);
    snapshot_done(&now);
}

/* One device forwards, and another loses its default route; undoing leaves that to the router's
 * next word. What a program put as learned by it (metric 99), and eth0's, stay. */
static void test_forwarding_takes_what_was_advertised(void **state)
{
    static const char lost[] = "- ::/0 via fe80::f dev eth1 metric 1024\n";
    struct operation operation = apply_case_sysctl("net.ipv6.conf.far0.forwarding", "1");
    struct snapshot before;
    struct undo_item item;
    char told[512];

    (void)state;
    begin("", 10);
    netns_run("sysctl -qw net.ipv6.conf.eth0.accept_ra=2 net.ipv6.conf.eth1.accept_ra=1\n"
              "ip address add fe80::e/64 dev far0 nodad\nip address add fe80::f/64 dev far1 nodad\n"
              "ip -6 route add default via fe80::99 dev eth1 proto ra metric 99\n");
    netns_wait_for(has_local_routes, "the local routes of fe80::e and fe80::f");
    advertise("far0");
    advertise("far1");
    netns_wait_for(has_learned_both, "two routers' advertisements");
    apply_case_remember();
    apply_case_read(&before);
    apply_case_run(&operation, &item);
    if (strstr(apply_case_now(), lost) == NULL)
        fail_msg("expected '%s' in:\n%s", lost, apply_case_now());
    check_is_predicted(&operation, &before);
    snapshot_done(&before);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check(lost);
    apply_tell_others(&item, 1, told, sizeof(told));
    assert_string_equal(told, "not back, and for its owner to bring back: '::/0 via fe80::f dev "
                              "eth1 metric 1024' (router advertisement)");
    advertise("far1");
    netns_wait_for(has_learned_both, "the router's next advertisement");
    apply_case_check("");
    apply_tell_others(&item, 1, told, sizeof(told));
    assert_string_equal(told, "");
    undo_item_done(&item);
}

/* Beside an address without a route to its network, or whose has a metric of its own, another one
 * brings that route, and the kernel leaves it there (check_cleanup_prefix_route). */
static void test_route_to_the_network_goes_again(void **state)
{
    const struct operation operations[] = {apply_case_address("2001:db8:5::2/64", "eth0", false),
                                           apply_case_address("2001:db8:6::2/64", "eth0", false),
                                           apply_case_address("2001:db8:7::2/64", "eth0", false)};

    (void)state;
    begin("ip address add 2001:db8:5::1/64 dev eth0 nodad noprefixroute\n"
          "ip address add 2001:db8:6::1/64 dev eth0 nodad metric 100\n"
          "ip address add 2001:db8:7::1/64 dev eth0 nodad\n",
          13);
    for (size_t i = 0; i < 3; i++) {
        struct undo_item item;

        apply_case_run(&operations[i], &item);
        check_undone(&item);
    }
}

/* Another's that needs it has come meanwhile, also one that names the metric which the kernel takes
 * by itself; or it was there before. */
static void test_route_to_the_network_stays(void **state)
{
    static const char *const forms[] = {"", " metric 256"};
    const struct operation operation = apply_case_address("2001:db8:5::2/64", "eth0", false);
    struct undo_item item;

    (void)state;
    begin("ip address add 2001:db8:5::1/64 dev eth0 nodad noprefixroute\n", 11);
    for (size_t i = 0; i < 2; i++) {
        char lines[512];

        apply_case_run(&operation, &item);
        snprintf(lines, sizeof(lines), "ip address add 2001:db8:5::3/64 dev eth0 nodad%s\n",
                 forms[i]);
        netns_run(lines);
        apply_case_undo(&item, REVERT_DONE);
        snprintf(lines, sizeof(lines),
                 "ip -6 route show 2001:db8:5::/64 | grep -q proto.kernel\n"
                 "ip address del 2001:db8:5::3/64 dev eth0\n"
                 "ip -6 route show 2001:db8:5::/64 | grep -q proto.kernel\n%s",
                 i == 0 ? "ip -6 route del 2001:db8:5::/64 dev eth0\n" : "");
        netns_run(lines);
        undo_item_done(&item);
    }
    apply_case_remember();
    apply_case_run(&operation, &item);
    check_undone(&item);
}

/* Back to an mtu without IPv6 it goes, whosever it is: none of it is asked for there. */
static void test_back_to_none(void **state)
{
    const struct operation operation = apply_case_link("eth0", 1400, NULL);
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    netns_run("ip link set eth0 mtu 1000\nip link set eth0 up\n");
    apply_case_remember();
    apply_case_run(&operation, &item);
    netns_run("ip address add 2001:db8:8::8/64 dev eth0 nodad\n"
              "ip -6 route add 2001:db8:b::/48 via 2001:db8:8::1 dev eth0 proto static\n"
              "ip -6 nexthop add id 7 via 2001:db8:8::1 dev eth0\n"
              "ip -6 route add 2001:db8:c::/48 nhid 7 proto static\n");
    apply_case_undo(&item, REVERT_DONE);
    if (!apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err))
        fail_msg("%s", err.text);
    undo_item_done(&item);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_down),
        IN_NAMESPACE(test_sources_come_back),
        IN_NAMESPACE(test_others_stay),
        IN_NAMESPACE(test_mtu),
        IN_NAMESPACE(test_mtu_takes_settings),
        IN_NAMESPACE(test_route_to_the_network_goes_again),
        IN_NAMESPACE(test_route_to_the_network_stays),
        IN_NAMESPACE(test_back_to_none),
        IN_NAMESPACE(test_forwarding_takes_what_was_advertised),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
