/*
 * test_operation: what each kind accepts and refuses, alone and on a host.
 */
#include "common/net/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/ip_lines.h"
#include "tests/unit/operation_case.h"

struct refusal {
    const char *line;
    enum err_kind kind; /* ERR_NONE: accepted */
    const char *text;   /* is in the message */
};

static void expect_refusal(const struct refusal *row, bool accepted, const struct err *err)
{
    if (accepted != (row->kind == ERR_NONE) || (!accepted && strstr(err->text, row->text) == NULL))
        fail_msg("%s: %s", row->line, accepted ? "accepted" : err->text);
    assert_int_equal(accepted ? ERR_NONE : err->kind, row->kind);
}

/* ---- validate ---------------------------------------------------------------------------------
 */

static const struct refusal validations[] = {
    {"route 10.0.0.0/8 via 203.0.113.9 dev eth0", ERR_NONE, ""},
    {"route blackhole 10.0.0.0/8", ERR_NONE, ""},
    {"route default via fe80::1 dev eth0 table 100", ERR_NONE, ""},
    {"route 10.0.0.0/8 dev eth0 table 52", ERR_CONFLICT, "table 52 is tailscaled's own"},
    {"route 10.0.0.0/8 dev eth0 table 255", ERR_INPUT, "accepted is any but 0, 52 and 255"},
    {"route 10.0.0.0/8 via 203.0.113.9", ERR_INPUT, "names no device"},
    {"route throw 10.0.0.0/8 dev eth0", ERR_INPUT, "goes nowhere"},
    {"route local 10.0.0.1 dev eth0", ERR_INPUT, "route type 2: accepted are"},
    {"route 2001:db8::/32 via 203.0.113.1 dev eth0", ERR_INPUT, "IPv4 gateway"},
    {"route 10.0.0.0/8 dev eth0 src 2001:db8::1", ERR_INPUT, "two families"},
    {"route 10.0.0.0/8 dev eth0 dead", ERR_INPUT, "a hop that is dead: accepted is none"},
    {"route 10.0.0.0/8 nexthop dev eth0 dead nexthop dev eth1", ERR_INPUT,
     "a hop that is dead: accepted is none"},
    {"nexthop 5 dev eth0 dead", ERR_INPUT, "a hop that is dead: accepted is none"},
    {"route 2001:db8::/32 via fe80::1 dev eth0 pref high", ERR_INPUT, "accepted is none of them"},
    {"route 10.0.0.0/8 nhid 4", ERR_NONE, ""},
    {"route 10.0.0.0/8 dev eth0 nhid 4", ERR_INPUT, "one of a device, several hops and a nexthop"},
    {"route blackhole 10.0.0.0/8 nhid 4", ERR_INPUT, "goes nowhere"},
    {"route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 2 nexthop dev eth1", ERR_NONE, ""},
    {"route 10.0.0.0/8 nexthop via fe80::1 dev eth0 nexthop via fe80::2 dev eth1", ERR_NONE, ""},
    {"route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0", ERR_INPUT, "1 hops: accepted are 2 to"},
    {"route 10.0.0.0/8 nexthop via 203.0.113.1 nexthop dev eth1", ERR_INPUT,
     "hop 1 names no device"},
    {"route 10.0.0.0/8 nexthop dev eth0 weight 0 nexthop dev eth1", ERR_INPUT,
     "hop 1 has weight 0"},
    {"route 2001:db8::/32 nexthop via fe80::1 dev eth0 nexthop dev eth1", ERR_INPUT,
     "hop 2 has no gateway"},
    {"route 2001:db8::/32 nexthop via fe80::1 dev eth0 nexthop via 203.0.113.1 dev eth1", ERR_INPUT,
     "IPv4 gateway"},
    {"nexthop 5 via 203.0.113.1 dev eth0", ERR_NONE, ""},
    {"nexthop 5 dev eth0", ERR_NONE, ""},
    {"nexthop 5 blackhole", ERR_NONE, ""},
    {"nexthop 7 group 5*3,6", ERR_NONE, ""},
    {"nexthop 0 blackhole", ERR_INPUT, "nexthop id 0: accepted is 1 and above"},
    {"nexthop 5", ERR_INPUT, "accepted is one of a hop"},
    {"nexthop 5 blackhole dev eth0", ERR_INPUT, "accepted is one of a hop"},
    {"nexthop 5 via 203.0.113.1", ERR_INPUT, "names no device"},
    {"nexthop 7 group 5,5", ERR_INPUT, "member 5 is named twice"},
    {"nexthop 7 group 7", ERR_INPUT, "member 7: accepted is the id of another object"},
    {"nexthop 7 group 5*0", ERR_INPUT, "member 5 has weight 0"},
    {"nexthop 5 blackhole protocol 4", ERR_INPUT, "protocol 4: accepted is 153"},
    {"rule 9 tun_id 5 suppress_ifgroup 4 lookup main", ERR_NONE, ""},
    {"rule 9 l3mdev", ERR_NONE, ""},
    {"rule 9 tos 0x1c lookup main", ERR_NONE, ""},
    {"rule 9 -6 tos 0xfc lookup main", ERR_NONE, ""},
    {"rule 9 tos 0x20 lookup main", ERR_INPUT, "tos 0x20"},
    {"rule 9 -6 tos 0x01 lookup main", ERR_INPUT, "tos 0x01"},
    {"rule 1 to 10.0.0.0/8 lookup main", ERR_NONE, ""},
    {"rule 5199 lookup main", ERR_NONE, ""},
    {"rule 5300 lookup main", ERR_NONE, ""},
    {"rule 32765 lookup main suppress_prefixlength 0", ERR_NONE, ""},
    {"rule 5200 lookup main", ERR_CONFLICT, "rules 5200 to 5299 are tailscaled's own"},
    {"rule 5299 lookup main", ERR_CONFLICT, "tailscaled's own"},
    {"rule 0 lookup main", ERR_INPUT, "priority 0: accepted is 1 to 5199 and 5300 to 32765"},
    {"rule 32766 lookup main", ERR_INPUT, "priority 32766"},
    {"rule 9 lookup 0", ERR_INPUT, "lookup of table 0"},
    {"rule 9 goto 9", ERR_INPUT, "goto 9 goes back"},
    {"rule 9 from 10.0.0.0/8 to 2001:db8::/32 lookup main", ERR_INPUT, "two families"},
    {"rule 9 fwmark 0x3/0x1 lookup main", ERR_INPUT, "fwmark 0x3"},
    {"rule 9 lookup main protocol 4", ERR_INPUT, "protocol 4: accepted is 153"},
};

