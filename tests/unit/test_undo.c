/*
 * test_undo: Before, After and Now of what an operation touches, judged.
 */
#include "agent/guard/core/undo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/net/operation.h"
#include "tests/unit/ip_lines.h"
#include "tests/unit/undo_case.h"

/* ---- judging ----------------------------------------------------------------------------------
 */

struct judge_case {
    const char *operation, *before, *now;
    enum undo_state state;
    const char *why;
};

static const struct judge_case judge_cases[] = {
    /* put */
    {"rule 5140 from 203.0.113.10 lookup main", "",
     "rule 5140 from 203.0.113.10 lookup main protocol 153", UNDO_NEEDED, "expected no rule"},
    {"rule 5140 from 203.0.113.10 lookup main", "", "", UNDO_RESTORED, ""},
    {"rule 5140 from 203.0.113.10 lookup main", "",
     "rule 5140 from 203.0.113.10 lookup main protocol 3", UNDO_RESTORED, ""},
    {"rule 5140 from 203.0.113.10 lookup main",
     "rule 5140 from 203.0.113.10 lookup main protocol 153",
     "rule 5140 from 203.0.113.10 lookup main protocol 153", UNDO_RESTORED, ""},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 153", UNDO_NEEDED, "expected nothing"},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "", "", UNDO_RESTORED, ""},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "",
     "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 153", UNDO_FOREIGN, "203.0.113.2"},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 4", UNDO_FOREIGN, "of protocol 4"},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0", "",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 metric 5 protocol 4", UNDO_RESTORED, ""},
    /* replace */
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 153",
     "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 153", UNDO_NEEDED, "203.0.113.2"},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 153",
     "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 153", UNDO_RESTORED, ""},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 153", "", UNDO_NEEDED, "found nothing"},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "link eth7 7\nroute 10.0.0.0/8 dev eth7 protocol 153", "", UNDO_FOREIGN, "its device is gone"},
    /* a device that was made anew has another number, and its old one may be another's */
    {"route 10.0.0.0/8 via 192.0.2.1 dev eth9", "link eth9 9",
     "link eth8 9\nlink eth9 19\n"
     "route 10.0.0.0/8 via 192.0.2.1 dev eth9 protocol 153",
     UNDO_NEEDED, "expected nothing"},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "link eth7 7\nroute 10.0.0.0/8 dev eth7 protocol 153",
     "link eth8 7\nlink eth7 17\nroute 10.0.0.0/8 dev eth7 protocol 153", UNDO_RESTORED, ""},
    {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
     "link eth7 7\nroute 10.0.0.0/8 dev eth7 protocol 153", "link eth8 7", UNDO_FOREIGN,
     "its device is gone"},
    /* remove */
    {"remove rule 100 lookup 7", "rule 100 lookup 7 protocol 153", "", UNDO_NEEDED, "found none"},
    {"remove rule 100 lookup 7", "rule 100 lookup 7 protocol 153", "rule 100 lookup 7 protocol 153",
     UNDO_RESTORED, ""},
    {"remove rule 100 lookup 7", "rule 100 lookup 7 protocol 153", "rule 100 lookup 7 protocol 4",
     UNDO_FOREIGN, "one of protocol 4"},
    {"remove rule 100 lookup 7", "", "", UNDO_RESTORED, ""},
    /* order among those of one priority is state: behind its siblings it is not as it was */
    {"remove rule 100 lookup 7",
     "rule 100 lookup 7 protocol 153\nrule 100 from 10.0.0.0/8 lookup 8 protocol 4",
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 4\nrule 100 lookup 7 protocol 153", UNDO_NEEDED,
     "in the order as before, found another"},
    {"remove rule 100 lookup 7",
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 4\nrule 100 lookup 7 protocol 153",
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 4\nrule 100 lookup 7 protocol 153", UNDO_RESTORED,
     ""},
    /* half of it: the sibling's copy stands behind, and itself before */
    {"remove rule 100 lookup 7",
     "rule 100 lookup 7 protocol 153\nrule 100 from 10.0.0.0/8 lookup 8 protocol 4",
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 4\nrule 100 lookup 7 protocol 153\n"
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 4",
     UNDO_NEEDED, "in the order as before"},
    /* a daemon's is not moved, nor one that others put, nor one of another priority */
    {"remove rule 100 lookup 7",
     "rule 100 lookup 7 protocol 153\nrule 100 from 10.0.0.0/8 lookup 8 protocol 16",
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 16\nrule 100 lookup 7 protocol 153", UNDO_RESTORED,
     ""},
    {"remove rule 100 lookup 7", "rule 100 lookup 7 protocol 153",
     "rule 100 from 10.0.0.0/8 lookup 8 protocol 4\nrule 100 lookup 7 protocol 153", UNDO_RESTORED,
     ""},
    {"remove rule 100 lookup 7",
     "rule 100 lookup 7 protocol 153\nrule 101 from 10.0.0.0/8 lookup 8 protocol 4",
     "rule 99 from 10.0.0.0/8 lookup 8 protocol 4\nrule 100 lookup 7 protocol 153", UNDO_RESTORED,
     ""},
    {"remove route 10.0.0.0/8 dev eth0", "route 10.0.0.0/8 dev eth0 protocol 153", "", UNDO_NEEDED,
     "found nothing"},
    {"remove route 10.0.0.0/8 dev eth0", "route 10.0.0.0/8 dev eth0 protocol 153",
     "route 10.0.0.0/8 dev eth1 protocol 4", UNDO_FOREIGN, "dev eth1"},
    /* IPv6: what leads nowhere is shown with a device; metric 0 is 1024 */
    {"route blackhole 2001:db8::/32", "",
     "route blackhole 2001:db8::/32 dev eth0 metric 1024 protocol 153", UNDO_NEEDED, ""},
};

