/*
 * test_config_change: what a change file decodes to, operation by operation.
 */
#include "common/io/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <cmocka.h>

static const struct change *change_of(const char *text)
{
    static struct change change;
    struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    struct err err = ERR_INIT;

    if (!config_parse_change("change.yaml", bytes, &change, &err))
        fail_msg("%s", err.text);
    return &change;
}

/* The first step of a change that has this one. */
static const struct change_step *step_of(const char *operation)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "change: x\nreason: r\nreference: f\ntargets: [a]\noperations:\n  - %s\n", operation);
    return change_of(text)->steps;
}

static void expect_prefix(const struct prefix *prefix, const char *text)
{
    char found[PREFIX_TEXT_SIZE];

    assert_string_equal(prefix_format(prefix, found), text);
}

static void expect_address(const struct address *address, const char *text)
{
    char found[ADDRESS_TEXT_SIZE];

    assert_string_equal(address_format(address, found), text);
}

/* As an operator sees it. */
static void expect_rendered(const char *operation, const char *line)
{
    char found[REASON_SIZE] = "";
    struct text out = TEXT_IN(found);

    operation_render(&step_of(operation)->operation, &out);
    assert_string_equal(found, line);
}

static void test_head(void **state)
{
    const struct change *change = change_of(
        "change: workers-use-exit-node\n"
        "reason: Database egress must come from the allow-listed address;\n"
        "  both workers fail.\n"
        "reference: \"#100\"\n"
        "justification: Nothing is broken.\n"
        "fixes: [egress-address, database]\n"
        "targets: [srv712695, calypso]\n"
        "operations:\n"
        "  - protect: [ssh, api-server, pods, services, controller]\n"
        "  - tailscale: { exit_node: srv712429-oceanid, exit_node_allow_lan_access: true }\n"
        "soak: 10m\n"
        "lease: 90s\n"
        "stage_size: 2\n"
        "pause_after: each\n");

    (void)state;
    assert_string_equal(change->name, "workers-use-exit-node");
    assert_string_equal(change->reason, "Database egress must come from the allow-listed address; "
                                        "both workers fail.");
    assert_string_equal(change->reference, "#100");
    assert_string_equal(change->justification, "Nothing is broken.");
    assert_int_equal(change->fixes_count, 2);
    assert_string_equal(change->fixes[1], "database");
    assert_int_equal(change->targets_count, 2);
    assert_string_equal(change->targets[0], "srv712695");
    assert_int_equal(change->soak_s, 600);
    assert_int_equal(change->lease_s, 90);
    assert_int_equal(change->stage_size, 2);
    assert_true(change->has_pause_after);
    assert_int_equal(change->pause_after, PAUSE_EACH);
    assert_int_equal(change->steps_count, 2);
    assert_int_equal(change->steps[0].kind, STEP_PROTECT);
    assert_int_equal(change->steps[0].protect, 31);
    assert_int_equal(change->steps[1].kind, STEP_OPERATION);
}

static void test_waivers_and_quarantines(void **state)
{
    const struct change *change = change_of(
        "change: x\nreason: r\nreference: f\ntargets: [a]\n"
        "operations: [ protect: [ssh] ]\n"
        "waive:\n  needed: a drill\n  protected-first: there is no other\n"
        "quarantines:\n"
        "  - { receipt: 0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9,\n"
        "      reason: understood }\n");

    (void)state;
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        assert_int_equal(change->waived[i], i == WAIVE_NEEDED || i == WAIVE_PROTECTED_FIRST);
    assert_string_equal(change->waiver_reasons[WAIVE_NEEDED], "a drill");
    assert_string_equal(change->waiver_reasons[WAIVE_PROTECTED_FIRST], "there is no other");
    assert_int_equal(change->stage_size, 0);
    assert_false(change->has_pause_after);
    assert_int_equal(change->quarantines_count, 1);
    assert_int_equal(change->quarantines[0].receipt.bytes[0], 0x0a);
    assert_int_equal(change->quarantines[0].receipt.bytes[31], 0xf9);
    assert_string_equal(change->quarantines[0].reason, "understood");
}