static void test_validate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(validations) / sizeof(validations[0]); i++) {
        struct operation operation = operation_of(validations[i].line);
        struct err err = ERR_INIT;

        expect_refusal(&validations[i], operation_validate(&operation, &err), &err);
    }
}

/* What only the kernel says of a route: nobody would apply it, and it would be predicted. */
static void test_validate_what_only_the_kernel_says(void **state)
{
    struct operation operation = operation_of("route 10.0.0.0/8 dev eth0");
    struct err err = ERR_INIT;

    (void)state;
    operation.route.route.clone = true;
    assert_false(operation_validate(&operation, &err));
    assert_non_null(strstr(err.text, "accepted is none of them"));
    operation.route.route.clone = false;
    operation.route.route.expires = true;
    err = (struct err)ERR_INIT;
    assert_false(operation_validate(&operation, &err));
    assert_non_null(strstr(err.text, "accepted is none of them"));
}

static const struct {
    const char *name, *value;
    struct refusal refusal;
} sysctls[] = {
    {"net.ipv4.ip_forward", "1", {"", ERR_NONE, ""}},
    {"net.ipv4.conf.eth0.rp_filter", "2", {"", ERR_NONE, ""}},
    {"net.ipv4.conf.eth0/7.rp_filter", "0", {"", ERR_NONE, ""}},
    {"net.ipv4.conf.all.arp_ignore", "8", {"", ERR_NONE, ""}},
    {"net.ipv6.conf.eth0.use_tempaddr", "-1", {"", ERR_NONE, ""}},
    {"net.ipv4.ip_forward", "2", {"", ERR_INPUT, "value '2': accepted is 0 to 1"}},
    {"net.ipv4.ip_forward", "yes", {"", ERR_INPUT, "value 'yes': accepted is 0 to 1"}},
    {"net.ipv4.ip_forward", "", {"", ERR_INPUT, "value '': accepted is 0 to 1"}},
    {"net.ipv4.conf.eth0.rp_filter", "3", {"", ERR_INPUT, "accepted is 0 to 2"}},
    {"net.ipv6.conf.eth0.use_tempaddr", "-2", {"", ERR_INPUT, "accepted is -1 to 2"}},
    {"net.ipv4.ip_forwarding", "1", {"", ERR_INPUT, "'net.ipv4.ip_forwarding': accepted are"}},
    {"net.ipv4.conf.rp_filter",
     "1",
     {"", ERR_INPUT, "<dev> may be a key `interface` of its own, else a dot in it is a /"}},
    {"net.ipv4.conf..rp_filter", "1", {"", ERR_INPUT, "<dev>.rp_filter"}},
    {"net.ipv4.conf.eth0.mtu", "1", {"", ERR_INPUT, "<dev>.forwarding|accept_ra"}},
    {"kernel.core_pattern", "|/bin/sh", {"", ERR_INPUT, "'kernel.core_pattern'"}},
    {"net.ipv4.conf.../../x.rp_filter", "1", {"", ERR_INPUT, "accepted are"}},
};