static void check_judge(const struct judge_case *c, bool with_after)
{
    struct operation operation = operation_of(c->operation);
    struct snapshot before, after, now;
    struct undo_item item;
    enum undo_state state;
    char why[REASON_SIZE];

    make(&before, c->before);
    make(&now, c->now);
    snapshot_copy(&after, &before);
    operation_predict(&operation, &after);
    undo_derive(&operation, 3, &before, &item);
    assert_int_equal(item.operation, 3);
    if (with_after)
        undo_take_after(&item, &after);
    assert_int_equal(item.has_after, with_after);
    state = undo_judge(&item, &now, why, sizeof(why));
    if (state != c->state || strstr(why, c->why) == NULL)
        fail_msg("%s | %s | %s: state %d, expected %d: %s", c->operation, c->before, c->now,
                 (int)state, (int)c->state, why);
    undo_item_done(&item);
    snapshot_done(&before);
    snapshot_done(&after);
    snapshot_done(&now);
}

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(judge_cases) / sizeof(judge_cases[0]); i++) {
        check_judge(&judge_cases[i], true);
        check_judge(&judge_cases[i], false); /* the guard died before it had read back */
    }
}

/* 0 before, 1 by us: what another value means, nobody but who wrote it knows. */
static void test_sysctl_of_others_is_left(void **state)
{
    static const struct {
        const char *found;
        enum undo_state state;
    } cases[] = {{"0", UNDO_RESTORED}, {"1", UNDO_NEEDED}, {"2", UNDO_FOREIGN}};
    const struct operation operation = {.kind = OPERATION_SYSCTL,
                                        .sysctl.setting = {"net.ipv4.conf.eth0.rp_filter", "1"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct snapshot before, after, now;
        struct undo_item item;
        char why[REASON_SIZE];

        snapshot_init(&before);
        snapshot_init(&now);
        put_sysctl(&before, "net.ipv4.conf.eth0.rp_filter", "0");
        put_sysctl(&now, "net.ipv4.conf.eth0.rp_filter", cases[i].found);
        snapshot_copy(&after, &before);
        operation_predict(&operation, &after);
        undo_derive(&operation, 0, &before, &item);
        undo_take_after(&item, &after);
        assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), cases[i].state);
        undo_item_done(&item);
        snapshot_done(&before);
        snapshot_done(&after);
        snapshot_done(&now);
    }
}

