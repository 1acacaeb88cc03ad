/*
 * test_undo_batch: undo.txt does what undoing does: its lines are given to the real `ip -batch`,
 * and kernel states are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { LINE_SIZE = 16384 };

/* As undo.txt's head says: what ip -batch cannot say stands behind a #, to be run by hand. */
static void run_by_hand(const char *line)
{
    char command[LINE_SIZE + 64];

    if (strncmp(line, "# ip -6 ", 8) == 0)
        snprintf(command, sizeof(command), "ip -6 -force -batch - <<'END'\n%s\nEND\n", line + 8);
    else if (strncmp(line, "# sysctl ", 9) == 0)
        snprintf(command, sizeof(command), "%s\n", line + 2);
    else if (line[0] != '#')
        snprintf(command, sizeof(command), "ip -force -batch - <<'END'\n%s\nEND\n", line);
    else
        fail_msg("a comment that nobody can run: %s", line);
    netns_run(command);
}

static void run_line(const struct undo_item *item)
{
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);
    bool by_ip = undo_render_batch(item, &text);

    assert_true(by_ip == (line[0] != '#'));
    run_by_hand(line);
}

/* The line alone, and then a look that finds nothing left to undo. */
static void check_line(const struct operation *operation)
{
    struct undo_item item;
    struct err err = ERR_INIT;

    apply_case_run(operation, &item);
    run_line(&item);
    apply_case_check("");
    if (!apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err))
        fail_msg("%s", err.text);
    undo_item_done(&item);
}

static void what_was_added_goes(void **state)
{
    static const char *const lines[] = {
        "rule 5140 from 203.0.113.10 lookup main",
        "rule 5141 -6 to 2001:db8:9::/48 lookup main",
        "rule 5150 lookup main suppress_prefixlength 0",
        "rule 300 not fwmark 0x1/0xff iif eth0 goto 32766",
        "rule 301 dport 22 ipproto 6 unreachable",
        "route 10.0.0.0/8 via 203.0.113.1 dev eth0",
        "route default via 192.0.2.1 dev eth0 onlink table 5100",
        "route 10.0.0.0/8 dev eth0 src 203.0.113.10 metric 7",
        "route throw 10.0.0.0/8 table 5100",
        "route blackhole 10.0.0.0/8",
        "route -6 default via 2001:db8:1::1 dev eth0",
        "route 2001:db8:2::/48 dev eth0 metric 9",
        "route unreachable 2001:db8:2::/48",
        "route 10.0.0.0/8 via fe80::1 dev eth0",
        "rule 302 tun_id 4711 lookup 7",
        "rule 303 l3mdev",
        "rule 304 tos 0x10 lookup main suppress_ifgroup 4",
        "route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 3 nexthop dev far0",
        "route 10.0.0.0/8 nexthop via fe80::1 dev eth0 nexthop via fe80::2 dev eth0 onlink",
        "route 2001:db8:2::/48 nexthop via fe80::1 dev eth0 nexthop via 2001:db8:1::2 dev eth0",
        "route 10.0.0.0/8 nhid 1 metric 4",
        "route 2001:db8:2::/48 nhid 6",
        "nexthop 5 via 203.0.113.9 dev eth0",
        "nexthop 5 group 1*4,2",
    };
    static const char objects[] = "ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 153\n"
                                  "ip nexthop add id 2 via 203.0.113.2 dev eth0 proto 153\n"
                                  "ip nexthop add id 6 via 2001:db8:1::1 dev eth0 proto 153\n";

    (void)state;
    apply_case_begin(objects);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct operation operation = apply_case_operation(lines[i]);

        check_line(&operation);
    }
}

static void what_was_removed_comes_back(void **state)
{
    struct operation rule = apply_case_removal("rule 100 to 192.0.2.0/24 lookup 7");
    struct operation rule6 = apply_case_removal("rule 101 -6 from 2001:db8:9::/48 lookup 7");
    struct operation route = apply_case_removal("route 10.0.0.0/8 via 203.0.113.1 dev eth0");

    (void)state;
    apply_case_begin("ip rule add pref 100 to 192.0.2.0/24 lookup 7 protocol 153\n"
                     "ip -6 rule add pref 101 from 2001:db8:9::/48 lookup 7 protocol 153\n"
                     "ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 mtu 1400\n");
    check_line(&rule);
    check_line(&rule6);
    check_line(&route);
}

/* An object, then a line for each route that went with it. */
static void an_object_comes_back_with_its_routes(void **state)
{
    struct operation object = apply_case_removal("nexthop 1 blackhole");
    struct operation group = apply_case_removal("nexthop 3 blackhole");
    struct operation other = apply_case_operation("nexthop 2 via 203.0.113.7 dev eth0");
    struct operation route = apply_case_removal("route 10.0.0.0/8 nhid 3");

    (void)state;
    apply_case_begin("ip nexthop add id 1 via 203.0.113.1 dev eth0 proto 153\n"
                     "ip nexthop add id 2 via 203.0.113.2 dev eth0 onlink proto 153\n"
                     "ip nexthop add id 3 group 1,7/2 proto 153\n"
                     "ip route add 10.1.0.0/16 nhid 1 proto static metric 7\n"
                     "ip route add 10.2.0.0/16 nhid 1 proto static table 9\n"
                     "ip route add 10.0.0.0/8 nhid 3 proto 153\n");
    check_line(&other);
    check_line(&route);
    netns_run("ip route del 10.0.0.0/8\n");
    apply_case_remember();
    check_line(&group);
    netns_run("ip nexthop del id 3\n");
    apply_case_remember();
    check_line(&object);
}

static void what_was_replaced_comes_back(void **state)
{
    struct operation ipv4 = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation ipv6 = apply_case_operation("route 2001:db8:2::/48 dev eth0 metric 9");

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 mtu 1400\n"
                     "ip -6 route add 2001:db8:2::/48 via 2001:db8:1::1 metric 9 proto 153\n");
    check_line(&ipv4);
    check_line(&ipv6);
}

static void a_sysctl_comes_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2");

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    check_line(&operation);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_added_goes),          TEST(what_was_removed_comes_back),
        TEST(what_was_replaced_comes_back), TEST(an_object_comes_back_with_its_routes),
        TEST(a_sysctl_comes_back),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
