/*
 * test_apply: operations done, refused and taken back, in a real kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/apply_drift.h"
#include "agent/io/sysctl.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* ---- each kind there and back -----------------------------------------------------------------
 */

static void test_there_and_back(void **state)
{
    static const struct {
        const char *line, *difference;
    } cases[] = {
        {"rule 5140 from 203.0.113.10 lookup main", "+ rule 5140: from 203.0.113.10 lookup main\n"},
        {"rule 5141 -6 to 2001:db8:9::/48 lookup main",
         "+ rule 5141: from all to 2001:db8:9::/48 lookup main (IPv6)\n"},
        {"rule 5150 lookup main suppress_prefixlength 0",
         "+ rule 5150: from all lookup main suppress_prefixlength 0\n"},
        {"rule 300 not fwmark 0x1/0xff iif eth0 goto 32766",
         "+ rule 300: not from all fwmark 0x1/0xff iif eth0 goto 32766\n"},
        {"rule 302 tun_id 4711 lookup 7", "+ rule 302: from all tun_id 4711 lookup 7\n"},
        {"rule 303 l3mdev", "+ rule 303: from all l3mdev\n"},
        {"rule 304 tos 0x10 lookup main suppress_ifgroup 4",
         "+ rule 304: from all tos 0x10 lookup main suppress_ifgroup 4\n"},
        {"rule 301 dport 22 ipproto 6 unreachable",
         "+ rule 301: from all ipproto 6 dport 22-22 unreachable\n"},
        {"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "+ 10.0.0.0/8 via 203.0.113.1 dev eth0\n"},
        {"route default via 192.0.2.1 dev eth0 onlink table 5100",
         "+ default via 192.0.2.1 dev eth0 onlink table 5100\n"},
        {"route 10.0.0.0/8 dev eth0 src 203.0.113.10 metric 7",
         "+ 10.0.0.0/8 dev eth0 src 203.0.113.10 metric 7\n"},
        {"route throw 10.0.0.0/8 table 5100", "+ throw 10.0.0.0/8 table 5100\n"},
        {"route blackhole 10.0.0.0/8", "+ blackhole 10.0.0.0/8\n"},
        {"route -6 default via 2001:db8:1::1 dev eth0",
         "+ ::/0 via 2001:db8:1::1 dev eth0 metric 1024\n"},
        {"route 2001:db8:2::/48 dev eth0 metric 9", "+ 2001:db8:2::/48 dev eth0 metric 9\n"},
        {"route unreachable 2001:db8:2::/48", "+ unreachable 2001:db8:2::/48 dev lo metric 1024\n"},
        {"route 10.0.0.0/8 via fe80::1 dev eth0", "+ 10.0.0.0/8 via fe80::1 dev eth0\n"},
    };

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = apply_case_operation(cases[i].line);

        apply_case_there_and_back(&operation, cases[i].difference);
    }
}

static void test_removal_there_and_back(void **state)
{
    struct operation rule = apply_case_removal("rule 100 to 192.0.2.0/24 lookup 7");
    struct operation route = apply_case_removal("route 10.0.0.0/8 via 203.0.113.1 dev eth0");

    (void)state;
    apply_case_begin("ip rule add pref 100 to 192.0.2.0/24 lookup 7 protocol 153\n"
                     "ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 mtu 1400\n");
    apply_case_there_and_back(&rule, "- rule 100: from all to 192.0.2.0/24 lookup 7\n");
    apply_case_there_and_back(&route, "- 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400\n");
}

/* The kernel compares what it is given alone: of a rule from all it says that it is there where one
 * from a source is. */
static void test_a_rule_beside_a_narrower_one(void **state)
{
    struct operation put = apply_case_operation("rule 100 lookup main");
    struct operation removed = apply_case_removal("rule 100 lookup main");

    (void)state;
    apply_case_begin("ip rule add priority 100 from 10.1.1.3 lookup main proto 153\n");
    apply_case_there_and_back(&put, "+ rule 100: from all lookup main\n");
    netns_run("ip rule del priority 100 from 10.1.1.3\n");
    netns_run("ip rule add priority 100 lookup main proto 153\n"
              "ip rule add priority 100 from 10.1.1.3 lookup main proto 153\n");
    apply_case_remember();
    apply_case_there_and_back(&removed, "- rule 100: from all lookup main\n");
}

