/*
 * test_apply_key: IPv4 routes of one destination, of which the kernel deletes and replaces the
 * first that fits, and uses the first of one metric: ours alone is taken back, and others' keep
 * their order. So it is by the lines of undo.txt, none of which the kernel refuses.
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

static void add_line(void *context, const char *line)
{
    text_add(context, "%s\n", line);
}

/* By the guard, or by undo.txt; of which a guard that dies before it has read back what became of
 * the operation leaves what it expected. */
enum way { BY_GUARD, BY_NEXT_GUARD, BY_TEXT, BY_FIRST_TEXT, WAYS };

static bool by_guard(enum way way)
{
    return way == BY_GUARD || way == BY_NEXT_GUARD;
}

static void take_back(struct undo_item *item, enum way way)
{
    char script[8192] = "";
    struct text text = TEXT_IN(script);

    if (way == BY_NEXT_GUARD || way == BY_FIRST_TEXT) {
        snapshot_done(&item->after);
        item->has_after = false;
    }
    if (by_guard(way)) {
        apply_case_undo(item, REVERT_DONE);
        return;
    }
    text_add(&text, "ip -batch - <<'END'\n");
    undo_render_batch(item, &text);
    text_add(&text, "\n");
    undo_render_batch_lost(item, add_line, &text);
    text_add(&text, "END\n");
    netns_run(script);
}

/* Runs it and takes it back: all is as it was, in its order. */
static void check_order(const struct operation *operation, enum way way)
{
    char before[512], now[512];
    struct undo_item item;

    render_routes(before, sizeof(before));
    apply_case_run(operation, &item);
    take_back(&item, way);
    render_routes(now, sizeof(now));
    assert_string_equal(now, before);
    undo_item_done(&item);
}

/* Somebody puts one before ours meanwhile. That is not touched; undo.txt, which knows nothing of
 * it, puts ours where it was, which is before all others. */
static void check_meanwhile(const struct operation *operation, enum way way)
{
    static const char fresh[] = "10.0.0.0/8 via 203.0.113.9 dev eth0\n";
    char before[512], now[512], expected[1024];
    struct undo_item item;
    const char *first;

    render_routes(before, sizeof(before));
    first = strchr(before, '\n') + 1;
    apply_case_run(operation, &item);
    netns_run("ip route prepend 10.0.0.0/8 via 203.0.113.9 proto static\n");
    take_back(&item, way);
    render_routes(now, sizeof(now));
    if (by_guard(way))
        snprintf(expected, sizeof(expected), "%s%s", fresh, before);
    else
        snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(first - before), before, fresh,
                 first);
    assert_string_equal(now, expected);
    undo_item_done(&item);
}

/* ---- ours -------------------------------------------------------------------------------------
 */

