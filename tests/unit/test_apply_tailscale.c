/*
 * test_apply_tailscale: Tailscale's preferences there and back, and table 52 behind them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/apply_drift.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_tailscaled.h"
#include "tests/unit/netns.h"

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
    fake_tailscaled_questions(fake);
    apply_case_undo(&item, REVERT_DONE);
    assert_int_equal(fake_tailscaled_questions(fake), 3); /* prefs, status, and what it answers */
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

/* ---- `tailscale switch` -----------------------------------------------------------------------
 */

/* What is current by then is somebody else's, also where it says the same; and where the change was
 * made it still stands, so it is not over either. */
static void test_another_profile_is_left_and_waited_for(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;
    const char *why;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_switch(fake, 1);
    fake_tailscaled_set_exit_node(fake, "nEXIT");
    fake_tailscaled_allow_lan(fake, true);
    assert_false(apply_is_settled(&apply_case, &item, 1, &err));
    assert_non_null(strstr(err.text, "lab@example"));
    err = (struct err)ERR_INIT;
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_non_null(strstr(why, "lab@example"));
    assert_non_null(strstr(why, "work@example"));
    assert_string_equal(fake_tailscaled_exit_node(fake), "nEXIT");
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_false(apply_undo_again(&apply_case, &item, 1));
    assert_string_equal(fake_tailscaled_exit_node(fake), "nEXIT");
    fake_tailscaled_switch(fake, 0);
    apply_case_undo(&item, REVERT_DONE);
    assert_string_equal(fake_tailscaled_exit_node(fake), "");
    apply_case_check("");
    err = (struct err)ERR_INIT;
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* As before it is, but not where the change was made. */
static void test_another_profile_as_before_is_no_proof(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_switch(fake, 1);
    apply_case_check("");
    apply_case_undo(&item, REVERT_RETRY);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "lab@example"));
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* With it went what was set there. */
static void test_a_profile_that_is_gone_is_not_waited_for(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    fake_tailscaled_switch(fake, 1);
    fake_tailscaled_allow_lan(fake, true);
    fake_tailscaled_remove_profile(fake, 0);
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "lab@example"));
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* The same one by tailscaled's own ID: taken back there, at the first try. */
static void test_a_profile_that_was_registered_anew_is_the_same(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    text_copy(item.before.tailscale.profile.node_id, TAILSCALE_ID_SIZE, "nBEFORE");
    text_copy(item.before.tailscale.profile.id, TAILSCALE_PROFILE_SIZE, "00a0");
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

static void test_another_profile_is_not_begun_in(void **state)
{
    struct fake_tailscaled *fake = begin_tailscale();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_derive(&use_exit_node, &item);
    fake_tailscaled_switch(fake, 1);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "changed since it was planned"));
    assert_string_equal(fake_tailscaled_exit_node(fake), "");
    undo_item_done(&item);
    fake_tailscaled_stop(fake);
}

/* What another one has says nothing of what was confirmed. */
static void test_another_profile_is_no_drift(void **state)
{
    static char lines[APPLY_DRIFT_MAX][SENTENCE_SIZE];
    struct fake_tailscaled *fake = begin_tailscale();
    struct tailscale_profile home;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    apply_case_run(&use_exit_node, &item);
    home = item.before.tailscale.profile;
    assert_int_equal(apply_find_drift(&apply_case, &item.change, 1, &home, lines), 0);
    fake_tailscaled_switch(fake, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(apply_find_drift(&apply_case, &item.change, 1, &home, lines), 1);
        assert_non_null(strstr(lines[0], "? could not be read: tailscale: exit node tethys"));
        assert_non_null(strstr(lines[0], "lab@example"));
        fake_tailscaled_set_exit_node(fake, "nEXIT");
        fake_tailscaled_allow_lan(fake, true);
    }
    undo_item_done(&item);
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
        IN_NAMESPACE(test_exit_node_there_and_back),
        IN_NAMESPACE(test_exit_node_with_its_route_left),
        IN_NAMESPACE(test_silent_tailscaled_is_tried_again),
        IN_NAMESPACE(test_slow_tailscaled_is_waited_for),
        IN_NAMESPACE(test_exit_node_of_others_is_left_and_waited_for),
        IN_NAMESPACE(test_other_exit_node_comes_back),
        IN_NAMESPACE(test_prefs_of_two_operations),
        IN_NAMESPACE(test_another_profile_is_left_and_waited_for),
        IN_NAMESPACE(test_another_profile_as_before_is_no_proof),
        IN_NAMESPACE(test_a_profile_that_is_gone_is_not_waited_for),
        IN_NAMESPACE(test_a_profile_that_was_registered_anew_is_the_same),
        IN_NAMESPACE(test_another_profile_is_not_begun_in),
        IN_NAMESPACE(test_another_profile_is_no_drift),
        IN_NAMESPACE(test_accepted_routes_there_and_back),
        IN_NAMESPACE(test_advertised_routes_there_and_back),
        IN_NAMESPACE(test_table_is_waited_for),
        IN_NAMESPACE(test_table_settles),
        IN_NAMESPACE(test_accepted_routes_left),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
