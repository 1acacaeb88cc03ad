/*
 * test_fib_flow: the exhaustive check of a flow.
 */
#include "common/net/fib.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fib_case.h"

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
    assert_int_equal(
        check("rule 9 to 10.1.0.0/16 attribute 25 lookup 7\nroute default dev eth1 table 7", &flow,
              &found),
        1);
    assert_string_equal(found.list, "10.1.0.0/16");
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
        cmocka_unit_test(test_check_names_exactly),
        cmocka_unit_test(test_check_stops),
        cmocka_unit_test(test_check_passes_over),
        cmocka_unit_test(test_check_not_device_and_gateway),
        cmocka_unit_test(test_check_every_hop),
        cmocka_unit_test(test_many_routes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
