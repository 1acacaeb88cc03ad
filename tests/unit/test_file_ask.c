/*
 * test_file_ask: which objects of the kernel a configuration file asks for.
 */
#include "common/net/file_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/ip_lines.h"

#define ETHERNET "network:\n  version: 2\n  ethernets:\n    eth0:\n"

struct ask_case {
    enum file_form form;
    const char *content;
    const char *line; /* of ip_lines */
    bool asked;
};

/* Devices, addresses and metrics as networkd 252 gives them. */
static const struct ask_case cases[] = {
    {FILE_FORM_DROP_IN, "[Network]\nAddress=192.0.2.7/24\n", "address 192.0.2.7/24 dev eth0", true},
    {FILE_FORM_DROP_IN, "[Address]\nAddress=192.0.2.7/24\n", "address 192.0.2.7/24 dev eth0", true},
    {FILE_FORM_DROP_IN, "[Network]\nAddress=192.0.2.7/24\n", "address 192.0.2.7/25 dev eth0",
     false},
    {FILE_FORM_DROP_IN, "[Network]\nDNS=192.0.2.7\n", "address 192.0.2.7/24 dev eth0", false},
    {FILE_FORM_DROP_IN, "[Network]\nGateway=192.0.2.1\n", "route default via 192.0.2.1 dev eth0",
     true},
    {FILE_FORM_DROP_IN, "[Network]\nGateway=192.0.2.1\n",
     "route default via 192.0.2.1 dev eth0 metric 100", false},
    {FILE_FORM_DROP_IN, "[Network]\nGateway=192.0.2.1\n",
     "route default via 192.0.2.1 dev eth0 protocol 16", false},
    {FILE_FORM_DROP_IN, "[Network]\nGateway=2001:db8::1\n",
     "route ::/0 via 2001:db8::1 dev eth0 metric 1024", true},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.1\nMetric=50\nTable=7\n",
     "route 10.0.0.0/8 via 192.0.2.1 dev eth0 metric 50 table 7", true},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.1\nTable=7\n",
     "route 10.0.0.0/8 via 192.0.2.2 dev eth0 table 7", false},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.1\n[Route]\nTable=7\n",
     "route 10.0.0.0/8 via 192.0.2.1 dev eth0 table 7", false},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.1\nMTUBytes=1400\n",
     "route 10.0.0.0/8 via 192.0.2.1 dev eth0 mtu 1400", true},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.1\nMTUBytes=1400\n",
     "route 10.0.0.0/8 via 192.0.2.1 dev eth0", false},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nGateway=192.0.2.1\n",
     "route 10.0.0.0/8 via 192.0.2.1 dev eth0 mtu 1400", false},
    {FILE_FORM_NETPLAN,
     ETHERNET "      routes:\n        - to: 10.0.0.0/8\n          via: 192.0.2.1\n"
              "          mtu: 1400\n",
     "route 10.0.0.0/8 via 192.0.2.1 dev eth0 mtu 1400", true},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nType=blackhole\n",
     "route blackhole 10.0.0.0/8", true},
    {FILE_FORM_DROP_IN, "[Route]\nDestination=10.0.0.0/8\nType=blackhole\n",
     "route 10.0.0.0/8 dev eth0", false},
    {FILE_FORM_DROP_IN, "[RoutingPolicyRule]\nFrom=10.0.0.0/8\nTable=7\nPriority=70\n",
     "rule 70 from 10.0.0.0/8 lookup 7 protocol 4", true},
    {FILE_FORM_DROP_IN, "[RoutingPolicyRule]\nFrom=10.0.0.0/8\nTable=7\n",
     "rule 32765 from 10.0.0.0/8 lookup 7 protocol 4", true},
    {FILE_FORM_DROP_IN, "[RoutingPolicyRule]\nFrom=10.0.0.0/8\nTable=7\nPriority=70\n",
     "rule 70 from 10.0.0.0/8 to 10.1.0.0/16 lookup 7 protocol 4", false},
    {FILE_FORM_DROP_IN, "[RoutingPolicyRule]\nFrom=10.0.0.0/8\nTable=7\nPriority=70\n",
     "rule 70 from 10.0.0.0/8 lookup 7", false},
    {FILE_FORM_DROP_IN, "[RoutingPolicyRule]\nFirewallMark=0x7/0xff\nTable=7\nPriority=70\n",
     "rule 70 fwmark 0x7/0xff lookup 7 protocol 4", true},
    {FILE_FORM_NETPLAN,
     ETHERNET "      addresses:\n        - 192.0.2.7/24\n        - 192.0.2.8/24\n",
     "address 192.0.2.8/24 dev eth0", true},
    {FILE_FORM_NETPLAN, ETHERNET "      gateway4: 192.0.2.1\n",
     "route default via 192.0.2.1 dev eth0", true},
    {FILE_FORM_NETPLAN,
     ETHERNET "      routes:\n        - to: default\n          via: 2001:db8::1\n",
     "route ::/0 via 2001:db8::1 dev eth0 metric 1024", true},
    {FILE_FORM_NETPLAN,
     ETHERNET "      routes:\n        - to: 10.0.0.0/8\n          via: 192.0.2.1\n"
              "        - to: 10.1.0.0/16\n          via: 192.0.2.2\n",
     "route 10.0.0.0/8 via 192.0.2.2 dev eth0", false},
    {FILE_FORM_NETPLAN,
     ETHERNET "      routing-policy:\n        - from: 10.0.0.0/8\n          table: 7\n"
              "          mark: 5\n          priority: 70\n",
     "rule 70 from 10.0.0.0/8 fwmark 0x5 lookup 7 protocol 4", true},
};

