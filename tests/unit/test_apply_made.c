/*
 * test_apply_made: what networkd made of a configuration file is taken away with it, also where
 * networkd does not know it any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/apply_file.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_bus.h"
#include "tests/unit/file_case.h"
#include "tests/unit/netns.h"

#define MANY                                                                                       \
    "[Network]\nAddress=192.0.2.7/24\nAddress=192.0.2.8/24\n"                                      \
    "[Route]\nDestination=198.51.100.7\nScope=link\n"                                              \
    "[Route]\nGateway=192.0.2.1\nMetric=700\nTable=700\n"                                          \
    "[Route]\nDestination=2001:db8:7::/48\nScope=link\n"                                           \
    "[Route]\nDestination=198.51.100.8\nType=blackhole\nTable=700\n"                               \
    "[RoutingPolicyRule]\nFrom=198.51.100.0/24\nTable=700\nPriority=7000\n"                        \
    "[RoutingPolicyRule]\nFrom=198.51.100.9\nTable=701\nPriority=7000\n"

#define RULE_TO "[RoutingPolicyRule]\nTo=198.51.100.0/24\nTable=700\nPriority=7000\n"

/* Whatever is there already is an error to ip(8), and no matter to networkd. */
#define MAKE_MANY                                                                                  \
    "exec 2>/dev/null; ip address add 192.0.2.7/24 dev eth0; ip address add 192.0.2.8/24 dev "     \
    "eth0; "                                                                                       \
    "ip route add 198.51.100.7 dev eth0 scope link proto static; "                                 \
    "ip route add default via 192.0.2.1 dev eth0 metric 700 table 700 proto static; "              \
    "ip route add 2001:db8:7::/48 dev eth0 proto static; "                                         \
    "ip route add blackhole 198.51.100.8 table 700 proto static; "                                 \
    "ip rule add from 198.51.100.0/24 lookup 700 priority 7000 proto static; "                     \
    "ip rule add from 198.51.100.9 lookup 701 priority 7000 proto static; true"
#define MAKE_7 "ip route replace 198.51.100.7 dev eth0 scope link proto static"

/* A networkd that makes what it reads, and was restarted before it reads that the file is gone. */
static void try_and_restart(const struct operation *operation, const char *makes,
                            struct undo_item *item)
{
    fake_bus_do(makes);
    file_case_try_it(operation, item);
    fake_bus_do("");
}

static void test_what_networkd_forgot_is_taken_away(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, MANY);
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("ip route add 198.51.100.9 dev eth0 proto static");
    try_and_restart(&operation, MAKE_MANY, &item);
    assert_int_equal(item.after.rules_count, 2);
    assert_int_equal(item.after.routes_count, 4);
    assert_int_equal(item.after.addresses_count, 2);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    file_case_check_restored(&item);
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

/* The guard died before it could read back what was made. */
static void test_what_was_not_read_back_is_taken_away(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, MANY);
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("true");
    try_and_restart(&operation, MAKE_MANY, &item);
    snapshot_done(&item.after);
    snapshot_init(&item.after);
    item.has_after = false;
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* Nothing is said to be as before that is not: whoever undid it died before it looked. */
static void test_what_is_left_is_not_restored(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    apply_case_begin("true");
    try_and_restart(&operation, MAKE_7, &item);
    file_case_run("rm -r run/systemd/network/*");
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_string_equal(err.text,
                        "file " DROP_IN " of 2 lines: expected not to find what networkd made of "
                        "the file, found route 198.51.100.7 dev eth0");
    assert_true(apply_undo_again(&apply_case, &item, 1));
    file_case_check_restored(&item);
    apply_case_check("");
    undo_item_done(&item);
}

static void test_what_networkd_forgot_goes_without_a_bus(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("true");
    try_and_restart(&operation, MAKE_7, &item);
    apply_case.bus = "unix:path=/nowhere/bus";
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "no D-Bus"));
    apply_case_check("");
    undo_item_done(&item);
}

/* It was there before the file, is another one by now, or another content asks for it: not ours. */
static void test_what_others_have_is_left(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, MANY);
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("ip rule add from 198.51.100.0/24 lookup 700 priority 7000 proto static\n"
                     "ip address add 192.0.2.7/24 dev eth0");
    try_and_restart(&operation, MAKE_MANY, &item);
    netns_run("ip route del 198.51.100.7\n"
              "ip route add 198.51.100.7 dev far0 proto static\n"
              "ip route add 198.51.100.8 dev eth0 proto static\n"
              "ip rule add from 198.51.100.9 lookup 701 priority 7001 proto static");
    file_case_run("mkdir -p etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, "[Network]\nAddress=192.0.2.8/24\n", 0644);
    apply_case_undo(&item, REVERT_LEFT);
    apply_case_check("+ address 192.0.2.8/24 on eth0 secondary\n"
                     "+ 198.51.100.7 dev far0\n"
                     "+ 198.51.100.8 dev eth0\n"
                     "+ local 192.0.2.8 dev eth0 table local src 192.0.2.7\n"
                     "+ rule 7001: from 198.51.100.9 lookup 701\n");
    undo_item_done(&item);
}

