/*
 * test_apply_file: configuration files on trial, confirmed, taken back; with every kind of bus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/apply_file.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_bus.h"
#include "tests/unit/file_case.h"

#define PLAN "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n"

static void keep(const struct undo_item *item, bool expect_left)
{
    struct err err = ERR_INIT;
    bool left;

    assert_string_equal(apply_file_keep(&apply_case, item, &left, &err) ? "" : err.text, "");
    assert_int_equal(left, expect_left);
}

/* ---- the way of a new file --------------------------------------------------------------------
 */

static void test_trial_lies_in_run(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    file_case_check_file(DROP_IN_TRIAL, ROUTE_7, 0644);
    file_case_check_file(DROP_IN, NULL, 0);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 0);
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_restored(&item);
    file_case_check_names("");
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 2);
    file_case_run("test ! -d run/systemd/network/10-eth0.network.d");
    undo_item_done(&item);
}

/* What is in effect already is not read again, or networkd would set the interface up anew. */
static void test_confirmed_goes_to_etc(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    keep(&item, false);
    file_case_check_file(DROP_IN, ROUTE_7, 0644);
    file_case_check_file(DROP_IN_TRIAL, NULL, 0);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    keep(&item, false);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_restored(&item);
    file_case_check_names("");
    undo_item_done(&item);
}

/* The power went between the record and the file: nothing in /run, nothing in /etc. */
static void test_confirmed_comes_back_after_power_loss(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    struct err err = ERR_INIT;
    bool left;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    file_case_run("rm -r run/systemd/network/*");
    fake_bus_refuse(FAKE_NETWORKD, true);
    assert_false(apply_file_keep(&apply_case, &item, &left, &err));
    assert_non_null(strstr(err.text, "not today; done at the next boot"));
    file_case_check_file(DROP_IN, ROUTE_7, 0644);
    fake_bus_refuse(FAKE_NETWORKD, false);
    keep(&item, false); /* by the next guard, which finds it written */
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 3);
    keep(&item, false);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 3);
    file_case_check_names("etc/systemd/network/10-eth0.network.d/50-route.conf ");
    undo_item_done(&item);
}

/* ---- one that is there already ----------------------------------------------------------------
 */

/* networkd reads /etc's first, so it is changed in place; the journal has what was there. */
static void test_networkd_is_changed_in_place(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_6);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, ROUTE_7, 0640);
    file_case_try_it(&operation, &item);
    file_case_check_file(DROP_IN, ROUTE_6, 0640);
    file_case_check_file(DROP_IN_TRIAL, NULL, 0);
    keep(&item, false);
    file_case_check_file(DROP_IN, ROUTE_6, 0640);
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_file(DROP_IN, ROUTE_7, 0640);
    file_case_check_restored(&item);
    undo_item_done(&item);
}

static void test_networkd_takes_away_in_place(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, NULL);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, ROUTE_7, 0644);
    file_case_try_it(&operation, &item);
    file_case_check_names("");
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_file(DROP_IN, ROUTE_7, 0644);
    undo_item_done(&item);
}

static void test_netplan_is_shadowed(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, PLAN);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_write_file(NETPLAN, "network:\n  version: 2\n", 0600);
    file_case_try_it(&operation, &item);
    file_case_check_file(NETPLAN, "network:\n  version: 2\n", 0600);
    file_case_check_file(NETPLAN_TRIAL, PLAN, 0600);
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 1);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    keep(&item, false);
    file_case_check_file(NETPLAN, PLAN, 0600);
    file_case_check_names("etc/netplan/60-x.yaml ");
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_file(NETPLAN, "network:\n  version: 2\n", 0600);
    file_case_check_names("etc/netplan/60-x.yaml ");
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 2);
    undo_item_done(&item);
}

static void test_netplan_takes_away_by_a_shadow(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, NULL);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_write_file(NETPLAN, PLAN, 0600);
    file_case_try_it(&operation, &item);
    file_case_check_file(NETPLAN, PLAN, 0600);
    keep(&item, false);
    file_case_check_names("");
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_file(NETPLAN, PLAN, 0600);
    file_case_check_names("etc/netplan/60-x.yaml ");
    undo_item_done(&item);
}