static bool asks_for(const struct file_asks *asks, const struct snapshot *now)
{
    const struct hop *hop;

    return now->addresses_count > 0 ? file_asks_address(asks, &now->addresses[0])
           : now->routes_count > 0  ? file_asks_route(asks, &now->routes[0], &hop)
                                    : file_asks_rule(asks, &now->rules[0]);
}

static void test_what_is_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file_asks asks = {.items = NULL};
        struct snapshot now;

        snapshot_init(&now);
        ip_lines_add(&now, "link eth0 2");
        ip_lines_add(&now, cases[i].line);
        assert_true(file_asks_add(&asks, cases[i].form, cases[i].content));
        if (asks_for(&asks, &now) != cases[i].asked)
            fail_msg("%s: expected to be %s by\n%s", cases[i].line,
                     cases[i].asked ? "asked for" : "not asked for", cases[i].content);
        if (cases[i].asked && asks.count == 1)
            assert_true(file_asks_are_made(&asks, &now));
        file_asks_done(&asks);
        snapshot_done(&now);
    }
}

/* Of IPv6 the kernel moves the MTU of a route that has one of its own. */
static void test_what_the_kernel_has_moved(void **state)
{
    static const char content[] = "[Route]\nGateway=2001:db8::1\nMTUBytes=1400\n"
                                  "[Route]\nGateway=192.0.2.1\nMTUBytes=1400\n"
                                  "[Route]\nGateway=2001:db8::2\n";
    static const struct {
        const char *line;
        bool found;
        size_t by;
    } moved[] = {
        {"route ::/0 via 2001:db8::1 dev eth0 metric 1024 mtu 1400", true, 0},
        {"route ::/0 via 2001:db8::1 dev eth0 metric 1024 mtu 1500", true, 0},
        {"route ::/0 via 2001:db8::1 dev eth0 metric 1024", false, 0},
        {"route ::/0 via 2001:db8::2 dev eth0 metric 1024", true, 2},
        {"route ::/0 via 2001:db8::2 dev eth0 metric 1024 mtu 1500", false, 0},
        {"route default via 192.0.2.1 dev eth0 mtu 1400", true, 1},
        {"route default via 192.0.2.1 dev eth0 mtu 1500", false, 0},
    };
    struct file_asks asks = {.items = NULL};
    const struct hop *hop;

    (void)state;
    assert_true(file_asks_add(&asks, FILE_FORM_DROP_IN, content));
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        const struct file_ask *ask;
        struct snapshot now;

        snapshot_init(&now);
        ip_lines_add(&now, "link eth0 2");
        ip_lines_add(&now, moved[i].line);
        ask = file_asks_find_moved(&asks, &now.routes[0], &hop);
        if (ask != (moved[i].found ? &asks.items[moved[i].by] : NULL))
            fail_msg("%s: expected to be %s", moved[i].line,
                     moved[i].found ? "asked for" : "not asked for");
        snapshot_done(&now);
    }
    file_asks_done(&asks);
}

/* What is not on the list is said to be there, and does not hide the rest. */
static void test_what_is_not_understood(void **state)
{
    struct file_asks asks = {.items = NULL};

    (void)state;
    assert_false(file_asks_add(&asks, FILE_FORM_NETWORK,
                               "[Match]\nName=eth0\n[DHCPServer]\nPoolSize=7\n"
                               "[Route]\nDestination=10.0.0.0/8\nGateway=_dhcp4\n"
                               "[Address]\nAddress=192.0.2.7/24\n"));
    assert_int_equal(asks.count, 2);
    assert_int_equal(asks.items[0].kind, FILE_ASK_ROUTE);
    assert_int_equal(asks.items[1].kind, FILE_ASK_ADDRESS);
    file_asks_done(&asks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_for),
        cmocka_unit_test(test_what_the_kernel_has_moved),
        cmocka_unit_test(test_what_is_not_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