static void test_checks(void **state)
{
    const struct change *change =
        change_of("change: x\nreason: r\nreference: f\ntargets: [a]\n"
                  "operations: [ protect: [ssh] ]\n"
                  "checks:\n  - { name: door, kind: ssh, to: \"2001:db8::1\", level: host-key,\n"
                  "      host_key: \"SHA256:abc\" }\n");

    (void)state;
    assert_int_equal(change->checks_count, 1);
    assert_int_equal(change->checks[0].kind, CHECK_SSH);
    assert_string_equal(change->checks[0].to, "2001:db8::1");
    assert_int_equal(change->checks[0].port, 22);
    assert_int_equal(change->checks[0].level, CHECK_LEVEL_HOST_KEY);
    assert_string_equal(change->checks[0].host_key, "SHA256:abc");
    assert_int_equal(change->checks[0].timeout_ms, 5000);
}

static void test_route(void **state)
{
    const struct operation *operation =
        &step_of("route: { to: default, via: 203.0.113.254, dev: eth0, metric: 50 }")->operation;
    const struct route *route = &operation->route.route;

    (void)state;
    assert_int_equal(operation->kind, OPERATION_ROUTE);
    expect_prefix(&route->destination, "0.0.0.0/0");
    expect_address(&route->hop.gateway, "203.0.113.254");
    assert_string_equal(operation->route.device, "eth0");
    assert_int_equal(route->metric, 50);
    assert_int_equal(route->table, RT_TABLE_MAIN);
    assert_int_equal(route->type, RTN_UNICAST);
    assert_int_equal(route->protocol, OCEANID_PROTOCOL);
    assert_int_equal(route->hops_count, 1);
    assert_false(operation->route.absent);
}

static void test_route_kinds(void **state)
{
    (void)state;
    expect_rendered("route: { to: default, via: \"fe80::1\", dev: eth0, table: 100, mtu: 1400 }",
                    "route: ::/0 via fe80::1 dev eth0 table 100 mtu 1400");
    expect_rendered("route: { to: 0.0.0.0/0, via: \"fe80::1\", dev: eth0, onlink: true }",
                    "route: default via fe80::1 dev eth0 onlink");
    expect_rendered("route: { to: 198.18.0.0/16, type: throw, table: 100 }",
                    "route: throw 198.18.0.0/16 table 100");
    expect_rendered("route: { to: 198.18.0.1, dev: eth0, src: 203.0.113.10, tos: 16 }",
                    "route: 198.18.0.1 dev eth0 src 203.0.113.10 tos 0x10");
    expect_rendered("route: { to: 198.18.0.0/16, absent: true }", "remove route: 198.18.0.0/16");
}

static void test_several_hops_and_objects(void **state)
{
    (void)state;
    expect_rendered(
        "route: { to: 198.18.0.0/16, nexthops: [ { via: 203.0.113.1, dev: eth0, "
        "weight: 2 }, { via: \"fe80::1\", dev: eth1, onlink: true } ], metric: 7 }",
        "route: 198.18.0.0/16 metric 7 nexthop via 203.0.113.1 dev eth0 weight 2 nexthop "
        "via fe80::1 dev eth1 onlink weight 1");
    expect_rendered(
        "route: { to: default, nexthops: [ { via: \"fe80::1\", dev: eth0 }, { via: "
        "\"fe80::2\", dev: eth0 } ] }",
        "route: ::/0 nexthop via fe80::1 dev eth0 weight 1 nexthop via fe80::2 dev eth0 "
        "weight 1");
    expect_rendered("route: { to: 198.18.0.0/16, nhid: 5, table: 100 }",
                    "route: 198.18.0.0/16 nhid 5 table 100");
    expect_rendered("nexthop: { id: 5, via: \"2001:db8::1\", dev: eth0, onlink: true }",
                    "nexthop id 5 via 2001:db8::1 dev eth0 onlink");
    expect_rendered("nexthop: { id: 6, dev: eth0 }", "nexthop id 6 dev eth0");
    expect_rendered("nexthop: { id: 7, group: [ { id: 5, weight: 3 }, { id: 6 } ] }",
                    "nexthop id 7 group 5,3/6");
    expect_rendered("nexthop: { id: 8, blackhole: true, family: ipv6 }", "nexthop id 8 blackhole");
    expect_rendered("nexthop: { id: 8, absent: true }", "remove nexthop id 8");
}

