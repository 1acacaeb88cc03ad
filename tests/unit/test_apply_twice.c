/*
 * test_apply_twice: one change that touches one object twice: by an operation of its own, and by
 * another that takes it along.
 */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/core/undo_plan.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/worker.h"
#include "common/core/mem.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

static const char host[] = "ip link add eth1 type veth peer name far1\n"
                           "ip link set far1 addrgenmode none\nip link set eth1 addrgenmode none\n"
                           "ip link set far1 up\nip link set eth1 up\n"
                           "ip address add 192.0.2.10/24 dev eth1\n";

static const struct operation *operations;
static struct work *verifying;

/* As prepare derives them: each on what the earlier ones leave. */
static void derive(uint32_t count)
{
    struct snapshot now;
    struct err err = ERR_INIT;

    verifying = work_new(WORK_VERIFY, NULL);
    verifying->items = mem_alloc(count, sizeof(*verifying->items));
    apply_case_read(&now);
    for (uint32_t i = 0; i < count; i++) {
        if (!operation_check(&operations[i], &now, &err) ||
            !apply_part_add(&operations[i], &now, &err))
            fail_msg("%s", err.text);
        undo_derive(&operations[i], i, &now, &verifying->items[i]);
        for (uint32_t k = 0; k < i; k++)
            undo_leave_to(&verifying->items[i], &verifying->items[k]);
        verifying->items_count++;
        undo_foresee(&operations[i], &now);
    }
    snapshot_done(&now);
}

/* The kernel makes its own of a link that has come up a moment later. */
static bool is_as_before(const struct snapshot *now)
{
    (void)now;
    return apply_case_now()[0] == '\0';
}

static bool has_both_pairs(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].type == RTN_MULTICAST && now->routes[i].destination.len == 8;
    return count == 4;
}

static void begin_with_eth1(void)
{
    apply_case_begin(host);
    netns_wait_for(has_both_pairs, "both pairs up");
}

/* An IPv6 address has its local route when the kernel's own work queue has run. */
static bool has_local_of_eth1(const struct snapshot *now)
{
    const struct link *eth1 = snapshot_find_device(now, "eth1");
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].type == RTN_LOCAL && now->routes[i].hop.link == eth1->index &&
                 now->routes[i].destination.address.family == FAMILY_IPV6;
    return count == 1;
}

static void begin_with_ipv6(const char *lines)
{
    begin_with_eth1();
    netns_run("sysctl -qw net.ipv6.conf.default.addr_gen_mode=1\n" /* whose IPv6 comes anew */
              "ip address add 2001:db8:9::9/64 dev eth1 nodad\n");
    netns_wait_for(has_local_of_eth1, "the address's own route");
    netns_run(lines);
}

static void verify(void)
{
    work_do(&apply_case, verifying);
    if (!verifying->ok)
        fail_msg("%s", verifying->why);
    netns_wait_for(is_as_before, "all as before");
    apply_case_check_order();
}

static void run_all(const struct operation *these, uint32_t count)
{
    struct err err = ERR_INIT;

    operations = these;
    apply_case_remember();
    derive(count);
    for (uint32_t i = 0; i < count; i++) {
        if (!apply_run(&apply_case, &verifying->items[i], &err))
            fail_msg("%s", err.text);
    }
}

static void undo_all(uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        char why[REASON_SIZE];

        if (apply_undo_of(&apply_case, &verifying->items[i],
                          undo_plan_find_older(verifying->items, i), why,
                          sizeof(why)) == REVERT_RETRY)
            fail_msg("%s", why);
    }
}

/* All is done, taken back, verified, and is as it was; and so once more, as by who died before the
 * end of it was written down. */
static void check_there_and_back(const struct operation *these, uint32_t count)
{
    run_all(these, count);
    for (unsigned rounds = 0; rounds < 2; rounds++) {
        undo_all(count);
        verify();
    }
    work_free(verifying);
}