/* ---- others -----------------------------------------------------------------------------------
 */

static void test_what_others_changed_is_left(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, PLAN);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    file_case_write_file(NETPLAN, "network:\n  version: 2\n  renderer: networkd\n", 0600);
    keep(&item, true);
    file_case_check_file(NETPLAN_TRIAL, PLAN, 0600);
    apply_case_undo(&item, REVERT_LEFT); /* its own goes, theirs stays */
    file_case_check_names("etc/netplan/60-x.yaml ");
    file_case_write_file(NETPLAN_TRIAL, "theirs\n", 0600);
    why = apply_case_undo(&item, REVERT_LEFT);
    assert_string_equal(why, "expected at " NETPLAN " none as before, found one of 43 bytes");
    file_case_check_file(NETPLAN_TRIAL, "theirs\n", 0600);
    undo_item_done(&item);
}

/* In place: what was there is the journal's, what is there now is theirs; ours stands nowhere. */
static void test_what_others_changed_in_place_is_left(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_6);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, ROUTE_7, 0640);
    file_case_try_it(&operation, &item);
    file_case_write_file(DROP_IN, ROUTE_7 ROUTE_6, 0640);
    keep(&item, true);
    why = apply_case_undo(&item, REVERT_LEFT);
    assert_string_equal(why,
                        "expected at " DROP_IN " one of 33 bytes as before, found one of 66 bytes");
    file_case_check_file(DROP_IN, ROUTE_7 ROUTE_6, 0640);
    file_case_write_file(DROP_IN, ROUTE_6, 0600); /* altered back, but for its mode */
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_file(DROP_IN, ROUTE_7, 0640);
    file_case_check_restored(&item);
    undo_item_done(&item);
}

/* The one in /etc stands below ours: both people's word stays, our shadow goes. */
static void test_what_others_changed_below_a_shadow_is_left(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, PLAN);
    struct undo_item item;

    NEEDS_ROOT();
    file_case_write_file(NETPLAN, "network:\n  version: 2\n", 0600);
    file_case_try_it(&operation, &item);
    file_case_write_file(NETPLAN, "network:\n  version: 2\n  renderer: networkd\n", 0600);
    apply_case_undo(&item, REVERT_LEFT);
    file_case_check_file(NETPLAN, "network:\n  version: 2\n  renderer: networkd\n", 0600);
    file_case_check_file(NETPLAN_TRIAL, NULL, 0);
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 2);
    undo_item_done(&item);
}

/* Refused before anything; the message says what was seen. */
static void refuse(const struct operation *operation, const char *part)
{
    struct snapshot now;
    struct err err = ERR_INIT;

    snapshot_init(&now);
    assert_true(apply_file_read(&apply_case, operation, &now, &err));
    assert_false(operation_check(operation, &now, &err));
    if (strstr(err.text, part) == NULL)
        assert_string_equal(err.text, part);
    snapshot_done(&now);
}

static void test_refused_before_anything(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, PLAN);

    NEEDS_ROOT();
    file_case_write_file(NETPLAN_TRIAL, "theirs\n", 0600);
    refuse(&operation, "put by somebody else");
    file_case_run("rm run/netplan/60-x.yaml");
    file_case_write_file(NETPLAN, "x\n", 0600);
    file_case_run("chown 12:34 ." NETPLAN);
    refuse(&operation, "belongs to user 12 and group 34");
    file_case_run("rm ." NETPLAN);
    file_case_run("ln -s /dev/null ." NETPLAN);
    refuse(&operation, "accepted is a regular file");
    file_case_run("rm -r etc/netplan");
    refuse(&operation, "/etc/netplan is not there");
    file_case_check_names("");
}

/* ---- the bus ----------------------------------------------------------------------------------
 */

/* Nobody would read it: nothing stays of it. */
static void test_networkd_must_run(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    fake_bus_end(FAKE_NETWORKD);
    file_case_derive(&operation, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "network1: it does not run"));
    file_case_check_names("");
    apply_case_undo(&item, REVERT_DONE); /* it reads its files when it starts */
    undo_item_done(&item);
}