static void test_validate_sysctl(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
        struct operation operation = sysctl_of(sysctls[i].name, sysctls[i].value);
        struct refusal refusal = sysctls[i].refusal;
        struct err err = ERR_INIT;

        refusal.line = sysctls[i].name;
        expect_refusal(&refusal, operation_validate(&operation, &err), &err);
    }
}

static void test_validate_tailscale(void **state)
{
    struct operation operation = {.kind = OPERATION_TAILSCALE};
    struct err err = ERR_INIT;

    (void)state;
    assert_false(operation_validate(&operation, &err));
    assert_non_null(strstr(err.text, "nothing is set"));
    operation = exit_node_of("nEXIT");
    assert_true(operation_validate(&operation, &err));
    operation.tailscale.set_advertise_routes = true;
    operation.tailscale.advertise_routes_count = 1;
    operation.tailscale.advertise_routes[0] = prefix_default(FAMILY_IPV4);
    assert_false(operation_validate(&operation, &err));
    operation = exit_node_of("n\"},{");
    assert_false(operation_validate(&operation, &err));
    assert_non_null(strstr(err.text, "accepted is a StableID"));
}

/* ---- check ------------------------------------------------------------------------------------
 */

static const struct refusal checks[] = {
    {"route 10.0.0.0/8 via 203.0.113.9 dev eth0", ERR_NONE, ""},
    {"route default via 203.0.113.9 dev eth0 metric 50", ERR_NONE, ""},
    {"route 192.0.2.0/24 via 203.0.113.9 dev eth0", ERR_NONE, ""},
    {"route default via 203.0.113.9 dev eth0", ERR_CONFLICT,
     "'default via 203.0.113.1 dev eth0' is there already and belongs to protocol 4"},
    {"route 10.0.0.0/8 dev wg0", ERR_MISSING, "device wg0 is not there"},
    {"route 10.0.0.0/8 dev eth1", ERR_MISSING, "device eth1 is down"},
    {"route 10.0.0.0/8 via 198.51.100.1 dev eth0", ERR_MISSING, "198.51.100.1 is on no network"},
    {"route 10.0.0.0/8 via 198.51.100.1 dev eth0 onlink", ERR_NONE, ""},
    {"route 10.0.0.0/8 via 203.0.113.10 dev eth0", ERR_INPUT, "an address of this node"},
    {"route 10.0.0.0/8 dev eth0 src 203.0.113.11", ERR_MISSING, "no address of this node"},
    {"route -6 default via fe80::1 dev eth0", ERR_NONE, ""},
    {"route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 nexthop dev eth1", ERR_MISSING,
     "device eth1 is down"},
    {"route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 nexthop via 198.51.100.1 dev eth0",
     ERR_MISSING, "198.51.100.1 is on no network"},
    {"route 10.0.0.0/8 nhid 2", ERR_NONE, ""},
    {"route 10.0.0.0/8 nhid 3", ERR_NONE, ""},
    {"route 10.0.0.0/8 nhid 9", ERR_MISSING, "nexthop id 9 is not there"},
    {"route 2001:db8:9::/48 nhid 3", ERR_INPUT, "nexthop id 1 is of IPv4"},
    {"nexthop 9 via 203.0.113.9 dev eth0", ERR_NONE, ""},
    {"nexthop 2 via 203.0.113.9 dev eth0", ERR_NONE, ""},
    {"nexthop 9 via 198.51.100.1 dev eth0", ERR_MISSING, "198.51.100.1 is on no network"},
    {"nexthop 9 dev eth1", ERR_MISSING, "device eth1 is down"},
    {"nexthop 1 blackhole", ERR_CONFLICT, "belongs to protocol 4; Oceanid replaces only its own"},
    {"nexthop 2 group 4", ERR_CONFLICT, "it is one hop now; the kernel makes it no other"},
    {"nexthop 9 group 2,8", ERR_MISSING, "member 8 is not there"},
    {"nexthop 9 group 3", ERR_INPUT, "member 3 is a group itself"},
    {"nexthop 9 group 2,5", ERR_INPUT, "member 5 is a blackhole"},
    {"rule 100 to 192.0.2.0/24 lookup 7", ERR_NONE, ""},
    {"rule 101 to 192.0.2.0/24 lookup 7", ERR_CONFLICT, "belongs to protocol 3"},
    {"rule 101 to 192.0.2.0/24 lookup 8", ERR_NONE, ""},
    {"rule 5250 lookup main", ERR_CONFLICT, "tailscaled's own"},
};

