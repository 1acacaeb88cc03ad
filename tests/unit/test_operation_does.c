/*
 * test_operation_does: what each kind finds done already, does and is called.
 */
#include "common/net/operation.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/ip_lines.h"
#include "tests/unit/operation_case.h"

/* ---- predict and holds ------------------------------------------------------------------------
 */

static void expect_done(struct snapshot *snapshot, struct operation *operation)
{
    operation_predict(operation, snapshot);
    assert_true(operation_holds(operation, snapshot));
}

static void test_predict_is_idempotent(void **state)
{
    static const char *const lines[] = {
        "route 10.0.0.0/8 via 203.0.113.9 dev eth0",
        "route -6 default via fe80::1 dev eth0",
        "route throw 10.0.0.0/8 table 100",
        "rule 90 from 203.0.113.10 lookup main",
        "rule 90 -6 goto 32766",
    };
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct operation operation = operation_of(lines[i]);
        size_t before = snapshot.routes_count + snapshot.rules_count;

        assert_false(operation_holds(&operation, &snapshot));
        expect_done(&snapshot, &operation);
        expect_done(&snapshot, &operation);
        assert_int_equal(snapshot.routes_count + snapshot.rules_count, before + 1);
        if (operation.kind == OPERATION_RULE)
            operation.rule.absent = true;
        else
            operation.route.absent = true;
        assert_false(operation_holds(&operation, &snapshot));
        expect_done(&snapshot, &operation);
        assert_int_equal(snapshot.routes_count + snapshot.rules_count, before);
    }
    snapshot_done(&snapshot);
}

/* A route of our own with the same key is replaced; a rule comes behind its equals. */
static void test_predict_in_place(void **state)
{
    struct operation route = operation_of("route 192.0.2.0/24 via 203.0.113.9 dev eth0");
    struct operation rule = operation_of("rule 100 to 198.18.0.0/15 lookup 9");
    struct snapshot snapshot;
    size_t routes;

    (void)state;
    make_host(&snapshot);
    routes = snapshot.routes_count;
    expect_done(&snapshot, &route);
    assert_int_equal(snapshot.routes_count, routes);
    expect_done(&snapshot, &rule);
    assert_int_equal(snapshot.rules[1].table, 7);
    assert_int_equal(snapshot.rules[2].table, 9);
    assert_int_equal(snapshot.rules[2].protocol, OCEANID_PROTOCOL);
    snapshot_done(&snapshot);
}

static void test_predict_sysctl(void **state)
{
    struct operation forward = sysctl_of("net.ipv4.ip_forward", "1");
    struct operation disable = sysctl_of("net.ipv6.conf.eth0.disable_ipv6", "1");
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    assert_false(operation_holds(&forward, &snapshot));
    expect_done(&snapshot, &forward);
    expect_done(&snapshot, &forward);
    assert_int_equal(snapshot.sysctls_count, 1);
    expect_done(&snapshot, &disable);
    assert_int_equal(snapshot.addresses_count, 1);
    for (size_t i = 0; i < snapshot.routes_count; i++)
        assert_int_equal(snapshot.routes[i].destination.address.family, FAMILY_IPV4);
    snapshot_done(&snapshot);
}

static size_t count_defaults(const struct snapshot *snapshot)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->routes_count; i++)
        count += snapshot->routes[i].destination.address.family == FAMILY_IPV6 &&
                 snapshot->routes[i].destination.len == 0;
    return count;
}

/* Four default routes by advertisement: eth0 as it is, eth1 with accept_ra 2, eth2 of a program's
 * that has switched the kernel's own off, eth3 without a lifetime; and a static one by eth0. */
static void make_advertised(struct snapshot *snapshot)
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, "link eth0 2\nlink eth1 3\nlink eth2 4\nlink eth3 5\n"
                           "address 2001:db8:1::10/64 dev eth0\n"
                           "route -6 default via fe80::1 dev eth0 metric 1024 protocol 9\n"
                           "route -6 default via fe80::1 dev eth1 metric 1024 protocol 9\n"
                           "route -6 default via fe80::1 dev eth2 metric 1024 protocol 9\n"
                           "route -6 default via fe80::1 dev eth3 metric 1024 protocol 9\n"
                           "route -6 default via fe80::2 dev eth0 metric 2048 protocol 4\n");
    ip_lines_add_usual_rules(snapshot);
    for (size_t i = 0; i < snapshot->routes_count; i++)
        snapshot->routes[i].expires =
            snapshot->routes[i].protocol == RTPROT_RA && snapshot->routes[i].hop.link != 5;
    *snapshot_add_sysctl(snapshot) = (struct sysctl){"net.ipv6.conf.eth1.accept_ra", "2"};
    *snapshot_add_sysctl(snapshot) = (struct sysctl){"net.ipv6.conf.eth2.accept_ra", "0"};
}