/* As after a restart of D-Bus: it runs with what it has read, and cannot be told. */
static void test_networkd_that_left_the_bus_has_not_read_it(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    fake_bus_end(FAKE_NETWORKD);
    fake_bus_set_state("active");
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_non_null(strstr(why, "it is active, but not on D-Bus"));
    file_case_check_names("");
    fake_bus_set_state("failed");
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

/* The file is back at once; that it was not read is open until it was. */
static void test_no_bus_leaves_the_reload_open(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    apply_case.bus = "unix:path=/nowhere/bus";
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_non_null(strstr(why, "Reload of org.freedesktop.network1: no D-Bus"));
    assert_non_null(strstr(why, "oceanid-rollback --finish"));
    file_case_check_names("");
    apply_case.bus = fake_bus_address();
    apply_case_undo(&item, REVERT_DONE);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 2);
    undo_item_done(&item);
}

/* A bus that lets nobody in holds up nothing longer than the limit. */
static void test_frozen_bus_is_given_up(void **state)
{
    struct operation operation = file_case_operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    mono_t began;
    const char *why;

    NEEDS_ROOT();
    file_case_try_it(&operation, &item);
    fake_bus_freeze(true);
    began = clock_now();
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_in_range(clock_now() - began, 1900, 4000);
    assert_non_null(strstr(why, "no answer over D-Bus in 2000 ms"));
    file_case_check_names("");
    fake_bus_freeze(false);
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

static void test_refusal_is_handed_on(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, PLAN);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    fake_bus_refuse(FAKE_SYSTEMD, true);
    file_case_derive(&operation, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "systemd1: not today"));
    file_case_check_names("");
    undo_item_done(&item);
}

/* netplan's generator fails, systemd does not say so, and what was generated before stays until the
 * next boot: proofs would say nothing of the new content. */
static void test_netplan_must_have_read_it(void **state)
{
    struct operation operation = file_case_operation_of(NETPLAN, PLAN);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    file_case_derive(&operation, &item);
    fake_bus_fail_netplan(true);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, NETPLAN ": netplan has not read its files"));
    file_case_check_names("");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "netplan has not read its files"));
    fake_bus_fail_netplan(false); /* without our file it likes the rest */
    apply_case_undo(&item, REVERT_DONE);
    file_case_check_restored(&item);
    undo_item_done(&item);
}

/* What it did not read before is not the change's fault, and could not be taken back either. */
static void test_netplan_reads_before_anything(void **state)
{
    struct operation netplan = file_case_operation_of(NETPLAN, PLAN);
    struct operation drop_in = file_case_operation_of(DROP_IN, ROUTE_7);
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    assert_true(apply_file_check(&apply_case, &netplan, &err));
    file_case_run("rm run/systemd/generator/netplan.stamp");
    assert_false(apply_file_check(&apply_case, &netplan, &err));
    assert_non_null(strstr(err.text, "netplan has not read its files"));
    assert_non_null(strstr(err.text, "netplan generate"));
    assert_true(apply_file_check(&apply_case, &drop_in, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_case_enter, file_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_trial_lies_in_run),
        TEST(test_confirmed_goes_to_etc),
        TEST(test_confirmed_comes_back_after_power_loss),
        TEST(test_networkd_is_changed_in_place),
        TEST(test_networkd_takes_away_in_place),
        TEST(test_netplan_is_shadowed),
        TEST(test_netplan_takes_away_by_a_shadow),
        TEST(test_what_others_changed_is_left),
        TEST(test_what_others_changed_in_place_is_left),
        TEST(test_what_others_changed_below_a_shadow_is_left),
        TEST(test_refused_before_anything),
        TEST(test_networkd_must_run),
        TEST(test_networkd_that_left_the_bus_has_not_read_it),
        TEST(test_no_bus_leaves_the_reload_open),
        TEST(test_frozen_bus_is_given_up),
        TEST(test_refusal_is_handed_on),
        TEST(test_netplan_must_have_read_it),
        TEST(test_netplan_reads_before_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