static void test_check(void **state)
{
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct operation operation = operation_of(checks[i].line);
        struct err err = ERR_INIT;

        expect_refusal(&checks[i], operation_check(&operation, &snapshot, &err), &err);
    }
    snapshot_done(&snapshot);
}

/* The kernel's own rules: only as a shield, only put, only as they are. */
static void test_usual_rules(void **state)
{
    struct operation operation = operation_of("rule 32766 lookup main");
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    (void)state;
    assert_false(operation_validate(&operation, &err));
    operation.shield = true;
    make_host(&snapshot);
    assert_true(operation_check(&operation, &snapshot, &err));
    assert_true(operation_holds(&operation, &snapshot));
    for (size_t i = snapshot.rules_count; i-- > 0;) {
        if (snapshot.rules[i].priority == 32766)
            snapshot_remove_rule(&snapshot, i);
    }
    assert_false(operation_holds(&operation, &snapshot));
    operation_predict(&operation, &snapshot);
    assert_true(operation_holds(&operation, &snapshot));
    assert_int_equal(snapshot.rules[snapshot.rules_count - 1].protocol == OCEANID_PROTOCOL, 0);
    operation.rule.absent = true;
    assert_false(operation_validate(&operation, &err));
    operation = operation_of("rule 32766 lookup 7");
    operation.shield = true;
    assert_false(operation_validate(&operation, &err));
    operation = operation_of("rule 32766 from 10.0.0.0/8 lookup main");
    operation.shield = true;
    assert_false(operation_validate(&operation, &err));
    operation = operation_of("rule 32767 lookup default");
    operation.shield = true;
    assert_true(operation_validate(&operation, &err));
    snapshot_done(&snapshot);
}

static void test_check_removes_only_own(void **state)
{
    struct operation operation = operation_of("route default via 203.0.113.1 dev eth0");
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    (void)state;
    make_host(&snapshot);
    operation.route.absent = true;
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    operation = operation_of("rule 101 to 192.0.2.0/24 lookup 7");
    operation.rule.absent = true;
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    snapshot_done(&snapshot);
}

static void expect_removal_of_object(const struct snapshot *snapshot, const char *line,
                                     const char *says)
{
    struct operation operation = operation_of(line);
    struct err err = ERR_INIT;
    bool accepted;

    operation.nexthop.absent = true;
    accepted = operation_check(&operation, snapshot, &err);
    if (accepted != (says == NULL) || (!accepted && strstr(err.text, says) == NULL))
        fail_msg("%s: %s", line, accepted ? "accepted" : err.text);
}

/* What is Oceanid's own must not vanish as a side effect: it could come back as another's. */
static void test_removing_objects(void **state)
{
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    expect_removal_of_object(&snapshot, "nexthop 1 blackhole", "removes only its own");
    expect_removal_of_object(&snapshot, "nexthop 2 blackhole", "group 3 has it as a member");
    expect_removal_of_object(&snapshot, "nexthop 3 blackhole", NULL);
    expect_removal_of_object(&snapshot, "nexthop 4 blackhole",
                             "route '172.16.0.0/16 nhid 4' would vanish with it");
    expect_removal_of_object(&snapshot, "nexthop 5 blackhole", NULL);
    expect_removal_of_object(&snapshot, "nexthop 9 blackhole", NULL);
    snapshot_done(&snapshot);
}

static size_t count_by_object(const struct snapshot *snapshot, uint32_t id)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->routes_count; i++)
        count += snapshot->routes[i].nexthop_id == id;
    return count;
}