static void test_sysctl_touches_what_it_overwrites(void **state)
{
    struct operation operation = {.kind = OPERATION_SYSCTL,
                                  .sysctl.setting = {"net.ipv4.ip_forward", "1"}};
    struct snapshot before, after, now;
    struct undo_item item;
    char why[REASON_SIZE];

    (void)state;
    make_forwarding(&before, "0", "0", "1");
    make_forwarding(&after, "1", "1", "0");
    make_forwarding(&now, "0", "1", "1"); /* somebody has undone the half of it */
    undo_derive(&operation, 0, &before, &item);
    assert_int_equal(item.before.sysctls_count, 3);
    assert_int_equal(undo_judge(&item, &after, why, sizeof(why)), UNDO_NEEDED);
    undo_take_after(&item, &after);
    assert_int_equal(undo_judge(&item, &before, why, sizeof(why)), UNDO_RESTORED);
    assert_int_equal(undo_judge(&item, &after, why, sizeof(why)), UNDO_NEEDED);
    assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), UNDO_NEEDED);
    assert_non_null(strstr(why, "net.ipv4.conf.eth0.forwarding = 0"));
    assert_true(undo_removes(&item)); /* forwarding that was not there before */
    undo_item_done(&item);
    snapshot_done(&before);
    snapshot_done(&after);
    snapshot_done(&now);
}

/* What a setting or an mtu has let through since goes no sooner than a rule that was put
 * (docs/protocol.md rule 15); what it took away comes back at once. */
