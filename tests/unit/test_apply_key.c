/*
 * test_apply_key: IPv4 routes of one destination, of which the kernel deletes and replaces the
 * first that fits, and uses the first of one metric: ours alone is taken back, and others' keep
 * their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/render.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* Those to 10.0.0.0/8, as the kernel has them. */
static void render_routes(char *to, size_t size)
{
    struct snapshot now;
    struct text out;

    text_init(&out, to, size);
    apply_case_read(&now);
    for (size_t i = 0; i < now.routes_count; i++) {
        if (now.routes[i].destination.address.bytes[0] != 10)
            continue;
        render_route(&now.routes[i], &now, &out);
        text_add(&out, "\n");
    }
    snapshot_done(&now);
}

/* A route of ours comes back in its own place, also where somebody put one of that key before it.
 */
static void test_replaces_its_own(void **state)
{
    struct operation operation = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto 153\n");
    apply_case_run(&operation, &item);
    netns_run("ip route prepend 10.0.0.0/8 via 203.0.113.3 proto static\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("+ 10.0.0.0/8 via 203.0.113.3 dev eth0\n");
    undo_item_done(&item);
}

/* One without a metric is none of another metric, of a change below it, where somebody took ours
 * away. */
static void test_deletes_its_own(void **state)
{
    struct operation operation = apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0");
    struct undo_item item;

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 metric 100\n");
    apply_case_run(&operation, &item);
    netns_run("ip route del 10.0.0.0/8\n");
    apply_case_check("");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* One that was removed comes back beside somebody's that was there before it went, on its side. */
static void test_comes_back_beside_others(void **state)
{
    static const char *const beside[] = {"prepend", "append"};
    struct operation operation = apply_case_removal("route 10.0.0.0/8 via 203.0.113.1 dev eth0");
    char line[128], before[512], now[512];

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < 2; i++) {
        struct undo_item item;

        snprintf(line, sizeof(line), "ip route %s 10.0.0.0/8 via 203.0.113.3 proto static\n",
                 beside[i]);
        netns_run("ip route flush 10.0.0.0/8\nip route add 10.0.0.0/8 via 203.0.113.1 proto 153\n");
        netns_run(line);
        render_routes(before, sizeof(before));
        apply_case_run(&operation, &item);
        apply_case_undo(&item, REVERT_DONE);
        render_routes(now, sizeof(now));
        assert_string_equal(now, before);
        undo_item_done(&item);
    }
}

/* ---- others -----------------------------------------------------------------------------------
 */

/* Beside eth0's; each line is a way of 10.0.0.0/8 that somebody has appended. */
static const struct {
    const char *ways[4];
} order_cases[] = {
    {{"via 203.0.113.1", "via 203.0.113.2", "via 203.0.113.3"}},
    {{"via 203.0.113.1", "via 192.0.2.1"}},
    {{"via 192.0.2.1", "via 203.0.113.1"}},
    {{"via 203.0.113.1", "via 203.0.113.2", "via 192.0.2.1", "via 203.0.113.3"}},
    {{"dev eth0 scope link", "via 192.0.2.1"}},
    {{"nexthop via 203.0.113.1 nexthop via 203.0.113.2", "via 192.0.2.1"}},
};

static void add_ways(const char *const *ways)
{
    char lines[1024] = "";
    struct text text = TEXT_IN(lines);

    for (size_t i = 0; i < 4 && ways[i] != NULL; i++)
        text_add(&text, "ip route append 10.0.0.0/8 proto static %s\n", ways[i]);
    netns_run(lines);
}

static void check_order(const struct operation *operation, const char *const *ways)
{
    char before[512], now[512];
    struct undo_item item;

    netns_run("ip route flush 10.0.0.0/8\n");
    add_ways(ways);
    render_routes(before, sizeof(before));
    apply_case_run(operation, &item);
    apply_case_undo(&item, REVERT_DONE);
    render_routes(now, sizeof(now));
    assert_string_equal(now, before);
    undo_item_done(&item);
}

/* Of one metric the first is the one that is used: what comes back comes to where it was. */
static void test_others_keep_their_order(void **state)
{
    struct operation operation = apply_case_link("eth0", 0, "down");

    (void)state;
    apply_case_begin("ip link add eth1 type veth peer name far1\n"
                     "ip link set eth1 up\nip link set far1 up\n"
                     "ip address add 192.0.2.10/24 dev eth1\n");
    for (size_t i = 0; i < sizeof(order_cases) / sizeof(order_cases[0]); i++)
        check_order(&operation, order_cases[i].ways);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_replaces_its_own),
        IN_NAMESPACE(test_deletes_its_own),
        IN_NAMESPACE(test_comes_back_beside_others),
        IN_NAMESPACE(test_others_keep_their_order),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