/* Put, and removed again: neither the removal, nor verifying it, puts it back for good. */
static void test_put_and_removed(void **state)
{
    const struct operation both[] = {apply_case_address("198.51.100.9/24", "eth1", false),
                                     apply_case_address("198.51.100.9/24", "eth1", true)};

    (void)state;
    begin_with_eth1();
    check_there_and_back(both, 2);
}

/* Put and removed again, by a gateway on a network that the change brought: who begins again,
 * behind all that was taken back, does not put for a moment what the kernel does not take any more.
 */
static void test_route_put_and_removed_with_its_network(void **state)
{
    const struct operation these[] = {
        apply_case_address("198.51.100.1/24", "far0", false),
        apply_case_operation("route 10.0.0.0/8 via 198.51.100.9 dev far0"),
        apply_case_removal("route 10.0.0.0/8 via 198.51.100.9 dev far0")};

    (void)state;
    apply_case_begin("");
    check_there_and_back(these, 3);
}

static void test_route_put_and_replaced_with_its_network(void **state)
{
    const struct operation these[] = {
        apply_case_address("198.51.100.1/24", "far0", false),
        apply_case_operation("route 10.0.0.0/8 via 198.51.100.9 dev far0"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.9 dev eth0")};

    (void)state;
    apply_case_begin("");
    check_there_and_back(these, 3);
}

static void test_object_put_and_removed_with_its_network(void **state)
{
    const struct operation these[] = {apply_case_address("198.51.100.1/24", "far0", false),
                                      apply_case_operation("nexthop 77 via 198.51.100.9 dev far0"),
                                      apply_case_removal("nexthop 77 via 198.51.100.9 dev far0")};

    (void)state;
    apply_case_begin("");
    check_there_and_back(these, 3);
}

/* Both ours: the second goes with the first, and is put again. It was there, whatever the newer
 * operation found. */
static void test_secondary_put_again(void **state)
{
    const struct operation ours[] = {apply_case_address("198.51.100.1/24", "eth1", false),
                                     apply_case_address("198.51.100.2/24", "eth1", false)};
    const struct operation both[] = {apply_case_address("198.51.100.1/24", "eth1", true),
                                     apply_case_address("198.51.100.2/24", "eth1", false)};

    (void)state;
    begin_with_eth1();
    for (size_t i = 0; i < 2; i++) {
        struct undo_item item;

        apply_case_run(&ours[i], &item);
        undo_item_done(&item);
    }
    check_there_and_back(both, 2);
}

/* A route of ours goes with the device, which comes back, and is put again. */
static void test_route_put_again(void **state)
{
    const struct operation route =
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    const struct operation these[] = {apply_case_link("eth0", 0, "down"),
                                      apply_case_link("eth0", 0, "up"), route};
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&route, &item);
    undo_item_done(&item);
    check_there_and_back(these, 3);
}

/* Asked for, and there already: it is what a newer operation takes along that comes back. */
static void test_already_so_and_taken_along(void **state)
{
    const struct operation route =
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    const struct operation these[] = {route, apply_case_address("2001:db8:1::10/64", "eth0", false),
                                      apply_case_sysctl("net.ipv6.conf.eth0.forwarding", "1"),
                                      apply_case_link("eth0", 1200, NULL),
                                      apply_case_link("eth0", 0, "down")};
    struct undo_item item;

    (void)state;
    apply_case_begin("sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 " /* no other addresses */
                     "net.ipv6.conf.eth0.forwarding=1\n");
    apply_case_run(&route, &item);
    undo_item_done(&item);
    check_there_and_back(these, 5);
}

/* Of a link each operation answers for what no older one sets. */
static void test_links_set_twice(void **state)
{
    const struct operation these[] = {apply_case_link("eth1", 0, "down"),
                                      apply_case_link("eth1", 1400, "up"),
                                      apply_case_link("eth1", 1450, NULL)};

    (void)state;
    begin_with_eth1();
    check_there_and_back(these, 3);
    netns_run("ip link set eth1 mtu 1400\n");
    check_there_and_back(these + 1, 2);
}

/* The kernel keeps the hop by a device that is down, dead: with the last of its hops the route goes
 * as a whole, and comes back so. */
static void test_hops_taken_one_by_one(void **state)
{
    const struct operation these[] = {apply_case_link("eth0", 0, "down"),
                                      apply_case_address("192.0.2.10/24", "eth1", true)};

    (void)state;
    begin_with_eth1();
    netns_run("ip route add 10.0.0.0/8 proto static nexthop via 203.0.113.1 dev eth0 weight 2 "
              "nexthop via 192.0.2.1 dev eth1\n");
    check_there_and_back(these, 2);
}

/* Down, the kernel keeps the hop of IPv6 that leads there, as a dead one; without IPv6 it goes. */
static void test_hop_lost_behind_a_link_that_is_down(void **state)
{
    const struct operation these[] = {apply_case_link("eth1", 0, "down"),
                                      apply_case_link("eth1", 576, NULL)};

    (void)state;
    begin_with_ipv6("ip -6 route add 2001:db8:f4::/48 proto static nexthop via 2001:db8:1::99 dev "
                    "eth0 nexthop via 2001:db8:9::99 dev eth1\n");
    check_there_and_back(these, 2);
}

/* The order of two advertised routers in the rescue table turns with their preference: each takes
 * the other's metric. */
static void test_two_routers_change_places(void **state)
{
    const struct operation one = apply_case_operation(
        "route default via fe80::1 dev eth0 onlink metric 1024 table 5100 protocol 153");
    const struct operation other = apply_case_operation(
        "route default via fe80::2 dev eth0 onlink metric 1025 table 5100 protocol 153");
    const struct operation these[] = {
        apply_case_operation(
            "route default via fe80::2 dev eth0 onlink metric 1024 table 5100 protocol 153"),
        apply_case_operation(
            "route default via fe80::1 dev eth0 onlink metric 1025 table 5100 protocol 153")};
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&one, &item);
    undo_item_done(&item);
    apply_case_run(&other, &item);
    undo_item_done(&item);
    check_there_and_back(these, 2);
}