static void test_replacing_there_and_back(void **state)
{
    struct operation ipv4 = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation ipv6 = apply_case_operation("route 2001:db8:2::/48 dev eth0 metric 9");

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto 153 mtu 1400\n"
                     "ip -6 route add 2001:db8:2::/48 via 2001:db8:1::1 metric 9 proto 153\n");
    apply_case_there_and_back(&ipv4, "- 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400\n"
                                     "+ 10.0.0.0/8 via 203.0.113.2 dev eth0\n");
    apply_case_there_and_back(&ipv6, "- 2001:db8:2::/48 via 2001:db8:1::1 dev eth0 metric 9\n"
                                     "+ 2001:db8:2::/48 dev eth0 metric 9\n");
}

static void test_sysctl_there_and_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2");

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    apply_case_there_and_back(&operation, "- net.ipv4.conf.eth0.rp_filter = 1\n"
                                          "+ net.ipv4.conf.eth0.rp_filter = 2\n");
}

/* Toggling ip_forward overwrites the values of every interface. */
static void test_forwarding_comes_back_everywhere(void **state)
{
    struct operation operations[] = {
        apply_case_sysctl("net.ipv4.ip_forward", "1"),
        apply_case_sysctl("net.ipv6.conf.all.forwarding", "1"),
        apply_case_sysctl("net.ipv4.conf.default.rp_filter", "2"),
    };

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.eth0.forwarding=1 "
                     "net.ipv6.conf.all.forwarding=0 net.ipv6.conf.far0.forwarding=1\n");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        struct undo_item item;

        apply_case_run(&operations[i], &item);
        apply_case_undo(&item, REVERT_DONE);
        apply_case_check("");
        undo_item_done(&item);
    }
}

/* Switching IPv6 off takes addresses and routes with it; those of people come back. */
static void test_ipv6_comes_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv6.conf.eth0.disable_ipv6", "1");
    struct undo_item item;
    struct snapshot then, now;

    (void)state;
    apply_case_begin("ip -6 route add default via 2001:db8:1::1 proto static\n"
                     "ip -6 route add 2001:db8:5::/48 dev eth0 metric 50 proto static\n"
                     "ip -6 route add 2001:db8:6::/48 dev eth0 proto ra\n");
    apply_case_read(&then);
    apply_case_run(&operation, &item);
    apply_case_read(&now);
    assert_non_null(strstr(apply_case_difference(&then, &now), "- address 2001:db8:1::10/64"));
    assert_non_null(strstr(apply_case_difference(&then, &now), "- ::/0 via 2001:db8:1::1"));
    snapshot_done(&now);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_read(&now);
    assert_null(strstr(apply_case_difference(&then, &now), "- address 2001:db8:1::10/64"));
    assert_null(strstr(apply_case_difference(&then, &now), "- ::/0 via 2001:db8:1::1"));
    assert_null(strstr(apply_case_difference(&then, &now), "- 2001:db8:5::/48"));
    assert_non_null(strstr(apply_case_difference(&then, &now), "- 2001:db8:6::/48"));
    snapshot_done(&now);
    snapshot_done(&then);
    undo_item_done(&item);
}

/* ---- what belongs to others -------------------------------------------------------------------
 */

static void test_conflicts(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"route 10.0.0.0/8 via 203.0.113.2 dev eth0", "belongs to protocol 4"},
        {"route default via 203.0.113.2 dev eth0", "belongs to protocol 4"},
        {"route 2001:db8:2::/48 dev far0", "belongs to protocol 4"}, /* by another device */
        {"rule 100 to 192.0.2.0/24 lookup 7", "belongs to protocol 0"},
    };

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto static\n"
                     "ip -6 route add 2001:db8:2::/48 dev eth0 proto static\n"
                     "ip rule add pref 100 to 192.0.2.0/24 lookup 7\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = apply_case_operation(cases[i].line);
        struct err err = ERR_INIT;
        struct undo_item item;

        apply_case_derive(&operation, &item);
        assert_false(apply_run(&apply_case, &item, &err));
        assert_int_equal(err.kind, ERR_CONFLICT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].line, err.text);
        apply_case_check("");
        undo_item_done(&item);
    }
}

