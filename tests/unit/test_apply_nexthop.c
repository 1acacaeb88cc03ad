/*
 * test_apply_nexthop: routes of several hops, nexthop objects and groups: done, refused and taken
 * back in a real kernel, with the routes of others that an object takes along.
 */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

static const char objects[] = "ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 153\n"
                              "ip nexthop add id 2 via 203.0.113.2 dev eth0 proto 153\n"
                              "ip nexthop add id 6 via 2001:db8:1::1 dev eth0 proto 153\n";

static void test_there_and_back(void **state)
{
    static const struct {
        const char *line, *difference;
    } cases[] = {
        {"route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 2 nexthop via 203.0.113.2 "
         "dev eth0",
         "+ 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 2 nexthop via 203.0.113.2 dev eth0 "
         "weight 1\n"},
        {"route 10.0.0.0/8 nexthop dev far0 weight 255 nexthop via 192.0.2.1 dev eth0 onlink "
         "table 7 metric 9",
         "+ 10.0.0.0/8 table 7 metric 9 nexthop dev far0 weight 255 nexthop via 192.0.2.1 dev eth0 "
         "onlink weight 1\n"},
        {"route 10.0.0.0/8 nexthop via fe80::1 dev eth0 nexthop via 203.0.113.2 dev eth0",
         "+ 10.0.0.0/8 nexthop via fe80::1 dev eth0 weight 1 nexthop via 203.0.113.2 dev eth0 "
         "weight 1\n"},
        {"route 2001:db8:9::/48 nexthop via fe80::1 dev eth0 weight 3 nexthop via 2001:db8:1::2 "
         "dev eth0",
         "+ 2001:db8:9::/48 metric 1024 nexthop via fe80::1 dev eth0 weight 3 nexthop via "
         "2001:db8:1::2 dev eth0 weight 1\n"},
        {"route 10.0.0.0/8 nhid 1 metric 5", "+ 10.0.0.0/8 nhid 1 metric 5\n"},
        {"route 10.0.0.0/8 nhid 6 src 203.0.113.10", "+ 10.0.0.0/8 nhid 6 src 203.0.113.10\n"},
        {"route 2001:db8:9::/48 nhid 6", "+ 2001:db8:9::/48 nhid 6 metric 1024\n"},
        {"nexthop 5 via 203.0.113.9 dev eth0", "+ nexthop id 5 via 203.0.113.9 dev eth0\n"},
        {"nexthop 5 via 192.0.2.1 dev eth0 onlink",
         "+ nexthop id 5 via 192.0.2.1 dev eth0 onlink\n"},
        {"nexthop 5 via 2001:db8:1::7 dev eth0", "+ nexthop id 5 via 2001:db8:1::7 dev eth0\n"},
        {"nexthop 5 dev far0", "+ nexthop id 5 dev far0\n"},
        {"nexthop 5 blackhole", "+ nexthop id 5 blackhole\n"},
        {"nexthop 5 group 1*4,2", "+ nexthop id 5 group 1,4/2\n"},
        {"nexthop 1 via 203.0.113.7 dev eth0", "- nexthop id 1 via 203.0.113.1 dev eth0\n"
                                               "+ nexthop id 1 via 203.0.113.7 dev eth0\n"},
    };

    (void)state;
    apply_case_begin(objects);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = apply_case_operation(cases[i].line);

        apply_case_there_and_back(&operation, cases[i].difference);
    }
}

/* The kernel replays a route by an object only without the hop that it lists besides. */
static void test_routes_by_objects_come_back(void **state)
{
    static const char *const lines[] = {"route 10.0.0.0/8 nhid 3", "route 2001:db8:9::/48 nhid 6",
                                        "route 10.1.0.0/16 nexthop dev eth0 nexthop dev eth0"};
    static const char *const differences[] = {
        "- 10.0.0.0/8 nhid 3\n", "- 2001:db8:9::/48 nhid 6 metric 1024\n",
        "- 10.1.0.0/16 nexthop via 203.0.113.1 dev eth0 weight 1 nexthop via 203.0.113.2 dev eth0 "
        "weight 5\n"};

    (void)state;
    apply_case_begin(objects);
    netns_run("ip nexthop add id 3 group 1,2/2 proto 153\n"
              "ip route add 10.0.0.0/8 nhid 3 proto 153\n"
              "ip -6 route add 2001:db8:9::/48 nhid 6 proto 153\n"
              "ip route add 10.1.0.0/16 proto 153 nexthop via 203.0.113.1 nexthop via 203.0.113.2 "
              "weight 5\n");
    apply_case_remember();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct operation operation = apply_case_removal(lines[i]);

        apply_case_there_and_back(&operation, differences[i]);
    }
}