/* Each line is a way of 10.0.0.0/8 in their order; ours is via 203.0.113.1 and becomes another. */
static const struct {
    const char *ways[4];
    const char *operation;
} own_cases[] = {
    {{"via 203.0.113.1 proto 153"}, "route 10.0.0.0/8 via 203.0.113.2 dev eth0"},
    {{"via 203.0.113.1 proto 153"}, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400"},
    {{"via 203.0.113.1 mtu 1400 proto 153"}, "route 10.0.0.0/8 via 203.0.113.1 dev eth0"},
    {{"via 203.0.113.1 proto 153"}, "route blackhole 10.0.0.0/8"},
    {{"via 203.0.113.1 proto 153"},
     "route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 nexthop via 203.0.113.2 dev eth0"},
};

static void add_ways(const char *const *ways)
{
    char lines[1024] = "";
    struct text text = TEXT_IN(lines);

    text_add(&text, "while ip route del 10.0.0.0/8 2>/dev/null; do :; done\n");
    for (size_t i = 0; i < 4 && ways[i] != NULL; i++)
        text_add(&text, "ip route append 10.0.0.0/8 %s %s\n",
                 strstr(ways[i], "proto") != NULL ? "" : "proto static", ways[i]);
    netns_run(lines);
}

/* A route of ours comes back in its own place, also where somebody put one of that key before it.
 */
static void test_replaces_its_own(void **state)
{
    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(own_cases) / sizeof(own_cases[0]); i++) {
        struct operation operation = apply_case_operation(own_cases[i].operation);

        for (enum way way = BY_GUARD; way < WAYS; way++) {
            add_ways(own_cases[i].ways);
            check_order(&operation, way);
            add_ways(own_cases[i].ways);
            check_meanwhile(&operation, way);
        }
    }
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

/* IPv6 has one without a metric at 1024, behind those of a smaller one: a line that names none
 * deletes the first of them. */
static void test_deletes_its_own_behind_another_of_ours(void **state)
{
    struct operation operation =
        apply_case_operation("route 2001:db8:2::/48 via 2001:db8:1::1 dev eth0");

    (void)state;
    apply_case_begin("ip route add 2001:db8:2::/48 via 2001:db8:1::1 proto 153 metric 50\n");
    for (enum way way = BY_GUARD; way < WAYS; way++) {
        struct undo_item item;

        apply_case_run(&operation, &item);
        take_back(&item, way);
        apply_case_check("");
        undo_item_done(&item);
    }
}

/* Of IPv4 no line can name the metric 0. Where somebody took that one away, its line takes another
 * of ours; whose own is refused then, as one is whose route is gone. */
static void test_two_metrics_of_ours_end_alike(void **state)
{
    struct operation older =
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0 metric 100");
    struct operation newer = apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0");
    struct undo_item items[2];
    char script[2048] = "ip -force -batch - <<'END' || true\n";
    struct text text = {script, strlen(script), sizeof(script)};

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto static metric 7\n");
    apply_case_run(&older, &items[0]);
    apply_case_run(&newer, &items[1]);
    netns_run("ip route del 10.0.0.0/8 via 203.0.113.1 proto 153\n");
    for (int i = 1; i >= 0; i--) {
        undo_render_batch(&items[i], &text);
        text_add(&text, "\n");
        undo_item_done(&items[i]);
    }
    text_add(&text, "END\n");
    netns_run(script);
    apply_case_check("");
}

/* One that was removed comes back beside somebody's that was there before it went, on its side; or
 * where none was. */
static void test_comes_back_beside_others(void **state)
{
    static const char *const ways[][4] = {
        {"via 203.0.113.1 proto 153", "via 203.0.113.3"},
        {"via 203.0.113.3", "via 203.0.113.1 proto 153"},
        {"via 203.0.113.1 proto 153"},
    };
    struct operation operation = apply_case_removal("route 10.0.0.0/8 via 203.0.113.1 dev eth0");

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        for (enum way way = BY_GUARD; way < WAYS; way++) {
            add_ways(ways[i]);
            check_order(&operation, way);
        }
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
    {{"dev eth0 scope link", "via 203.0.113.1"}},
    {{"via 203.0.113.1", "dev eth0 scope link"}},
    {{"via 203.0.113.1", "dev eth0 scope link", "via 203.0.113.2"}},
    {{"dev eth0 scope link", "via 203.0.113.1", "via 192.0.2.1"}},
    {{"via 203.0.113.1", "dev eth0 scope link", "via 203.0.113.2", "via 192.0.2.1"}},
    {{"via 192.0.2.1", "dev eth0 scope link", "via 203.0.113.1"}},
    {{"via 192.0.2.1", "via 203.0.113.1", "dev eth0 scope link", "via 203.0.113.2"}},
    {{"nexthop via 203.0.113.1 nexthop via 203.0.113.2", "via 192.0.2.1"}},
    {{"nhid 7", "via 192.0.2.1"}},
    {{"via 192.0.2.1", "nhid 7"}},
    {{"via 203.0.113.2", "nhid 7"}},
    {{"nhid 7", "via 203.0.113.2"}},
    {{"via 203.0.113.1", "via 192.0.2.1 proto dhcp"}},
    {{"via 192.0.2.1 proto dhcp", "via 203.0.113.1"}},
    {{"via 203.0.113.1", "via 192.0.2.1 proto dhcp", "via 203.0.113.2"}},
};

/* Of one metric the first is the one that is used: what comes back comes to where it was. */
static void test_others_keep_their_order(void **state)
{
    struct operation operation = apply_case_link("eth0", 0, "down");

    (void)state;
    apply_case_begin("ip link add eth1 type veth peer name far1\n"
                     "ip link set eth1 up\nip link set far1 up\n"
                     "ip address add 192.0.2.10/24 dev eth1\n"
                     "ip nexthop add id 7 via 203.0.113.1 dev eth0 proto static\n");
    for (size_t i = 0; i < sizeof(order_cases) / sizeof(order_cases[0]); i++) {
        for (enum way way = BY_GUARD; way < WAYS; way++) {
            add_ways(order_cases[i].ways);
            check_order(&operation, way);
        }
    }
}

/* Those by an object that goes, beside one by another device. */
static void test_those_of_an_object_keep_their_order(void **state)
{
    static const char *const ways[][4] = {
        {"nhid 7", "via 203.0.113.3"},
        {"via 203.0.113.3", "nhid 7"},
        {"nhid 7", "nhid 8"},
        {"nhid 8", "nhid 7"},
        {"nhid 7", "via 203.0.113.3 proto dhcp"},
        {"via 203.0.113.3 proto dhcp", "nhid 7"},
    };
    struct operation operation = apply_case_removal("nexthop 7 blackhole");

    (void)state;
    apply_case_begin("ip nexthop add id 7 via 203.0.113.1 dev eth0 proto 153\n"
                     "ip nexthop add id 8 via 203.0.113.2 dev eth0 proto static\n");
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        for (enum way way = BY_GUARD; way < WAYS; way++) {
            add_ways(ways[i]);
            check_order(&operation, way);
        }
    }
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_replaces_its_own),
        IN_NAMESPACE(test_deletes_its_own),
        IN_NAMESPACE(test_deletes_its_own_behind_another_of_ours),
        IN_NAMESPACE(test_two_metrics_of_ours_end_alike),
        IN_NAMESPACE(test_comes_back_beside_others),
        IN_NAMESPACE(test_others_keep_their_order),
        IN_NAMESPACE(test_those_of_an_object_keep_their_order),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