/* ---- what the content before asked for --------------------------------------------------------
 */

static void begin_in_place(struct undo_item *item)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_6);

    apply_case_begin("ip route add 198.51.100.7 dev eth0 proto static");
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, ROUTE_7, 0644);
    file_case_try_it(&operation, item);
    apply_case_check("- 198.51.100.7 dev eth0\n+ 198.51.100.6 dev eth0\n");
}

/* networkd does it by itself. */
static void test_in_place_comes_back(void **state)
{
    struct undo_item item;

    NEEDS_ROOT();
    begin_in_place(&item);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    file_case_check_restored(&item);
    undo_item_done(&item);
}

/* It is not said to be as before while it is not; where networkd does not make it, the undo does.
 */
static void test_what_networkd_does_not_make_is_put_back(void **state)
{
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    begin_in_place(&item);
    fake_bus_do("");
    fake_bus_end(FAKE_NETWORKD);
    file_case_write_file(DROP_IN, ROUTE_7, 0644);
    netns_run("ip route del 198.51.100.6 dev eth0");
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "expected '198.51.100.7 dev eth0' of protocol 4, found none"));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    file_case_check_restored(&item);
    undo_item_done(&item);
}

/* The kernel says of a rule from all that it is there where a narrower one of its protocol is. */
static void test_a_rule_beside_a_narrower_one_is_put_back(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_6);
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("ip rule add to 198.51.100.0/24 lookup 700 priority 7000 proto static\n"
                     "ip rule add from 192.0.2.0/24 to 198.51.100.0/24 lookup 700 priority 7000 "
                     "proto static");
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, RULE_TO, 0644);
    fake_bus_do("ip rule del to 198.51.100.0/24 lookup 700 priority 7000 proto static; "
                "ip route add 198.51.100.6 dev eth0 proto static");
    file_case_try_it(&operation, &item);
    fake_bus_do("");
    apply_case_check("- rule 7000: from all to 198.51.100.0/24 lookup 700\n"
                     "+ 198.51.100.6 dev eth0\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* A route that the content before asked for with an MTU: the same one without it is not as before.
 */
static void test_the_mtu_of_a_route_is_put_back(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    apply_case_begin("ip route add 198.51.100.7 dev eth0 mtu 1400 proto static");
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, ROUTE_7 "MTUBytes=1400\n", 0644);
    try_and_restart(&operation, MAKE_7, &item);
    file_case_write_file(DROP_IN, ROUTE_7 "MTUBytes=1400\n", 0644);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "found route 198.51.100.7 dev eth0"));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    file_case_check_restored(&item);
    undo_item_done(&item);
}

/* The kernel moves the MTU of an IPv6 route with its device's. */
#define DROP_IN_6 "[Route]\nDestination=2001:db8:7::/48\nScope=link\nMTUBytes=1400\n"
#define MAKE_6 "ip route replace 2001:db8:7::/48 dev eth0 mtu 1400 proto static"
#define MOVE_6 "ip link set eth0 mtu 1380; ip link set eth0 mtu 1500"

static void test_what_the_kernel_has_moved_is_taken_away(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, DROP_IN_6);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    apply_case_begin("true");
    try_and_restart(&operation, MAKE_6, &item);
    netns_run(MOVE_6);
    apply_case_check("+ 2001:db8:7::/48 dev eth0 metric 1024 mtu 1500\n");
    file_case_run("rm -r run/systemd/network/*");
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "found route 2001:db8:7::/48 dev eth0 metric 1024 mtu 1500"));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    file_case_check_restored(&item);
    undo_item_done(&item);
}

static void test_what_the_kernel_had_moved_is_put_back(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_6);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    apply_case_begin(MAKE_6 "; " MOVE_6);
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, DROP_IN_6, 0644);
    try_and_restart(&operation,
                    "ip route del 2001:db8:7::/48 dev eth0; ip route replace 198.51.100.6 dev eth0 "
                    "scope link proto static",
                    &item);
    apply_case_check("- 2001:db8:7::/48 dev eth0 metric 1024 mtu 1500\n+ 198.51.100.6 dev eth0\n");
    file_case_write_file(DROP_IN, DROP_IN_6, 0644);
    netns_run("ip route del 198.51.100.6 dev eth0");
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "expected '2001:db8:7::/48 dev eth0 metric 1024 mtu 1500'"));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    file_case_check_restored(&item);
    undo_item_done(&item);
}

