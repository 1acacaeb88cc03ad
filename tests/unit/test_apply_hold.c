/*
 * test_apply_hold: looking whether all is restored, putting back what was confirmed, and Tailscale.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/worker.h"
#include "common/core/mem.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_tailscaled.h"
#include "tests/unit/netns.h"

/* Two operations on one object: the older one knows how it was. */
static void test_restored_is_judged_by_the_oldest(void **state)
{
    struct operation first = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation second = apply_case_operation("route 10.0.0.0/8 via 203.0.113.3 dev eth0");
    struct undo_item items[2];
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("");
    apply_case_run(&first, &items[0]);
    apply_case_run(&second, &items[1]);
    assert_true(apply_is_settled(&apply_case, items, 2, &err));
    apply_case_undo(&items[1], REVERT_DONE);
    assert_false(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    apply_case_undo(&items[0], REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    apply_case_check("");
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
}

/* What came back after it was undone (a tailscaled that takes a pref late) is undone again; what
 * was never applied is others' business. */
static void test_verifying_undoes_what_came_back(void **state)
{
    struct operation operations[] = {
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0"),
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2"),
    };
    struct revert revert = {.steps_count = 3, .steps = {{.touched = true}, {.touched = true}}};
    struct work *work = work_new(WORK_VERIFY, NULL);

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    work->items = mem_alloc(3, sizeof(*work->items));
    work->items_count = 3;
    for (uint32_t i = 0; i < 2; i++) {
        apply_case_run(&operations[i], &work->items[i]);
        work->items[i].operation = i;
    }
    apply_case_derive(&operations[2], &work->items[2]);
    work->items[2].operation = 2;
    netns_run("sysctl -qw net.ipv4.conf.eth0.rp_filter=2\n");
    work_keep_touched(work, &revert);
    assert_int_equal(work->items_count, 2);
    work_do(&apply_case, work);
    assert_string_equal(work->why, "");
    assert_true(work->ok);
    apply_case_check("- net.ipv4.conf.eth0.rp_filter = 1\n+ net.ipv4.conf.eth0.rp_filter = 2\n");
    work_free(work);
}

static void test_restored_demands_the_flows(void **state)
{
    struct protected_flow flows[] = {
        {.name = "other", .device = "far0"},
        {.name = "ssh-reply", .device = "eth0"},
    };
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("");
    for (int i = 0; i < 2; i++) {
        assert_true(address_parse("203.0.113.10", &flows[i].flow.source));
        flows[i].destination = prefix_default(FAMILY_IPV4);
    }
    assert_true(apply_is_restored(&apply_case, NULL, 0, flows, 2, 2, &err));
    assert_false(apply_is_restored(&apply_case, NULL, 0, flows, 2, 3, &err));
    assert_non_null(strstr(err.text, "other: "));
    /* Nobody can keep a flow on a device that is gone: no revert waits for it for ever. */
    text_copy(flows[0].device, sizeof(flows[0].device), "gone0");
    assert_true(apply_is_restored(&apply_case, NULL, 0, flows, 2, 3, &err));
    netns_run("ip rule add pref 10 unreachable\n");
    assert_false(apply_is_restored(&apply_case, NULL, 0, flows, 2, 2, &err));
    assert_non_null(strstr(err.text, "ssh-reply: "));
}

/* ---- putting back -----------------------------------------------------------------------------
 */

static void test_assert(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("rule 5145 from 203.0.113.10 lookup 5100"),
        apply_case_operation("route default via 203.0.113.1 dev eth0 onlink table 5100"),
        apply_case_operation("route 10.9.0.0/16 dev tailscale0 table 5100"),
        apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2"),
        {.kind = OPERATION_TAILSCALE, .tailscale = {.set_accept_routes = true}},
        apply_case_operation("rule 32766 lookup main"),
        apply_case_operation("rule 32767 lookup default"),
        apply_case_operation("rule 32766 -6 lookup main"),
    };
    const uint32_t count = sizeof(operations) / sizeof(operations[0]);
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    for (uint32_t i = 0; i < count; i++)
        operations[i].shield = true;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=2\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 3);
    assert_int_equal(pending, 1);
    assert_int_equal(err.kind, ERR_NONE);
    apply_case_check("+ default via 203.0.113.1 dev eth0 onlink table 5100\n"
                     "+ rule 5140: from 203.0.113.10 lookup main\n"
                     "+ rule 5145: from 203.0.113.10 lookup 5100\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 0);
    netns_run("ip rule flush\nip -6 rule flush\nip route flush table 5100\n"
              "sysctl -qw net.ipv4.conf.eth0.rp_filter=0\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 7);
    apply_case_check("+ default via 203.0.113.1 dev eth0 onlink table 5100\n"
                     "+ rule 5140: from 203.0.113.10 lookup main\n"
                     "+ rule 5145: from 203.0.113.10 lookup 5100\n");
    netns_run("ip link set eth0 down\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 0);
    assert_int_equal(pending, 2);
    netns_run("ip link set eth0 up\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 1);
}

static void test_assert_leaves_others(void **state)
{
    struct operation operation = apply_case_operation("route 10.0.0.0/8 dev eth0");
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto static\n");
    assert_int_equal(apply_assert(&apply_case, &operation, 1, &pending, &err), 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    apply_case_check("");
}

/* ---- Tailscale --------------------------------------------------------------------------------
 */

static const struct operation use_exit_node = {.kind = OPERATION_TAILSCALE,
                                               .tailscale = {.set_exit_node = true,
                                                             .exit_node_id = "nEXIT",
                                                             .exit_node_name = "tethys",
                                                             .set_allow_lan_access = true,
                                                             .allow_lan_access = true}};

static struct fake_tailscaled *begin_tailscale(void)
{
    static char path[64];

    netns_run("ip tuntap add tailscale0 mode tun\nip link set tailscale0 addrgenmode none up\n"
              "ip address add 100.64.0.2/32 dev tailscale0\n"
              "ip address add fd7a:115c:a1e0::2/128 dev tailscale0 nodad\n");
    snprintf(path, sizeof(path), "/tmp/oceanid-test-apply-%d.sock", (int)getpid());
    apply_case.tailscale_socket = path;
    return fake_tailscaled_start(path);
}

static void test_exit_node_there_and_back(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    assert_string_equal(fake_tailscaled_exit_node(fake), "nEXIT");
    assert_true(item.persists);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    apply_case_undo(&item, REVERT_DONE);
    assert_string_equal(fake_tailscaled_exit_node(fake), "");
    apply_case_check("");
    apply_case_undo(&item, REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* The pref alone is not enough: as long as table 52 has the default, nothing is undone. */
static void test_exit_node_with_its_route_left(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_leave_routes(fake, true);
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "table 52"));
    assert_string_equal(fake_tailscaled_exit_node(fake), "");
    fake_tailscaled_leave_routes(fake, false);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

static void test_silent_tailscaled_is_tried_again(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_hang(fake, true);
    apply_case_undo(&item, REVERT_RETRY);
    fake_tailscaled_stop(fake);
    apply_case_undo(&item, REVERT_RETRY); /* nobody listens */
    fake = fake_tailscaled_start(apply_case.tailscale_socket);
    fake_tailscaled_set_exit_node(fake, "nEXIT"); /* it remembers */
    apply_case_undo(&item, REVERT_DONE);
    assert_string_equal(fake_tailscaled_exit_node(fake), "");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* Two seconds are for each answer, not for all of them: on a machine that has hardly any time for
 * tailscaled nothing would be left for the call that takes its exit node back. So slow that three
 * do not come within two seconds, and that one does on a machine that is busy with other tests too.
 */
static void test_slow_tailscaled_is_waited_for(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_be_slow(fake, 800);
    apply_case_undo(&item, REVERT_DONE);
    fake_tailscaled_be_slow(fake, 0);
    assert_string_equal(fake_tailscaled_exit_node(fake), "");
    apply_case_check("");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* It is not touched, and it is not over either: the shields behind it have to stay. */
static void test_exit_node_of_others_is_left_and_waited_for(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_set_exit_node(fake, "nOTHER");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "nOTHER"));
    assert_string_equal(fake_tailscaled_exit_node(fake), "nOTHER");
    fake_tailscaled_set_exit_node(fake, "");
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

static void test_other_exit_node_comes_back(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct undo_item item;

    (void)state;
    fake_tailscaled_set_exit_node(fake, "nOTHER");
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    assert_string_equal(fake_tailscaled_exit_node(fake), "nEXIT");
    apply_case_undo(&item, REVERT_DONE);
    assert_string_equal(fake_tailscaled_exit_node(fake), "nOTHER");
    apply_case_check("");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* Two operations that set different prefs: each is looked at for its own. */
static void test_prefs_of_two_operations(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct operation exit_node = use_exit_node;
    struct operation lan = {.kind = OPERATION_TAILSCALE,
                            .tailscale = {.set_allow_lan_access = true, .allow_lan_access = true}};
    struct undo_item items[2];
    struct err err = ERR_INIT;

    (void)state;
    exit_node.tailscale.set_allow_lan_access = false;
    apply_case_begin("");
    apply_case_run(&exit_node, &items[0]);
    apply_case_run(&lan, &items[1]);
    assert_true(apply_is_settled(&apply_case, items, 2, &err));
    fake_tailscaled_set_exit_node(fake, "");
    assert_false(apply_is_settled(&apply_case, items, 2, &err));
    err = (struct err)ERR_INIT;
    assert_false(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "LAN access on"));
    assert_true(apply_undo_again(&apply_case, items, 2));
    assert_true(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    apply_case_check("");
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
    fake_tailscaled_stop(fake);
}

static void test_accepted_routes_there_and_back(void **state)
{
    const struct operation accept = {
        .kind = OPERATION_TAILSCALE,
        .tailscale = {.set_accept_routes = true, .accept_routes = true}};
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&accept, &item);
    assert_true(fake_tailscaled_accepts_routes(fake));
    assert_true(apply_is_settled(&apply_case, &item, 1, &err));
    assert_non_null(strstr(apply_case_now(), "+ 198.18.40.0/24 dev tailscale0 table 52\n"));
    apply_case_undo(&item, REVERT_DONE);
    assert_false(fake_tailscaled_accepts_routes(fake));
    apply_case_check("");
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

static void test_advertised_routes_there_and_back(void **state)
{
    struct operation advertise = {
        .kind = OPERATION_TAILSCALE,
        .tailscale = {.set_advertise_routes = true, .advertise_routes_count = 2}};
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    assert_true(prefix_parse("10.1.0.0/16", &advertise.tailscale.advertise_routes[0]));
    assert_true(prefix_parse("2001:db8:40::/48", &advertise.tailscale.advertise_routes[1]));
    fake_tailscaled_advertise(fake, "[\"10.9.0.0/16\"]");
    apply_case_begin("");
    apply_case_run(&advertise, &item);
    assert_string_equal(fake_tailscaled_advertised(fake), "[\"10.1.0.0/16\",\"2001:db8:40::/48\"]");
    assert_true(apply_is_settled(&apply_case, &item, 1, &err));
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    apply_case_undo(&item, REVERT_DONE);
    assert_string_equal(fake_tailscaled_advertised(fake), "[\"10.9.0.0/16\"]");
    err = (struct err)ERR_INIT;
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    fake_tailscaled_advertise(fake, "[\"10.8.0.0/16\"]"); /* somebody else */
    apply_case_undo(&item, REVERT_LEFT);
    assert_string_equal(fake_tailscaled_advertised(fake), "[\"10.8.0.0/16\"]");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* How the prefs are before, and what a change makes of them. */
struct late_case {
    bool exit_node, lan, accept;
    struct operation_tailscale change;
};

static void begin_late(struct fake_tailscaled *fake, const struct late_case *c)
{
    fake_tailscaled_be_late(fake, 0);
    fake_tailscaled_set_exit_node(fake, c->exit_node ? "nOTHER" : "");
    fake_tailscaled_allow_lan(fake, c->lan);
    fake_tailscaled_accept_routes(fake, c->accept);
    apply_case_remember();
}

/* tailscaled may answer before table 52 is as it says: nothing is taken back before that is so,
 * lest a shield goes before what it shields. */
static void test_table_is_waited_for(void **state)
{
    static const struct late_case cases[] = {
        {false, false, false, {.set_accept_routes = true, .accept_routes = true}},
        {true, true, false, {.set_accept_routes = true, .accept_routes = true}},
        {true, false, false, {.set_allow_lan_access = true, .allow_lan_access = true}},
        {true, true, false, {.set_allow_lan_access = true, .allow_lan_access = false}},
        {false, false, false, {.set_exit_node = true, .exit_node_id = "nEXIT"}},
        {false, true, false, {.set_exit_node = true, .exit_node_id = "nEXIT"}},
    };
    struct fake_tailscaled *fake = begin_tailscale();

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct operation change = {.kind = OPERATION_TAILSCALE, .tailscale = cases[i].change};
        struct undo_item item;

        begin_late(fake, &cases[i]);
        apply_case_run(&change, &item);
        fake_tailscaled_be_late(fake, 300);
        apply_case_undo(&item, REVERT_DONE);
        apply_case_check("");
        undo_item_done(&item);
    }
    fake_tailscaled_stop(fake);
}

/* The same of what a change takes away: it is not settled before. */
static void test_table_settles(void **state)
{
    static const struct late_case cases[] = {
        {false, false, true, {.set_accept_routes = true, .accept_routes = false}},
        {true, false, false, {.set_allow_lan_access = true, .allow_lan_access = true}},
        {true, true, false, {.set_allow_lan_access = true, .allow_lan_access = false}},
        {true, false, false, {.set_exit_node = true, .exit_node_id = ""}},
    };
    struct fake_tailscaled *fake = begin_tailscale();

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct operation change = {.kind = OPERATION_TAILSCALE, .tailscale = cases[i].change};
        struct err err = ERR_INIT;
        struct undo_item item;

        begin_late(fake, &cases[i]);
        fake_tailscaled_be_late(fake, 60000);
        apply_case_derive(&change, &item);
        assert_true(apply_run(&apply_case, &item, &err));
        if (apply_is_settled(&apply_case, &item, 1, &err))
            fail_msg("case %zu is settled", i);
        assert_non_null(strstr(err.text, "table 52: expected nothing that the prefs do not ask"));
        err = (struct err)ERR_INIT;
        fake_tailscaled_be_late(fake, 0);
        assert_true(apply_is_settled(&apply_case, &item, 1, &err));
        undo_item_done(&item);
    }
    fake_tailscaled_stop(fake);
}

static void test_accepted_routes_left(void **state)
{
    const struct operation accept = {
        .kind = OPERATION_TAILSCALE,
        .tailscale = {.set_accept_routes = true, .accept_routes = true}};
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&accept, &item);
    fake_tailscaled_leave_routes(fake, true);
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "table 52"));
    assert_false(fake_tailscaled_accepts_routes(fake));
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "table 52 still has '198.18.40.0/24 dev tailscale0"));
    fake_tailscaled_leave_routes(fake, false);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_restored_is_judged_by_the_oldest),
        IN_NAMESPACE(test_verifying_undoes_what_came_back),
        IN_NAMESPACE(test_restored_demands_the_flows),
        IN_NAMESPACE(test_assert),
        IN_NAMESPACE(test_assert_leaves_others),
        IN_NAMESPACE(test_exit_node_there_and_back),
        IN_NAMESPACE(test_exit_node_with_its_route_left),
        IN_NAMESPACE(test_silent_tailscaled_is_tried_again),
        IN_NAMESPACE(test_slow_tailscaled_is_waited_for),
        IN_NAMESPACE(test_exit_node_of_others_is_left_and_waited_for),
        IN_NAMESPACE(test_other_exit_node_comes_back),
        IN_NAMESPACE(test_prefs_of_two_operations),
        IN_NAMESPACE(test_accepted_routes_there_and_back),
        IN_NAMESPACE(test_advertised_routes_there_and_back),
        IN_NAMESPACE(test_table_is_waited_for),
        IN_NAMESPACE(test_table_settles),
        IN_NAMESPACE(test_accepted_routes_left),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
