/*
 * test_render: items and differences as the lines that a person would write.
 */
#include "common/net/render.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/ip_lines.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char links[] = "link eth0 2\nlink tailscale0 3\n";

static void test_routes(void **state)
{
    static const struct {
        const char *line, *expect;
    } rows[] = {
        {"route default via 203.0.113.1 dev eth0 metric 100",
         "default via 203.0.113.1 dev eth0 metric 100"},
        {"route default dev tailscale0 table 52", "default dev tailscale0 table 52"},
        {"route throw 10.0.0.0/8 table 52", "throw 10.0.0.0/8 table 52"},
        {"route local 203.0.113.10 dev eth0 table local",
         "local 203.0.113.10 dev eth0 table local"},
        {"route 10.42.0.0/24 via 10.42.0.0 dev eth0 onlink",
         "10.42.0.0/24 via 10.42.0.0 dev eth0 onlink"},
        {"route 2001:db8::/32 from 2001:db8:1::/48 dev eth0",
         "2001:db8::/32 from 2001:db8:1::/48 dev eth0"},
        {"route 10.0.0.0/8 dev eth0 src 203.0.113.10 tos 16",
         "10.0.0.0/8 dev eth0 src 203.0.113.10 tos 0x10"},
        {"route 10.0.0.0/8 nhid 7", "10.0.0.0/8 nhid 7"},
        {"route default via fe80::1 dev eth0", "default via fe80::1 dev eth0"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct snapshot snapshot;
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        snapshot_init(&snapshot);
        ip_lines_add(&snapshot, links);
        ip_lines_add(&snapshot, rows[i].line);
        render_route(&snapshot.routes[0], &snapshot, &text);
        assert_string_equal(line, rows[i].expect);
        snapshot_done(&snapshot);
    }
}

static void test_multipath_and_unknown_device(void **state)
{
    struct hop hops[] = {{.link = 2, .weight = 1}, {.link = 9, .weight = 3}};
    struct route route = {.table = RT_TABLE_MAIN, .hops_count = 2, .hops = hops};
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    (void)state;
    route.destination = prefix_default(FAMILY_IPV4);
    render_route(&route, NULL, &text);
    assert_string_equal(line, "default nexthop dev if2 weight 1 nexthop dev if9 weight 3");
}

static void test_rules(void **state)
{
    static const struct {
        const char *line, *expect;
    } rows[] = {
        {"rule 5140 from 203.0.113.10 lookup main", "5140: from 203.0.113.10 lookup main"},
        {"rule 5141 to 10.42.0.0/16 lookup main", "5141: from all to 10.42.0.0/16 lookup main"},
        {"rule 5210 fwmark 0x80000/0xff0000 lookup main",
         "5210: from all fwmark 0x80000/0xff0000 lookup main"},
        {"rule 9 not from 10.0.0.0/8 iif lo goto 200", "9: not from 10.0.0.0/8 iif lo goto 200"},
        {"rule 9 lookup main suppress_prefixlength 0",
         "9: from all lookup main suppress_prefixlength 0"},
        {"rule 9 uid 1000 ipproto 6 dport 443 unreachable",
         "9: from all uidrange 1000-1000 ipproto 6 dport 443-443 unreachable"},
        {"rule 9 -6 blackhole", "9: from all blackhole (IPv6)"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct snapshot snapshot;
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        snapshot_init(&snapshot);
        ip_lines_add(&snapshot, rows[i].line);
        render_rule(&snapshot.rules[0], &text);
        assert_string_equal(line, rows[i].expect);
        snapshot_done(&snapshot);
    }
}

static void add_line(void *context, const char *line)
{
    text_add(context, "%s\n", line);
}

static void expect_difference(const char *before, const char *after, const char *expect)
{
    struct snapshot one, other;
    char lines[1024] = "";
    struct text text = TEXT_IN(lines);
    size_t count = 0;

    snapshot_init(&one);
    snapshot_init(&other);
    ip_lines_add(&one, links);
    ip_lines_add(&other, links);
    ip_lines_add(&one, before);
    ip_lines_add(&other, after);
    count = render_difference(&one, &other, add_line, &text);
    assert_string_equal(lines, expect);
    for (const char *at = lines; (at = strchr(at, '\n')) != NULL; at++)
        count--;
    assert_int_equal(count, 0);
    snapshot_done(&one);
    snapshot_done(&other);
}

static void test_difference(void **state)
{
    (void)state;
    expect_difference("route default dev eth0", "route default dev eth0", "");
    expect_difference("route default via 203.0.113.1 dev eth0",
                      "route default dev tailscale0 table 52",
                      "- default via 203.0.113.1 dev eth0\n+ default dev tailscale0 table 52\n");
    expect_difference("route default via 203.0.113.1 dev eth0",
                      "route default via 203.0.113.9 dev eth0",
                      "- default via 203.0.113.1 dev eth0\n+ default via 203.0.113.9 dev eth0\n");
    expect_difference("rule 9 lookup 7", "rule 9 lookup 8",
                      "- rule 9: from all lookup 7\n+ rule 9: from all lookup 8\n");
    expect_difference("nexthop 7 dev eth0", "", "- nexthop id 7 dev eth0\n");
    expect_difference("route 10.0.0.0/8 dev eth0 dead", "route 10.0.0.0/8 dev eth0", "");
}

/* Two routes of one key: the second is not taken for the first. */
static void put_file(struct snapshot *snapshot, const char *content)
{
    struct snapshot_file *file = snapshot_add_file(snapshot);

    text_copy(file->path, sizeof(file->path), "/etc/netplan/60-x.yaml");
    file->there = content != NULL;
    file->len = content != NULL ? (uint32_t)strlen(content) : 0;
    file->data = content != NULL ? mem_copy(content, file->len) : NULL;
}

static void collect(void *context, const char *line)
{
    text_add(context, "%s\n", line);
}

static void check_files(const char *before_content, const char *after_content, const char *lines)
{
    struct snapshot before, after;
    char found[512] = "";
    struct text text = TEXT_IN(found);

    snapshot_init(&before);
    snapshot_init(&after);
    put_file(&before, before_content);
    put_file(&after, after_content);
    render_difference(&before, &after, collect, &text);
    assert_string_equal(found, lines);
    snapshot_done(&before);
    snapshot_done(&after);
}

/* Line by line, as a person compares two files. */
static void test_difference_of_files(void **state)
{
    (void)state;
    check_files("network:\n  mtu: 1500\n", "network:\n  mtu: 1400\n\n",
                "- /etc/netplan/60-x.yaml:   mtu: 1500\n"
                "+ /etc/netplan/60-x.yaml:   mtu: 1400\n");
    check_files(NULL, "network:", "+ /etc/netplan/60-x.yaml: network:\n");
    check_files("a\nb\n", NULL, "- /etc/netplan/60-x.yaml: a\n- /etc/netplan/60-x.yaml: b\n");
    check_files("a\nb\n", "a\nb\n", "");
}

static void test_same_key(void **state)
{
    expect_difference("route -6 default via fe80::1 dev eth0\n"
                      "route -6 default via fe80::2 dev eth0",
                      "route -6 default via fe80::2 dev eth0", "- ::/0 via fe80::1 dev eth0\n");
    (void)state;
}

static void test_tailscale(void **state)
{
    struct tailscale tailscale = {.presence = TAILSCALE_ANSWERS,
                                  .backend_state = "Running",
                                  .exit_node_id = "nEXIT",
                                  .advertise_routes_count = 2};
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    (void)state;
    assert_true(prefix_parse("10.42.0.0/16", &tailscale.advertise_routes[0]));
    assert_true(prefix_parse("10.43.0.0/16", &tailscale.advertise_routes[1]));
    render_tailscale(&tailscale, &text);
    assert_string_equal(line, "tailscale Running exit-node=nEXIT exit-node-allow-lan-access=false "
                              "accept-routes=false advertise-routes=10.42.0.0/16,10.43.0.0/16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),     cmocka_unit_test(test_multipath_and_unknown_device),
        cmocka_unit_test(test_rules),      cmocka_unit_test(test_difference_of_files),
        cmocka_unit_test(test_difference), cmocka_unit_test(test_same_key),
        cmocka_unit_test(test_tailscale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