/* As the kernel does: routes of the object go, a group loses it, an empty one goes with its own. */
static void test_predict_objects(void **state)
{
    struct operation operation = operation_of("nexthop 2 via 203.0.113.9 dev eth0");
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    ip_lines_add(&snapshot, "route 172.18.0.0/16 nhid 3 protocol 4");
    assert_false(operation_holds(&operation, &snapshot));
    operation_predict(&operation, &snapshot);
    assert_true(operation_holds(&operation, &snapshot));
    operation.nexthop.absent = true;
    operation_predict(&operation, &snapshot);
    assert_null(snapshot_find_nexthop(&snapshot, 2));
    assert_int_equal(snapshot_find_nexthop(&snapshot, 3)->members_count, 1);
    assert_int_equal(count_by_object(&snapshot, 3), 1);
    operation.nexthop.nexthop.id = 1;
    operation_predict(&operation, &snapshot);
    assert_null(snapshot_find_nexthop(&snapshot, 3));
    assert_int_equal(count_by_object(&snapshot, 3), 0);
    operation.nexthop.nexthop.id = 4;
    operation_predict(&operation, &snapshot);
    assert_int_equal(count_by_object(&snapshot, 4), 0);
    assert_int_equal(count_by_object(&snapshot, 5), 1);
    snapshot_done(&snapshot);
}

static void test_several_hops_hold(void **state)
{
    static const char line[] = "route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 2 "
                               "nexthop via 203.0.113.2 dev eth0";
    struct operation operation = operation_of(line);
    struct operation other = operation_of("route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 "
                                          "nexthop via 203.0.113.2 dev eth0");
    struct snapshot snapshot;

    (void)state;
    make_host(&snapshot);
    assert_false(operation_holds(&operation, &snapshot));
    operation_predict(&operation, &snapshot);
    assert_true(operation_holds(&operation, &snapshot));
    assert_false(operation_holds(&other, &snapshot));
    operation_predict(&other, &snapshot);
    assert_true(operation_holds(&other, &snapshot));
    other = operation_of("route 10.0.0.0/8 nhid 2");
    assert_false(operation_holds(&other, &snapshot));
    snapshot_done(&snapshot);
}

static void test_check_tailscale(void **state)
{
    struct operation operation = exit_node_of("nLAPTOP");
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    (void)state;
    make_host(&snapshot);
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_non_null(strstr(err.text, "does not offer itself; offered are: nEXIT (tethys)"));
    operation = exit_node_of("nEXIT");
    assert_true(operation_check(&operation, &snapshot, &err));
    snapshot.tailscale.advertise_routes_count = 1;
    snapshot.tailscale.advertise_routes[0] = prefix_default(FAMILY_IPV6);
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    snapshot.tailscale.presence = TAILSCALE_SILENT;
    text_copy(snapshot.tailscale.why, REASON_SIZE, "tailscaled is not running");
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_string_equal(err.text, "tailscale: tailscaled is not running");
    snapshot_done(&snapshot);
}

/* What is not known could not be set again when the change is taken back. */
static void test_check_advertised_routes(void **state)
{
    struct operation operation = exit_node_of("nEXIT");
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    (void)state;
    make_host(&snapshot);
    text_copy(snapshot.tailscale.advertise_routes_unread,
              sizeof(snapshot.tailscale.advertise_routes_unread), "it advertises 65 routes");
    assert_true(operation_check(&operation, &snapshot, &err));
    operation.tailscale.set_advertise_routes = true;
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.text, "tailscale: it advertises 65 routes: not all of them would come "
                                  "back, so advertise_routes is not changed here");
    assert_false(operation_holds(&operation, &snapshot));
    snapshot_done(&snapshot);
}

static void test_check_sysctl(void **state)
{
    struct operation operation = sysctl_of("net.ipv4.conf.wg0.rp_filter", "1");
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    (void)state;
    make_host(&snapshot);
    assert_false(operation_check(&operation, &snapshot, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    operation = sysctl_of("net.ipv4.conf.default.rp_filter", "1");
    assert_true(operation_check(&operation, &snapshot, &err));
    snapshot_done(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate),
        cmocka_unit_test(test_validate_what_only_the_kernel_says),
        cmocka_unit_test(test_validate_sysctl),
        cmocka_unit_test(test_validate_tailscale),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_usual_rules),
        cmocka_unit_test(test_check_removes_only_own),
        cmocka_unit_test(test_removing_objects),
        cmocka_unit_test(test_predict_objects),
        cmocka_unit_test(test_several_hops_hold),
        cmocka_unit_test(test_check_tailscale),
        cmocka_unit_test(test_check_advertised_routes),
        cmocka_unit_test(test_check_sysctl),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