/* ---- what an object takes along ---------------------------------------------------------------
 */

/* The kernel says nothing when it deletes these routes: they are in Before, under their own
 * protocol. */
/* The kernel shows such a route as a blackhole, and keeps it as what it was put as. */
static void test_a_route_by_a_blackhole_comes_back(void **state)
{
    struct operation removed = apply_case_removal("route 10.0.0.0/8 dev eth0");

    (void)state;
    apply_case_begin("ip nexthop add id 7 blackhole\n"
                     "ip route add 10.0.0.0/8 nhid 7 proto 153 realms 7\n");
    apply_case_there_and_back(&removed, "- blackhole 10.0.0.0/8 nhid 7\n");
}

/* IPv6 makes the local route of an address a moment later. */
static bool has_local_route(const struct snapshot *now)
{
    struct address second;
    bool has = false;

    assert_true(address_parse("2001:db8:2::1", &second));
    for (size_t i = 0; i < now->routes_count; i++)
        has |= now->routes[i].type == RTN_LOCAL &&
               address_equal(&now->routes[i].destination.address, &second);
    return has;
}

static void remember_with_local_route(void)
{
    netns_wait_for(has_local_route, "the local route of 2001:db8:2::1");
    apply_case_remember();
}

static bool is_as_before(const struct snapshot *now)
{
    (void)now;
    return apply_case_now()[0] == '\0';
}

/* No address takes it along: it is not put once more when some are moved, as what the kernel shows
 * it as, and does not keep it as. */
static void test_a_route_by_a_blackhole_is_not_put_twice(void **state)
{
    static const char *const families[] = {"203.0.113.10/24", "2001:db8:1::10/64"};

    (void)state;
    apply_case_begin("ip address add 198.51.100.1/24 dev eth0\n"
                     "ip address add 2001:db8:2::1/64 dev eth0 nodad\n"
                     "ip nexthop add id 7 blackhole\nip -6 nexthop add id 8 blackhole\n"
                     "ip route add 10.0.0.0/8 nhid 7 proto static\n"
                     "ip route add 10.1.0.0/16 nhid 7 proto static src 198.51.100.1\n"
                     "ip -6 route add 2001:db8:9::/48 nhid 8 proto static\n");
    remember_with_local_route();
    for (size_t i = 0; i < 2; i++) {
        struct operation operation = apply_case_address(families[i], "eth0", true);
        struct undo_item item;

        apply_case_run(&operation, &item);
        apply_case_undo(&item, REVERT_DONE);
        netns_wait_for(is_as_before, "all as before");
        netns_run("[ $(ip route show 10.0.0.0/8 | wc -l) = 1 ]\n"
                  "[ $(ip route show 10.1.0.0/16 | wc -l) = 1 ]\n"
                  "[ $(ip -6 route show 2001:db8:9::/48 | wc -l) = 1 ]\n");
        undo_item_done(&item);
    }
}

/* The kernel drops what is from an address with it, also what leads by an object. */
static void test_routes_by_objects_come_back_with_their_source(void **state)
{
    static const char *const addresses[] = {"198.51.100.1/24", "203.0.113.10/24",
                                            "2001:db8:1::10/64"};

    (void)state;
    apply_case_begin(objects);
    netns_run("ip address add 198.51.100.1/24 dev eth0\n"
              "ip address add 2001:db8:2::1/64 dev eth0 nodad\n"
              "ip nexthop add id 7 blackhole\n"
              "ip route add 10.1.0.0/16 nhid 7 proto static src 198.51.100.1\n"
              "ip route add 10.2.0.0/16 nhid 1 proto static src 198.51.100.1\n"
              "ip route add 10.3.0.0/16 nhid 7 proto static src 203.0.113.10\n"
              "ip route add 10.4.0.0/16 nhid 1 proto static src 203.0.113.10\n"
              "ip -6 route add 2001:db8:9::/48 nhid 6 proto static src 2001:db8:1::10\n");
    remember_with_local_route();
    for (size_t i = 0; i < 3; i++) {
        for (unsigned died = 0; died < 2; died++) {
            struct operation operation = apply_case_address(addresses[i], "eth0", true);
            struct undo_item item;

            apply_case_run(&operation, &item);
            if (died == 1) {
                snapshot_done(&item.after);
                item.has_after = false;
            }
            apply_case_undo(&item, REVERT_DONE);
            netns_wait_for(is_as_before, "all as before");
            undo_item_done(&item);
        }
    }
}