static void test_the_kernel_is_quoted(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"route 10.0.0.0/8 via 192.0.2.1 dev eth0", "Nexthop has invalid gateway"},
        {"route 10.0.0.0/8 dev gone0", "device gone0 is not there"},
        {"route 10.0.0.0/8 dev tailscale0", "device tailscale0 is not there"},
        {"route 10.0.0.0/8 dev eth0 src 192.0.2.77", "Invalid prefsrc address"},
    };

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = apply_case_operation(cases[i].line);
        struct err err = ERR_INIT;
        struct undo_item item;

        apply_case_derive(&operation, &item);
        assert_false(apply_run(&apply_case, &item, &err));
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].line, err.text);
        apply_case_check("");
        undo_item_done(&item);
    }
}

/* What could not be given back is not touched. */
static void test_an_unknown_before_is_refused(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2");
    struct snapshot nothing;
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=0\n");
    snapshot_init(&nothing);
    undo_derive(&operation, 0, &nothing, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "its value before is not known"));
    apply_case_check("");
    undo_item_done(&item);
}

/* Somebody was faster between planning and doing: his value is not taken for ours to undo. */
static void test_changed_since_planned_is_refused(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2");
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=0\n");
    apply_case_derive(&operation, &item);
    netns_run("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    assert_false(apply_run(&apply_case, &item, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "changed since it was planned"));
    apply_case_check("- net.ipv4.conf.eth0.rp_filter = 0\n+ net.ipv4.conf.eth0.rp_filter = 1\n");
    undo_item_done(&item);
}

static void test_changed_by_others_is_left(void **state)
{
    struct operation route = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation rp_filter = apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2");
    struct undo_item item;
    char value[SYSCTL_VALUE_SIZE];
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=0\n");
    apply_case_run(&route, &item);
    netns_run("ip route replace 10.0.0.0/8 via 203.0.113.3 proto static\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "203.0.113.3"));
    apply_case_check("+ 10.0.0.0/8 via 203.0.113.3 dev eth0\n");
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
    apply_case_run(&rp_filter, &item);
    netns_run("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "found 1"));
    assert_true(sysctl_read_one(rp_filter.sysctl.setting.name, value, sizeof(value), &err));
    assert_string_equal(value, "1");
    undo_item_done(&item);
}

/* IPv4 routes vanish silently with their link: nobody has changed them. */
static void test_vanished_is_not_foreign(void **state)
{
    struct operation fresh = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation other = apply_case_operation("route 10.1.0.0/16 via 203.0.113.2 dev eth0");
    struct undo_item put, replaced;

    (void)state;
    apply_case_begin("ip route add 10.1.0.0/16 via 203.0.113.1 proto 153\n");
    apply_case_run(&fresh, &put);
    apply_case_run(&other, &replaced);
    netns_run("ip link set eth0 down\n");
    apply_case_undo(&put, REVERT_DONE);
    apply_case_undo(&replaced, REVERT_RETRY);
    netns_run("ip link set eth0 up\n");
    apply_case_undo(&replaced, REVERT_DONE);
    netns_run("ip route del 10.1.0.0/16 via 203.0.113.1 proto 153\n"); /* it is as before */
    undo_item_done(&put);
    undo_item_done(&replaced);
}

static void test_gone_device_is_left(void **state)
{
    struct operation operation = apply_case_removal("route 10.1.0.0/16 dev tailscale0");
    struct undo_item item;

    (void)state;
    apply_case_begin(
        "ip tuntap add tailscale0 mode tun\nip link set tailscale0 addrgenmode none up\n"
        "ip route add 10.1.0.0/16 dev tailscale0 proto 153\n");
    apply_case_run(&operation, &item);
    netns_run("ip link del tailscale0\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "its device is gone"));
    undo_item_done(&item);
}

/* Shields follow a device that is made anew; what the guard put back is its own to take away. The
 * new one has no IPv6, which would come at some time later. */
static void test_a_device_made_anew_has_another_number(void **state)
{
    static const char anew[] = "ip link del eth9\nip link add eth8 type veth peer name far8\n"
                               "ip link add eth9 type veth peer name far9\n"
                               "ip link set eth9 up\nip link set far9 up\n";
    struct operation put = apply_case_operation("route 10.0.0.0/8 dev eth0");
    struct operation removal = apply_case_removal("route 10.1.0.0/16 dev eth0");
    struct undo_item items[2];
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    text_copy(put.route.device, DEVICE_SIZE, "eth9");
    apply_case_begin(
        "sysctl -qw net.ipv6.conf.default.disable_ipv6=1\n"
        "ip link add eth9 type veth peer name far9\n"
        "ip link set eth9 up\nip link set far9 up\n"
        "ip route add 10.1.0.0/16 proto 153 nexthop dev eth9 nexthop via 203.0.113.1\n");
    apply_case_run(&put, &items[0]);
    apply_case_run(&removal, &items[1]);
    netns_run(anew);
    assert_int_equal(apply_assert(&apply_case, &put, 1, &pending, &err), 1);
    assert_false(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    apply_case_undo(&items[1], REVERT_DONE);
    apply_case_undo(&items[0], REVERT_DONE);
    apply_case_remember();
    netns_run("ip route del 10.1.0.0/16\n");
    apply_case_check("- 10.1.0.0/16 nexthop dev eth9 weight 1 nexthop via 203.0.113.1 dev eth0 "
                     "weight 1\n");
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
}

/* Of a host with very many devices not all settings are read; that of a device that was made anew
 * stands behind all of them. */
static void test_a_setting_behind_very_many(void **state)
{
    static const char anew[] = "ip link del eth9\nip link add eth9 type veth peer name far9\n"
                               "sysctl -qw net.ipv4.conf.eth9.rp_filter=2\n";
    struct operation operation = apply_case_sysctl("net.ipv4.conf.eth9.rp_filter", "2");
    static char drifted[APPLY_DRIFT_MAX][SENTENCE_SIZE];
    const struct tailscale_profile none = {.id = ""};
    char value[SYSCTL_VALUE_SIZE];
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("ip link add eth9 type veth peer name far9\n"
                     "sysctl -qw net.ipv4.conf.eth9.rp_filter=1\n");
    apply_case_run(&operation, &item);
    netns_run("for i in $(seq 150); do ip link add a$i type veth peer name b$i; done\n");
    netns_run(anew);
    assert_int_equal(apply_find_drift(&apply_case, &operation, 1, &none, drifted), 0);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    apply_case_undo(&item, REVERT_DONE);
    assert_true(sysctl_read_one(operation.sysctl.setting.name, value, sizeof(value), &err));
    assert_string_equal(value, "1");
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
}

/* The guard died between doing and reading back: the undo goes by what was to be done. */
static void test_undo_without_after(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0"),
        apply_case_operation("route blackhole 2001:db8:2::/48"),
        apply_case_sysctl("net.ipv4.ip_forward", "1"),
    };

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.eth0.forwarding=1\n");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        struct undo_item item;

        apply_case_run(&operations[i], &item);
        item.has_after = false;
        snapshot_done(&item.after);
        apply_case_undo(&item, REVERT_DONE);
        apply_case_check("");
        apply_case_undo(&item, REVERT_DONE);
        undo_item_done(&item);
    }
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_there_and_back),
        IN_NAMESPACE(test_removal_there_and_back),
        IN_NAMESPACE(test_a_rule_beside_a_narrower_one),
        IN_NAMESPACE(test_replacing_there_and_back),
        IN_NAMESPACE(test_sysctl_there_and_back),
        IN_NAMESPACE(test_forwarding_comes_back_everywhere),
        IN_NAMESPACE(test_ipv6_comes_back),
        IN_NAMESPACE(test_conflicts),
        IN_NAMESPACE(test_the_kernel_is_quoted),
        IN_NAMESPACE(test_an_unknown_before_is_refused),
        IN_NAMESPACE(test_changed_since_planned_is_refused),
        IN_NAMESPACE(test_changed_by_others_is_left),
        IN_NAMESPACE(test_vanished_is_not_foreign),
        IN_NAMESPACE(test_gone_device_is_left),
        IN_NAMESPACE(test_a_device_made_anew_has_another_number),
        IN_NAMESPACE(test_a_setting_behind_very_many),
        IN_NAMESPACE(test_undo_without_after),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