static void test_removes_what_a_setting_let_through(void **state)
{
    static const struct {
        const char *setting, *before, *set;
        bool removes;
    } cases[] = {
        {"net.ipv6.conf.eth0.disable_ipv6", "1", "0", true},
        {"net.ipv6.conf.eth0.disable_ipv6", "0", "1", false},
        {"net.ipv6.conf.eth0.disable_ipv6", "0", "0", false},
        {"net.ipv4.ip_forward", "0", "1", true},
        {"net.ipv4.ip_forward", "1", "0", false},
        {"net.ipv4.conf.eth0.forwarding", "0", "1", true},
        {"net.ipv6.conf.all.forwarding", "1", "0", false},
        {"net.ipv4.conf.eth0.rp_filter", "1", "2", true},
        {"net.ipv4.conf.eth0.rp_filter", "2", "0", true},
        {"net.ipv4.conf.eth0.rp_filter", "0", "2", false},
        {"net.ipv4.conf.eth0.rp_filter", "2", "1", false},
        {"net.ipv4.conf.eth0.src_valid_mark", "0", "1", true},
        {"net.ipv4.conf.eth0.arp_ignore", "2", "0", true},
        {"net.ipv6.conf.eth0.accept_ra", "0", "2", true},
        {"net.ipv6.conf.eth0.accept_ra", "2", "0", false},
        {"net.ipv4.conf.eth0.log_martians", "0", "1", false},
        {"net.ipv4.conf.eth0.accept_redirects", "0", "1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = {.kind = OPERATION_SYSCTL};
        struct snapshot before;
        struct undo_item item;

        text_copy(operation.sysctl.setting.name, SYSCTL_NAME_SIZE, cases[i].setting);
        text_copy(operation.sysctl.setting.value, SYSCTL_VALUE_SIZE, cases[i].set);
        make(&before, "");
        put_sysctl(&before, cases[i].setting, cases[i].before);
        undo_derive(&operation, 0, &before, &item);
        if (undo_removes(&item) != cases[i].removes)
            fail_msg("%s %s -> %s", cases[i].setting, cases[i].before, cases[i].set);
        undo_item_done(&item);
        snapshot_done(&before);
    }
}

/* Of all devices: one that had none before loses its IPv6 again. */
static void test_removes_ipv6_of_one_of_all(void **state)
{
    const struct operation operation = {.kind = OPERATION_SYSCTL,
                                        .sysctl.setting = {"net.ipv6.conf.all.disable_ipv6", "0"}};
    struct snapshot before;
    struct undo_item item;

    (void)state;
    make(&before, "");
    put_sysctl(&before, "net.ipv6.conf.all.disable_ipv6", "0");
    put_sysctl(&before, "net.ipv6.conf.eth0.disable_ipv6", "1");
    undo_derive(&operation, 0, &before, &item);
    assert_true(undo_removes(&item));
    undo_item_done(&item);
    snapshot_done(&before);
}

static void test_removes_ipv6_of_an_mtu(void **state)
{
    static const struct {
        uint32_t before, set;
        bool removes;
    } cases[] = {{1200, 1280, true},
                 {1200, 1500, true},
                 {1500, 1200, false},
                 {1280, 1500, false},
                 {1200, 1100, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = {.kind = OPERATION_LINK,
                                      .link = {.device = "eth0", .mtu = cases[i].set}};
        struct snapshot before;
        struct undo_item item;

        make(&before, "");
        before.links[0].mtu = cases[i].before;
        undo_derive(&operation, 0, &before, &item);
        assert_int_equal(undo_removes(&item), cases[i].removes);
        undo_item_done(&item);
        snapshot_done(&before);
    }
}

/* ---- Tailscale --------------------------------------------------------------------------------
 */

static void make_tailscale(struct snapshot *snapshot, const char *exit_node, bool lan_access,
                           const char *lines)
{
    make(snapshot, "link tailscale0 4\naddress 100.64.0.2/32 dev tailscale0");
    ip_lines_add(snapshot, lines);
    snapshot->tailscale.presence = TAILSCALE_ANSWERS;
    text_copy(snapshot->tailscale.exit_node_id, TAILSCALE_ID_SIZE, exit_node);
    snapshot->tailscale.exit_node_allow_lan_access = lan_access;
}

static const char exit_route[] = "route default dev tailscale0 table 52 protocol 3";

static void test_tailscale(void **state)
{
    static const struct {
        const char *exit_node;
        bool lan_access;
        const char *lines;
        enum undo_state state;
        bool sets_exit_node, sets_lan_access;
    } cases[] = {
        {"nEXIT", true, exit_route, UNDO_NEEDED, true, true},
        {"", false, "", UNDO_RESTORED, false, false},
        {"", false, exit_route, UNDO_NEEDED, true, false}, /* the route is left */
        {"", true, "", UNDO_NEEDED, false, true},
        {"nOTHER", true, exit_route, UNDO_NEEDED, false, true}, /* half of it is others' */
        {"nOTHER", false, exit_route, UNDO_FOREIGN, false, false},
    };
    struct operation operation = use_exit_node();
    struct snapshot before;

    (void)state;
    make_tailscale(&before, "", false, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation_tailscale change;
        struct err err = ERR_INIT;
        struct undo_item item;
        struct snapshot now;
        char why[REASON_SIZE];

        make_tailscale(&now, cases[i].exit_node, cases[i].lan_access, cases[i].lines);
        undo_derive(&operation, 0, &before, &item);
        assert_true(item.persists);
        assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), cases[i].state);
        assert_true(undo_tailscale_change(&item, &now, &change, &err));
        assert_int_equal(change.set_exit_node, cases[i].sets_exit_node);
        assert_int_equal(change.set_allow_lan_access, cases[i].sets_lan_access);
        assert_string_equal(change.exit_node_id, "");
        now.tailscale.presence = TAILSCALE_SILENT;
        assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), UNDO_NEEDED);
        undo_item_done(&item);
        snapshot_done(&now);
    }
    snapshot_done(&before);
}