/* A device is down, and the addresses of another are put in their order again: a route by both,
 * which the kernel would not take by now, stays where it is. */
static void test_siblings_moved_behind_a_link_that_is_down(void **state)
{
    const struct operation these[] = {apply_case_link("eth0", 0, "down"),
                                      apply_case_address("192.0.2.10/24", "eth1", true)};

    (void)state;
    begin_with_eth1();
    netns_run("ip address add 198.51.100.1/24 dev eth1\n"
              "ip address add 198.51.100.2/24 dev eth1\n"
              "ip route add 10.0.0.0/8 proto static nexthop via 203.0.113.1 dev eth0 weight 2 "
              "nexthop via 198.51.100.9 dev eth1\n"
              "ip route add 10.0.0.0/8 metric 9 src 198.51.100.1 nexthop via 203.0.113.1 dev eth0 "
              "nexthop via 198.51.100.9 dev eth1\n"
              "ip route add 10.0.0.0/8 metric 10 src 198.51.100.2 nexthop via 203.0.113.1 dev eth0 "
              "nexthop via 198.51.100.9 dev eth1\n");
    check_there_and_back(these, 2);
}

/* The kernel looks a gateway up by the rules: it takes none where they swallow what is from all. */
static void test_siblings_moved_under_a_rule_that_prohibits(void **state)
{
    const struct operation these[] = {apply_case_address("192.0.2.10/24", "eth1", true)};

    (void)state;
    begin_with_eth1();
    netns_run("ip address add 198.51.100.1/24 dev eth1\n"
              "ip route add 10.0.0.0/8 proto static via 198.51.100.9 dev eth1\n"
              "ip rule add priority 100 prohibit\n");
    check_there_and_back(these, 1);
}