/* Forwarding makes a router of the host: it believes other routers no more. */
static void test_predict_forwarding(void **state)
{
    static const struct {
        struct sysctl first, setting;
        size_t defaults;
    } cases[] = {
        {{"", ""}, {"net.ipv6.conf.all.forwarding", "1"}, 4},
        {{"", ""}, {"net.ipv6.conf.eth3.forwarding", "1"}, 4}, /* of all devices, this time too */
        {{"", ""}, {"net.ipv6.conf.default.forwarding", "1"}, 5},
        {{"", ""}, {"net.ipv6.conf.all.forwarding", "0"}, 5},
        {{"", ""}, {"net.ipv4.ip_forward", "1"}, 5},
        {{"", ""}, {"net.ipv4.conf.all.forwarding", "1"}, 5},
        {{"net.ipv6.conf.all.forwarding", "1"}, {"net.ipv6.conf.all.forwarding", "1"}, 5},
        {{"net.ipv6.conf.eth0.accept_ra", "2"}, {"net.ipv6.conf.all.forwarding", "1"}, 5},
        {{"net.ipv6.conf.eth0.accept_ra", "1"}, {"net.ipv6.conf.all.forwarding", "1"}, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = sysctl_of(cases[i].setting.name, cases[i].setting.value);
        struct snapshot snapshot;

        make_advertised(&snapshot);
        if (cases[i].first.name[0] != '\0')
            *snapshot_add_sysctl(&snapshot) = cases[i].first;
        operation_predict(&operation, &snapshot);
        if (count_defaults(&snapshot) != cases[i].defaults)
            fail_msg("case %zu: %zu left", i, count_defaults(&snapshot));
        snapshot_done(&snapshot);
    }
}

static void test_predict_tailscale(void **state)
{
    struct operation operation = {.kind = OPERATION_TAILSCALE};
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    operation.tailscale.set_accept_routes = operation.tailscale.accept_routes = true;
    operation.tailscale.set_advertise_routes = true;
    operation.tailscale.advertise_routes_count = 1;
    operation.tailscale.advertise_routes[0] = prefix_default(FAMILY_IPV4);
    assert_false(operation_holds(&operation, &snapshot));
    expect_done(&snapshot, &operation);
    assert_true(snapshot.tailscale.accept_routes);
    operation.tailscale.advertise_routes_count = 0;
    assert_false(operation_holds(&operation, &snapshot));
    snapshot_done(&snapshot);
}

/* ---- names ------------------------------------------------------------------------------------
 */

static void expect_texts(const struct operation *operation, const char *render, const char *object)
{
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    operation_render(operation, &text);
    assert_string_equal(line, render);
    text = TEXT_IN(line);
    line[0] = '\0';
    operation_object(operation, &text);
    assert_string_equal(line, object);
}

static void test_texts(void **state)
{
    struct operation operation = operation_of("rule 5140 from 203.0.113.10 lookup main");

    (void)state;
    expect_texts(&operation, "rule 5140: from 203.0.113.10 lookup main", "rule 5140");
    operation.rule.absent = true;
    expect_texts(&operation, "remove rule 5140: from 203.0.113.10 lookup main", "rule 5140");
    operation = operation_of("route default via 203.0.113.9 dev eth0 metric 50");
    expect_texts(&operation, "route: default via 203.0.113.9 dev eth0 metric 50",
                 "route default table main metric 50");
    operation = operation_of("route -6 default via fe80::1 dev eth0");
    expect_texts(&operation, "route: ::/0 via fe80::1 dev eth0",
                 "route default (IPv6) table main metric 1024");
    operation = operation_of("route throw 10.0.0.0/8 table 100");
    expect_texts(&operation, "route: throw 10.0.0.0/8 table 100",
                 "route 10.0.0.0/8 table 100 metric 0");
    operation = sysctl_of("net.ipv4.ip_forward", "1");
    expect_texts(&operation, "sysctl net.ipv4.ip_forward = 1", "sysctl net.ipv4.ip_forward");
    operation = exit_node_of("nEXIT");
    expect_texts(&operation, "tailscale: exit node nEXIT", "tailscale exit-node");
    text_copy(operation.tailscale.exit_node_name, NAME_SIZE, "srv712429-oceanid");
    expect_texts(&operation, "tailscale: exit node srv712429-oceanid", "tailscale exit-node");
    operation = exit_node_of("");
    operation.tailscale.set_accept_routes = true;
    expect_texts(&operation, "tailscale: no exit node, accept no routes", "tailscale exit-node");
}

/* Each is an object of its own: a failed change of several holds each of them. */
static void test_prefs_are_several_objects(void **state)
{
    static const struct {
        bool exit_node, lan, accept, advertise;
        const char *objects;
    } cases[] = {
        {true, true, true, true,
         "tailscale exit-node, tailscale accept-routes, tailscale advertise-routes, "},
        {true, false, true, false, "tailscale exit-node, tailscale accept-routes, "},
        {false, true, false, true, "tailscale exit-node, tailscale advertise-routes, "},
        {false, false, true, false, "tailscale accept-routes, "},
        {false, false, false, true, "tailscale advertise-routes, "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct operation operation = {
            .kind = OPERATION_TAILSCALE,
            .tailscale = {.set_exit_node = cases[i].exit_node,
                          .set_allow_lan_access = cases[i].lan,
                          .set_accept_routes = cases[i].accept,
                          .set_advertise_routes = cases[i].advertise}};
        char line[200] = "";
        struct text text = TEXT_IN(line);

        for (uint32_t k = 0; operation_object_at(&operation, k, &text); k++)
            text_add(&text, ", ");
        assert_string_equal(line, cases[i].objects);
    }
}

static void test_kinds(void **state)
{
    struct operation operation = {.kind = OPERATION_TAILSCALE};
    struct err err = ERR_INIT;

    (void)state;
    assert_string_equal(operation_kind_name(OPERATION_ROUTE), "route");
    assert_string_equal(operation_kind_name(OPERATION_TAILSCALE), "tailscale");
    assert_true(operation_persists(&operation));
    operation.kind = OPERATION_RULE;
    assert_false(operation_persists(&operation));
    operation.kind = (enum operation_kind)77;
    assert_false(operation_validate(&operation, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predict_is_idempotent),
        cmocka_unit_test(test_predict_in_place),
        cmocka_unit_test(test_predict_sysctl),
        cmocka_unit_test(test_predict_forwarding),
        cmocka_unit_test(test_predict_tailscale),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_prefs_are_several_objects),
        cmocka_unit_test(test_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