/* What removes it, or leads it elsewhere, names no object: it comes back by it all the same. */
static void test_routes_by_objects_come_back_unnamed(void **state)
{
    struct operation removed = apply_case_removal("route 10.0.0.0/8 dev eth0");
    struct operation moved = apply_case_operation("route 10.0.0.0/8 via 203.0.113.9 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin(objects);
    netns_run("ip route add 10.0.0.0/8 nhid 1 proto 153\n");
    apply_case_remember();
    apply_case_there_and_back(&removed, "- 10.0.0.0/8 nhid 1\n");
    apply_case_run(&moved, &item);
    netns_run("ip route del 10.0.0.0/8 proto 153\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

static void test_routes_of_others_come_back_with_an_object(void **state)
{
    struct operation operation = apply_case_removal("nexthop 1 blackhole");

    (void)state;
    apply_case_begin(objects);
    netns_run("ip nexthop add id 9 group 1,3/2 proto static\n"
              "ip nexthop add id 8 group 1 proto static\n"
              "ip route add 10.0.0.0/8 nhid 1 proto static src 203.0.113.10\n"
              "ip route add 10.1.0.0/16 nhid 9 proto static\n"
              "ip route add 10.2.0.0/16 nhid 8 metric 7 proto boot\n");
    apply_case_remember();
    apply_case_there_and_back(&operation, "- nexthop id 1 via 203.0.113.1 dev eth0\n"
                                          "- nexthop id 8 group 1\n"
                                          "- nexthop id 9 group 1,3/2\n"
                                          "- 10.0.0.0/8 nhid 1 src 203.0.113.10\n"
                                          "- 10.2.0.0/16 nhid 8 metric 7\n"
                                          "+ nexthop id 9 group 2\n");
}

/* The kernel lists a tunnel without the flag that it asks for. */
static void test_an_object_into_a_tunnel_comes_back(void **state)
{
    struct operation operation = apply_case_removal("nexthop 1 blackhole");

    (void)state;
    apply_case_begin("ip nexthop add id 1 encap ip id 7 dst 10.99.0.2 via 203.0.113.1 dev eth0 "
                     "proto 153\n");
    apply_case_there_and_back(&operation, "- nexthop id 1 via 203.0.113.1 dev eth0\n");
}

static void expect_refusal(const struct operation *operation, const char *says)
{
    struct err err = ERR_INIT;
    struct undo_item item;

    apply_case_derive(operation, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    if (strstr(err.text, says) == NULL)
        fail_msg("expected '%s', got: %s", says, err.text);
    apply_case_check("");
    undo_item_done(&item);
}

/* A daemon puts its routes back itself, or not: then the object stays. */
static void test_a_daemons_route_keeps_an_object(void **state)
{
    struct operation operation = apply_case_removal("nexthop 1 blackhole");

    (void)state;
    apply_case_begin(objects);
    netns_run("ip route add 10.0.0.0/8 nhid 1 proto bird\n");
    apply_case_remember();
    expect_refusal(&operation, "only protocol 12 may put that back");
}

static void test_an_object_that_others_use_is_left(void **state)
{
    struct operation operation = apply_case_operation("nexthop 5 via 203.0.113.9 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&operation, &item);
    netns_run("ip route add 10.0.0.0/8 nhid 5 proto static\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "'10.0.0.0/8 nhid 5' of protocol"));
    netns_run("ip route del 10.0.0.0/8 nhid 5 proto static\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* The kernel takes a member out of its group, and with the last one the group and its routes. */
static void test_an_object_in_a_group_of_others_is_left(void **state)
{
    struct operation operation = apply_case_operation("nexthop 5 via 203.0.113.9 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&operation, &item);
    netns_run("ip nexthop add id 7 group 5 proto static\n"
              "ip route add 10.0.0.0/8 nhid 7 proto static\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT),
                           "found it in 'nexthop id 7 group 5' of protocol 4"));
    netns_run("ip route del 10.0.0.0/8 nhid 7 proto static\nip nexthop del id 7\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

static void test_an_object_that_others_changed_is_left(void **state)
{
    struct operation operation = apply_case_operation("nexthop 5 via 203.0.113.9 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&operation, &item);
    netns_run("ip nexthop replace id 5 via 203.0.113.8 dev eth0 proto static\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT),
                           "expected none as before, found 'nexthop id 5 via 203.0.113.8 dev eth0' "
                           "of protocol 4"));
    undo_item_done(&item);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"nexthop 4 blackhole", "belongs to protocol 4"},
        {"nexthop 5 via 192.0.2.1 dev eth0", "192.0.2.1 is on no network of eth0"},
        {"nexthop 5 group 1,77", "member 77 is not there"},
        {"route 10.0.0.0/8 nexthop via 192.0.2.1 dev eth0 nexthop via 203.0.113.2 dev eth0",
         "Nexthop has invalid gateway"},
        {"route 10.0.0.0/8 nexthop via 203.0.113.2 dev eth0 nexthop dev gone0",
         "device gone0 is not there"},
        {"route 10.0.0.0/8 nhid 77", "Nexthop id does not exist"},
        {"route 2001:db8:9::/48 nhid 1", "IPv6 routes can not use an IPv4 nexthop"},
    };

    (void)state;
    apply_case_begin(objects);
    netns_run("ip nexthop add id 4 via 203.0.113.1 dev eth0 proto static\n");
    apply_case_remember();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = apply_case_operation(cases[i].line);

        expect_refusal(&operation, cases[i].says);
    }
}

/* ---- carrier ----------------------------------------------------------------------------------
 */

static bool has_carrier(const struct snapshot *now)
{
    return snapshot_find_device(now, "eth0")->carrier;
}

static bool has_no_carrier(const struct snapshot *now)
{
    return !has_carrier(now);
}

/* The flag of the link goes first, what stands on it up to a second later (linkwatch). */
static bool has_no_object(const struct snapshot *now)
{
    return now->nexthops_count == 0;
}

static void unplug(void)
{
    netns_run("ip link set far0 down\n");
    netns_wait_for(has_no_carrier, "eth0 without carrier");
}

static void plug(void)
{
    netns_run("ip link set far0 up\n");
    netns_wait_for(has_carrier, "eth0 with carrier");
    netns_wait_for_links();
}

/* Losing the carrier drops objects, and routes with them, without a word. */
static void test_objects_wait_for_the_carrier(void **state)
{
    struct operation operations[] = {apply_case_operation("nexthop 5 via 203.0.113.9 dev eth0"),
                                     apply_case_operation("nexthop 7 group 5"),
                                     apply_case_operation("route 10.0.0.0/8 nhid 7")};
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    apply_case_begin("");
    assert_int_equal(apply_assert(&apply_case, operations, 3, &pending, &err), 3);
    assert_int_equal(pending, 0);
    unplug();
    netns_wait_for(has_no_object, "the kernel to drop the objects");
    assert_int_equal(apply_assert(&apply_case, operations, 3, &pending, &err), 0);
    assert_int_equal(pending, 3);
    assert_int_equal(err.kind, ERR_NONE);
    plug();
    assert_int_equal(apply_assert(&apply_case, operations, 3, &pending, &err), 3);
    assert_int_equal(pending, 0);
}

static void test_undoing_waits_for_the_carrier(void **state)
{
    struct operation operation = apply_case_removal("nexthop 1 blackhole");
    struct undo_item item;

    (void)state;
    apply_case_begin("ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 153\n"
                     "ip route add 10.0.0.0/8 nhid 1 proto static\n");
    apply_case_run(&operation, &item);
    unplug();
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY),
                           "nexthop id 1: the kernel says: Network is down: Carrier for nexthop "
                           "device is down"));
    plug();
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_there_and_back),
        IN_NAMESPACE(test_routes_by_objects_come_back),
        IN_NAMESPACE(test_a_route_by_a_blackhole_comes_back),
        IN_NAMESPACE(test_a_route_by_a_blackhole_is_not_put_twice),
        IN_NAMESPACE(test_routes_by_objects_come_back_with_their_source),
        IN_NAMESPACE(test_routes_by_objects_come_back_unnamed),
        IN_NAMESPACE(test_routes_of_others_come_back_with_an_object),
        IN_NAMESPACE(test_an_object_into_a_tunnel_comes_back),
        IN_NAMESPACE(test_a_daemons_route_keeps_an_object),
        IN_NAMESPACE(test_an_object_that_others_use_is_left),
        IN_NAMESPACE(test_an_object_in_a_group_of_others_is_left),
        IN_NAMESPACE(test_an_object_that_others_changed_is_left),
        IN_NAMESPACE(test_refusals),
        IN_NAMESPACE(test_objects_wait_for_the_carrier),
        IN_NAMESPACE(test_undoing_waits_for_the_carrier),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