/* Put beside somebody's of the same network, who has routes from it by both. */
static void test_sibling_put_and_taken_back_behind_a_link_that_is_down(void **state)
{
    const struct operation these[] = {apply_case_link("eth0", 0, "down"),
                                      apply_case_address("198.51.100.1/24", "eth1", false)};
    struct err err = ERR_INIT;
    char why[REASON_SIZE];

    (void)state;
    begin_with_eth1();
    netns_run("ip address del 192.0.2.10/24 dev eth1\n"
              "ip route add 10.0.0.0/8 proto static nexthop via 203.0.113.1 dev eth0 "
              "nexthop via 192.0.2.1 dev eth1 onlink\n");
    operations = these;
    apply_case_remember();
    derive(2);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(apply_run(&apply_case, &verifying->items[i], &err));
    netns_run("ip address add 198.51.100.2/24 dev eth1\n");
    for (uint32_t i = 2; i-- > 0;)
        assert_int_equal(apply_undo(&apply_case, &verifying->items[i], why, sizeof(why)),
                         REVERT_DONE);
    netns_run("ip address show dev eth1 | grep -q 198.51.100.2/24\n"
              "ip route show 10.0.0.0/8 | grep -q proto.static\n"
              "ip address del 198.51.100.2/24 dev eth1\n");
    work_free(verifying);
}

/* What others put by a link that the change took down and up again, or up and down, stays: it is
 * not taken there and back once more. */
static void test_others_stay_by_a_link_that_went_there_and_back(void **state)
{
    const struct operation these[] = {
        apply_case_link("eth1", 0, "down"), apply_case_link("eth1", 1400, "up"),
        apply_case_link("eth1", 0, "down"), apply_case_link("eth1", 0, "up")};

    (void)state;
    begin_with_ipv6("ip route add 10.0.0.0/8 proto static via 192.0.2.1 dev eth1\n");
    for (uint32_t count = 2; count <= 4; count += 2) {
        run_all(these, count);
        netns_run("ip route add 198.51.100.0/28 dev eth1 proto static\n"
                  "ip address add 2001:db8:8::8/64 dev eth1 nodad\n");
        undo_all(count);
        netns_run("ip route show dev eth1 | grep -q 198.51.100.0/28\n"
                  "ip address show dev eth1 | grep -q 2001:db8:8::8\n"
                  "ip route del 198.51.100.0/28 dev eth1\n"
                  "ip address del 2001:db8:8::8/64 dev eth1\n");
        verify();
        work_free(verifying);
    }
}

/* Nor is one whose mtu went below that of IPv6 and came back: by however many steps. */
static void test_others_stay_by_a_link_that_had_no_ipv6(void **state)
{
    const struct operation these[] = {
        apply_case_link("eth1", 1200, NULL), apply_case_link("eth1", 1400, NULL),
        apply_case_link("eth1", 1200, NULL), apply_case_link("eth1", 1200, NULL),
        apply_case_link("eth1", 1450, NULL)};

    (void)state;
    begin_with_ipv6(
        "ip route add 2001:db8:a::/48 via 2001:db8:9::1 dev eth1 proto static mtu 1400\n");
    for (uint32_t count = 2; count <= 5; count += 3) {
        run_all(these, count);
        netns_run(
            "ip address add 2001:db8:8::8/64 dev eth1 nodad\n"
            "ip route add 2001:db8:b::/48 via 2001:db8:8::1 dev eth1 proto static mtu 1300\n");
        undo_all(count);
        netns_run("ip address show dev eth1 | grep -q 2001:db8:8::8\n"
                  "ip -6 route show 2001:db8:b::/48 | grep -q mtu.1300\n"
                  "ip -6 route del 2001:db8:b::/48 dev eth1\n"
                  "ip address del 2001:db8:8::8/64 dev eth1\n");
        verify();
        undo_all(count);
        verify();
        work_free(verifying);
    }
}