/* Before networkd has read the file it would not know what it finds. */
static void test_without_a_bus_it_waits_for_networkd(void **state)
{
    struct undo_item item;

    NEEDS_ROOT();
    begin_in_place(&item);
    apply_case.bus = "unix:path=/nowhere/bus";
    apply_case_undo(&item, REVERT_RETRY);
    apply_case_check("- 198.51.100.7 dev eth0\n");
    apply_case.bus = fake_bus_address();
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* Somebody else's by now: left. */
static void test_what_others_put_instead_is_left(void **state)
{
    struct undo_item item;

    NEEDS_ROOT();
    begin_in_place(&item);
    fake_bus_do("");
    netns_run("ip route add 198.51.100.7 dev far0");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("- 198.51.100.7 dev eth0\n+ 198.51.100.7 dev far0\n");
    undo_item_done(&item);
}

static void expect_refused(const char *content)
{
    struct operation operation = file_case_operation_of(DROP_IN, content);
    struct undo_item item;
    struct err err = ERR_INIT;

    fake_bus_do("");
    apply_case_begin("true");
    file_case_derive(&operation, &item);
    netns_run("ip route add 198.51.100.7 dev eth0 proto static");
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "changed since it was planned"));
    apply_case_check("+ 198.51.100.7 dev eth0\n");
    file_case_check_names("");
    undo_item_done(&item);
}

/* Between plan and start somebody has put what the file asks for: it would be taken for ours. */
static void test_what_came_before_the_file_is_refused(void **state)
{
    NEEDS_ROOT();
    expect_refused(ROUTE_7);
}

/* networkd 252 leaves the MTU of a route that stands: it would have taken this one over. */
static void test_what_came_before_with_another_mtu_is_refused(void **state)
{
    NEEDS_ROOT();
    expect_refused(ROUTE_7 "MTUBytes=1400\n");
}

/* Known since the plan, and left. */
static void test_what_stood_with_another_mtu_is_no_obstacle(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7 "MTUBytes=1400\n");
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    fake_bus_do("");
    apply_case_begin("ip route add 198.51.100.7 dev eth0 proto static");
    file_case_derive(&operation, &item);
    assert_true(apply_run(&apply_case, &item, &err));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

static void test_netplan_is_looked_at_as_well(void **state)
{
    struct operation operation =
        file_case_operation_of(NETPLAN, "network:\n  version: 2\n  ethernets:\n    eth0:\n"
                                        "      addresses: [192.0.2.7/24]\n"
                                        "      routes:\n"
                                        "        - to: default\n          via: 192.0.2.1\n"
                                        "          table: 700\n          metric: 50\n"
                                        "        - to: 198.51.100.7\n          scope: link\n"
                                        "      routing-policy:\n"
                                        "        - from: 198.51.100.0/24\n          table: 700\n"
                                        "          priority: 7000\n          mark: 5\n");
    struct undo_item item;

    NEEDS_ROOT();
    apply_case_begin("true");
    try_and_restart(
        &operation,
        "ip address add 192.0.2.7/24 dev eth0; "
        "ip route add 198.51.100.7 dev eth0 scope link proto static; "
        "ip route add default via 192.0.2.1 dev eth0 metric 50 table 700 proto static; "
        "ip rule add from 198.51.100.0/24 fwmark 5 lookup 700 priority 7000 proto static",
        &item);
    assert_int_equal(item.after.routes_count, 2);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_case_enter, file_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_networkd_forgot_is_taken_away),
        TEST(test_what_was_not_read_back_is_taken_away),
        TEST(test_what_is_left_is_not_restored),
        TEST(test_what_networkd_forgot_goes_without_a_bus),
        TEST(test_what_others_have_is_left),
        TEST(test_in_place_comes_back),
        TEST(test_what_networkd_does_not_make_is_put_back),
        TEST(test_a_rule_beside_a_narrower_one_is_put_back),
        TEST(test_the_mtu_of_a_route_is_put_back),
        TEST(test_what_the_kernel_has_moved_is_taken_away),
        TEST(test_what_the_kernel_had_moved_is_put_back),
        TEST(test_without_a_bus_it_waits_for_networkd),
        TEST(test_what_others_put_instead_is_left),
        TEST(test_what_came_before_the_file_is_refused),
        TEST(test_what_came_before_with_another_mtu_is_refused),
        TEST(test_what_stood_with_another_mtu_is_no_obstacle),
        TEST(test_netplan_is_looked_at_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