static void test_rule(void **state)
{
    const struct operation *operation =
        &step_of("rule: { priority: 5141, to: 198.51.100.10, lookup: main }")->operation;
    const struct rule *rule = &operation->rule.rule;

    (void)state;
    assert_int_equal(operation->kind, OPERATION_RULE);
    assert_int_equal(rule->family, FAMILY_IPV4);
    assert_int_equal(rule->priority, 5141);
    assert_int_equal(rule->action, FR_ACT_TO_TBL);
    assert_int_equal(rule->table, RT_TABLE_MAIN);
    assert_int_equal(rule->protocol, OCEANID_PROTOCOL);
    assert_int_equal(rule->source.len, 0);
    expect_prefix(&rule->destination, "198.51.100.10/32");
    assert_int_equal(rule->uid_first, 0);
    assert_int_equal(rule->uid_last, UINT32_MAX);
    assert_int_equal(rule->suppress_prefixlength, -1);
    assert_int_equal(rule->suppress_ifgroup, -1);
    assert_false(operation->rule.absent);
}

static void test_rule_selectors(void **state)
{
    const struct rule *rule =
        &step_of("rule: { priority: 9, from: 2001:db8::/32, fwmark: 0x80000/0xff0000, iif: cni0, "
                 "oif: eth0, not: true, uidrange: 100-200, ipproto: tcp, sport: 8000-8999, "
                 "dport: 443, goto: 10, suppress_prefixlength: 0, absent: true }")
             ->operation.rule.rule;

    (void)state;
    assert_int_equal(rule->family, FAMILY_IPV6);
    expect_prefix(&rule->source, "2001:db8::/32");
    assert_int_equal(rule->mark, 0x80000);
    assert_int_equal(rule->mask, 0xff0000);
    assert_string_equal(rule->iif, "cni0");
    assert_string_equal(rule->oif, "eth0");
    assert_true(rule->invert);
    assert_int_equal(rule->uid_first, 100);
    assert_int_equal(rule->uid_last, 200);
    assert_int_equal(rule->ip_proto, 6);
    assert_int_equal(rule->sport_first, 8000);
    assert_int_equal(rule->sport_last, 8999);
    assert_int_equal(rule->dport_first, 443);
    assert_int_equal(rule->dport_last, 443);
    assert_int_equal(rule->action, FR_ACT_GOTO);
    assert_int_equal(rule->goto_priority, 10);
    assert_int_equal(rule->suppress_prefixlength, 0);
}

static void test_rule_kinds(void **state)
{
    const struct operation_rule *rule =
        &step_of("rule: { priority: 9, family: ipv6, fwmark: 7, action: prohibit, absent: true }")
             ->operation.rule;

    (void)state;
    assert_int_equal(rule->rule.family, FAMILY_IPV6);
    assert_int_equal(rule->rule.mark, 7);
    assert_int_equal(rule->rule.mask, UINT32_MAX);
    assert_int_equal(rule->rule.action, FR_ACT_PROHIBIT);
    assert_true(rule->absent);
    expect_rendered("rule: { priority: 9, dsfield: 16, tun_id: 4711, lookup: main, "
                    "suppress_ifgroup: 3 }",
                    "rule 9: from all tos 0x10 tun_id 4711 lookup main suppress_ifgroup 3");
    expect_rendered("rule: { priority: 9, family: ipv6, l3mdev: true }",
                    "rule 9: from all l3mdev (IPv6)");
}