static void test_exit_node_by_address(void **state)
{
    struct operation operation = use_exit_node();
    struct operation_tailscale change;
    struct snapshot before, now;
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    make_tailscale(&before, "", false, exit_route);
    make_tailscale(&now, "nEXIT", true, exit_route);
    assert_true(address_parse("100.64.0.9", &before.tailscale.exit_node_ip));
    undo_derive(&operation, 0, &before, &item);
    assert_false(undo_is_possible(&item, &err));
    assert_non_null(strstr(err.text, "address 100.64.0.9"));
    undo_item_done(&item);
    before.tailscale.peers = mem_alloc(2, sizeof(*before.tailscale.peers));
    before.tailscale.peers_count = 2;
    text_copy(before.tailscale.peers[1].id, TAILSCALE_ID_SIZE, "nNINE");
    before.tailscale.peers[1].addresses[0] = before.tailscale.exit_node_ip;
    before.tailscale.peers[1].addresses_count = 1;
    undo_derive(&operation, 0, &before, &item);
    assert_true(undo_is_possible(&item, &err));
    assert_true(undo_tailscale_change(&item, &now, &change, &err));
    assert_string_equal(change.exit_node_id, "nNINE");
    undo_item_done(&item);
    text_copy(before.tailscale.auto_exit_node, sizeof(before.tailscale.auto_exit_node), "any");
    undo_derive(&operation, 0, &before, &item);
    assert_false(undo_is_possible(&item, &err));
    undo_item_done(&item);
    snapshot_done(&before);
    snapshot_done(&now);
}

static void advertise(struct snapshot *snapshot, const char *network, const char *unread)
{
    struct tailscale *tailscale = &snapshot->tailscale;

    make_tailscale(snapshot, "", false, "");
    tailscale->advertise_routes_count = 1;
    assert_true(prefix_parse(network, &tailscale->advertise_routes[0]));
    text_copy(tailscale->advertise_routes_unread, sizeof(tailscale->advertise_routes_unread),
              unread);
}

static void test_advertised_routes_that_are_not_all_known(void **state)
{
    struct operation operation = {
        .kind = OPERATION_TAILSCALE,
        .tailscale = {.set_advertise_routes = true, .advertise_routes_count = 1}};
    struct operation exit_node = use_exit_node();
    struct snapshot before, after, now;
    struct err err = ERR_INIT;
    struct undo_item item;
    char why[REASON_SIZE];

    (void)state;
    advertise(&before, "10.0.0.0/24", "");
    advertise(&after, "10.1.0.0/24", "");
    advertise(&now, "10.1.0.0/24", "");
    operation.tailscale.advertise_routes[0] = after.tailscale.advertise_routes[0];
    undo_derive(&operation, 0, &before, &item);
    assert_true(undo_is_possible(&item, &err));
    undo_take_after(&item, &after);
    assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), UNDO_NEEDED);
    /* others advertise more than fits: the first ones are as the change left them */
    text_copy(now.tailscale.advertise_routes_unread, sizeof(now.tailscale.advertise_routes_unread),
              "it advertises 65 routes");
    assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), UNDO_FOREIGN);
    undo_item_done(&item);
    undo_derive(&operation, 0, &now, &item);
    assert_false(undo_is_possible(&item, &err));
    assert_string_equal(err.text, "the routes advertised before could not be set again: it "
                                  "advertises 65 routes");
    undo_item_done(&item);
    undo_derive(&exit_node, 0, &now, &item);
    assert_true(undo_is_possible(&item, &err));
    undo_item_done(&item);
    snapshot_done(&before);
    snapshot_done(&after);
    snapshot_done(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_sysctl_of_others_is_left),
        cmocka_unit_test(test_sysctl_touches_what_it_overwrites),
        cmocka_unit_test(test_removes_what_a_setting_let_through),
        cmocka_unit_test(test_removes_ipv6_of_one_of_all),
        cmocka_unit_test(test_removes_ipv6_of_an_mtu),
        cmocka_unit_test(test_tailscale),
        cmocka_unit_test(test_advertised_routes_that_are_not_all_known),
        cmocka_unit_test(test_exit_node_by_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