/* Of several below it each is taken back by itself: nobody else can have put IPv6 there. */
static void test_mtu_below_that_of_ipv6_twice(void **state)
{
    const struct operation these[] = {apply_case_link("eth1", 1200, NULL),
                                      apply_case_link("eth1", 1000, NULL),
                                      apply_case_link("eth1", 1400, NULL)};

    (void)state;
    begin_with_ipv6("");
    check_there_and_back(these, 3);
}

/* IPv6 is on the device only within the change. */
static void test_address_put_and_removed_with_ipv6(void **state)
{
    const struct operation these[] = {apply_case_link("eth1", 1400, NULL),
                                      apply_case_address("2001:db8:9::9/64", "eth1", false),
                                      apply_case_address("2001:db8:9::9/64", "eth1", true)};

    (void)state;
    begin_with_ipv6("ip link set eth1 mtu 1000\n");
    check_there_and_back(these, 3);
}

static void test_others_stay_by_a_link_that_was_down(void **state)
{
    const struct operation these[] = {apply_case_link("eth1", 0, "up"),
                                      apply_case_link("eth1", 0, "down")};

    (void)state;
    begin_with_eth1();
    netns_run("ip link set eth1 down\nip address add 2001:db8:9::9/64 dev eth1 nodad\n");
    netns_wait_for(has_local_of_eth1, "the address's own route");
    run_all(these, 2);
    netns_run("ip address add 2001:db8:8::8/64 dev eth1 nodad\n");
    undo_all(2);
    netns_run("ip address show dev eth1 | grep -q 2001:db8:8::8\n"
              "ip address del 2001:db8:8::8/64 dev eth1\n");
    verify();
    work_free(verifying);
}

/* What was already so is not the newer one's to take back: nothing goes down before it is its turn.
 */
static void test_link_put_up_twice_goes_down_last(void **state)
{
    const struct operation these[] = {apply_case_link("eth1", 0, "up"),
                                      apply_case_address("198.51.100.1/24", "eth1", false),
                                      apply_case_link("eth1", 0, "up")};
    char why[REASON_SIZE];

    (void)state;
    begin_with_eth1();
    netns_run("ip link set eth1 down\n");
    run_all(these, 3);
    for (uint32_t i = 3; i-- > 1;)
        assert_int_equal(apply_undo(&apply_case, &verifying->items[i], why, sizeof(why)),
                         REVERT_DONE);
    netns_run("ip link show eth1 | grep -q ,UP\n");
    undo_all(3);
    verify();
    work_free(verifying);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_put_and_removed),
        IN_NAMESPACE(test_route_put_and_removed_with_its_network),
        IN_NAMESPACE(test_route_put_and_replaced_with_its_network),
        IN_NAMESPACE(test_object_put_and_removed_with_its_network),
        IN_NAMESPACE(test_secondary_put_again),
        IN_NAMESPACE(test_route_put_again),
        IN_NAMESPACE(test_already_so_and_taken_along),
        IN_NAMESPACE(test_links_set_twice),
        IN_NAMESPACE(test_hops_taken_one_by_one),
        IN_NAMESPACE(test_hop_lost_behind_a_link_that_is_down),
        IN_NAMESPACE(test_two_routers_change_places),
        IN_NAMESPACE(test_siblings_moved_behind_a_link_that_is_down),
        IN_NAMESPACE(test_siblings_moved_under_a_rule_that_prohibits),
        IN_NAMESPACE(test_sibling_put_and_taken_back_behind_a_link_that_is_down),
        IN_NAMESPACE(test_others_stay_by_a_link_that_went_there_and_back),
        IN_NAMESPACE(test_others_stay_by_a_link_that_had_no_ipv6),
        IN_NAMESPACE(test_mtu_below_that_of_ipv6_twice),
        IN_NAMESPACE(test_address_put_and_removed_with_ipv6),
        IN_NAMESPACE(test_others_stay_by_a_link_that_was_down),
        IN_NAMESPACE(test_link_put_up_twice_goes_down_last),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