static void test_sysctl(void **state)
{
    const struct operation *operation =
        &step_of("sysctl: { name: net.ipv4.conf.eth0.rp_filter, value: 2 }")->operation;

    (void)state;
    assert_int_equal(operation->kind, OPERATION_SYSCTL);
    assert_string_equal(operation->sysctl.setting.name, "net.ipv4.conf.eth0.rp_filter");
    assert_string_equal(operation->sysctl.setting.value, "2");
}

static void expect_sysctl(const char *words, const char *name)
{
    char text[200];

    snprintf(text, sizeof(text), "sysctl: { %s, value: 2 }", words);
    assert_string_equal(step_of(text)->operation.sysctl.setting.name, name);
}

static void test_sysctl_interface(void **state)
{
    (void)state;
    expect_sysctl("name: net.ipv4.conf.rp_filter, interface: eth0.100",
                  "net.ipv4.conf.eth0/100.rp_filter");
    expect_sysctl("name: net.ipv6.conf.accept_ra, interface: all", "net.ipv6.conf.all.accept_ra");
    expect_sysctl("name: net.ipv4.conf.eth0/100.rp_filter", "net.ipv4.conf.eth0/100.rp_filter");
}

/* A text of many lines, as YAML has it. */
static void test_file(void **state)
{
    const struct operation_file *file =
        &step_of("file:\n      path: /etc/systemd/network/10-eth0.network.d/50-lldp.conf\n"
                 "      content: |\n        [Network]\n        LLDP=no\n")
             ->operation.file;

    (void)state;
    assert_string_equal(file->path, "/etc/systemd/network/10-eth0.network.d/50-lldp.conf");
    assert_string_equal(file->content, "[Network]\nLLDP=no\n");
    assert_false(file->absent);
    file = &step_of("file: { path: /etc/netplan/60-x.yaml, absent: true }")->operation.file;
    assert_true(file->absent);
    assert_string_equal(file->content, "");
}

static void test_tailscale(void **state)
{
    const struct operation_tailscale *prefs =
        &step_of("tailscale: { exit_node: srv712429-oceanid, exit_node_allow_lan_access: true }")
             ->operation.tailscale;

    (void)state;
    assert_true(prefs->set_exit_node && prefs->set_allow_lan_access && prefs->allow_lan_access);
    assert_string_equal(prefs->exit_node_name, "srv712429-oceanid");
    assert_string_equal(prefs->exit_node_id, "");
    assert_false(prefs->set_accept_routes || prefs->set_advertise_routes);
    prefs = &step_of("tailscale: { exit_node: 100.64.0.1 }")->operation.tailscale;
    assert_string_equal(prefs->exit_node_name, "100.64.0.1");
    prefs = &step_of("tailscale: { exit_node: \"fd7a:115c:a1e0::1\" }")->operation.tailscale;
    assert_string_equal(prefs->exit_node_name, "fd7a:115c:a1e0::1");
    prefs = &step_of("tailscale: { exit_node: \"\", accept_routes: false, "
                     "advertise_routes: [0.0.0.0/0, \"::/0\"] }")
                 ->operation.tailscale;
    assert_true(prefs->set_exit_node && prefs->set_accept_routes && prefs->set_advertise_routes);
    assert_string_equal(prefs->exit_node_name, "");
    assert_false(prefs->accept_routes);
    assert_int_equal(prefs->advertise_routes_count, 2);
    expect_prefix(&prefs->advertise_routes[1], "::/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_waivers_and_quarantines),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_route),
        cmocka_unit_test(test_route_kinds),
        cmocka_unit_test(test_several_hops_and_objects),
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_rule_selectors),
        cmocka_unit_test(test_rule_kinds),
        cmocka_unit_test(test_sysctl),
        cmocka_unit_test(test_sysctl_interface),
        cmocka_unit_test(test_tailscale),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
