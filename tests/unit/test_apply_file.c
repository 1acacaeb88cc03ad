/*
 * test_apply_file: configuration files on trial, confirmed, taken back; with every kind of bus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/apply_file.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_bus.h"

#define NETPLAN "/etc/netplan/60-x.yaml"
#define NETPLAN_TRIAL "/run/netplan/60-x.yaml"
#define DROP_IN "/etc/systemd/network/10-eth0.network.d/50-route.conf"
#define DROP_IN_TRIAL "/run/systemd/network/10-eth0.network.d/50-route.conf"
#define ROUTE_7 "[Route]\nDestination=198.51.100.7\n"
#define ROUTE_6 "[Route]\nDestination=198.51.100.6\n"
#define PLAN "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n"

static char root[] = "/tmp/oceanid-files-XXXXXX";
static bool has_root;

/* A line of a shell, in the root. */
static void run(const char *words)
{
    char line[512];

    snprintf(line, sizeof(line), "cd %s && %s", root, words);
    assert_int_equal(system(line), 0);
}

static int enter(void **state)
{
    if (apply_case_enter(state) != 0)
        return -1;
    has_root = geteuid() == 0;
    if (!has_root)
        return 0;
    memcpy(root + strlen(root) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(root));
    run("mkdir -p etc/netplan etc/systemd/network run/netplan run/systemd/network "
        "run/systemd/generator");
    fake_bus_start(root);
    apply_case.root = root;
    apply_case.bus = fake_bus_address();
    return 0;
}

static int leave(void **state)
{
    if (has_root) {
        fake_bus_stop();
        run("rm -r \"$PWD\"");
    }
    apply_case.root = apply_case.bus = NULL;
    return apply_case_leave(state);
}

static void path_of(const char *name, char *to, size_t size)
{
    snprintf(to, size, "%s%s", root, name);
}

static void write_file(const char *name, const char *content, mode_t mode)
{
    char path[256];
    FILE *file;

    path_of(name, path, sizeof(path));
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* content NULL: it is not there. */
static void check_file(const char *name, const char *content, mode_t mode)
{
    char path[256], found[8192];
    struct stat stat;
    FILE *file;

    path_of(name, path, sizeof(path));
    if (content == NULL) {
        assert_int_not_equal(access(path, F_OK), 0);
        return;
    }
    file = fopen(path, "r");
    assert_non_null(file);
    found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, content);
    assert_int_equal(lstat(path, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, mode);
}

/* Whatever stands in the two folders, in alphabetical order. */
static void check_names(const char *names)
{
    char line[512], found[1024] = "";
    FILE *from;
    size_t len;

    snprintf(line, sizeof(line),
             "cd %s && find etc run -type f ! -name netplan.stamp | LC_ALL=C sort | tr '\\n' ' '",
             root);
    from = popen(line, "r");
    len = fread(found, 1, sizeof(found) - 1, from);
    found[len] = '\0';
    pclose(from);
    assert_string_equal(found, names);
}

static struct operation operation_of(const char *path, const char *content)
{
    struct operation operation = {.kind = OPERATION_FILE};

    operation.file.absent = content == NULL;
    text_copy(operation.file.path, FILE_PATH_SIZE, path);
    text_copy(operation.file.content, FILE_CONTENT_SIZE, content != NULL ? content : "");
    return operation;
}

static void derive(const struct operation *operation, struct undo_item *item)
{
    struct snapshot now;
    struct err err = ERR_INIT;

    snapshot_init(&now);
    assert_true(apply_file_read(&apply_case, operation, &now, &err));
    assert_string_equal(operation_check(operation, &now, &err) ? "" : err.text, "");
    undo_derive(operation, 0, &now, item);
    snapshot_done(&now);
}

static void try_it(const struct operation *operation, struct undo_item *item)
{
    struct err err = ERR_INIT;

    derive(operation, item);
    assert_string_equal(apply_run(&apply_case, item, &err) ? "" : err.text, "");
    assert_true(item->has_after);
}

static void keep(const struct undo_item *item, bool expect_left)
{
    struct err err = ERR_INIT;
    bool left;

    assert_string_equal(apply_file_keep(&apply_case, item, &left, &err) ? "" : err.text, "");
    assert_int_equal(left, expect_left);
}

static void check_restored(const struct undo_item *item)
{
    struct err err = ERR_INIT;

    assert_string_equal(apply_is_restored(&apply_case, item, 1, NULL, 0, 0, &err) ? "" : err.text,
                        "");
}

#define NEEDS_ROOT()                                                                               \
    (void)state;                                                                                   \
    if (!has_root)                                                                                 \
    return

/* ---- the way of a new file --------------------------------------------------------------------
 */

static void test_trial_lies_in_run(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;

    NEEDS_ROOT();
    try_it(&operation, &item);
    check_file(DROP_IN_TRIAL, ROUTE_7, 0644);
    check_file(DROP_IN, NULL, 0);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 0);
    apply_case_undo(&item, REVERT_DONE);
    check_restored(&item);
    check_names("");
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 2);
    run("test ! -d run/systemd/network/10-eth0.network.d");
    undo_item_done(&item);
}

/* What is in effect already is not read again, or networkd would set the interface up anew. */
static void test_confirmed_goes_to_etc(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;

    NEEDS_ROOT();
    try_it(&operation, &item);
    keep(&item, false);
    check_file(DROP_IN, ROUTE_7, 0644);
    check_file(DROP_IN_TRIAL, NULL, 0);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    keep(&item, false);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    apply_case_undo(&item, REVERT_DONE);
    check_restored(&item);
    check_names("");
    undo_item_done(&item);
}

/* The power went between the record and the file: nothing in /run, nothing in /etc. */
static void test_confirmed_comes_back_after_power_loss(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    struct err err = ERR_INIT;
    bool left;

    NEEDS_ROOT();
    try_it(&operation, &item);
    run("rm -r run/systemd/network/*");
    fake_bus_refuse(FAKE_NETWORKD, true);
    assert_false(apply_file_keep(&apply_case, &item, &left, &err));
    assert_non_null(strstr(err.text, "not today; done at the next boot"));
    check_file(DROP_IN, ROUTE_7, 0644);
    fake_bus_refuse(FAKE_NETWORKD, false);
    keep(&item, false); /* by the next guard, which finds it written */
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 3);
    keep(&item, false);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 3);
    check_names("etc/systemd/network/10-eth0.network.d/50-route.conf ");
    undo_item_done(&item);
}

/* ---- one that is there already ----------------------------------------------------------------
 */

/* networkd reads /etc's first, so it is changed in place; the journal has what was there. */
static void test_networkd_is_changed_in_place(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_6);
    struct undo_item item;

    NEEDS_ROOT();
    run("mkdir etc/systemd/network/10-eth0.network.d");
    write_file(DROP_IN, ROUTE_7, 0640);
    try_it(&operation, &item);
    check_file(DROP_IN, ROUTE_6, 0640);
    check_file(DROP_IN_TRIAL, NULL, 0);
    keep(&item, false);
    check_file(DROP_IN, ROUTE_6, 0640);
    apply_case_undo(&item, REVERT_DONE);
    check_file(DROP_IN, ROUTE_7, 0640);
    check_restored(&item);
    undo_item_done(&item);
}

static void test_networkd_takes_away_in_place(void **state)
{
    struct operation operation = operation_of(DROP_IN, NULL);
    struct undo_item item;

    NEEDS_ROOT();
    run("mkdir etc/systemd/network/10-eth0.network.d");
    write_file(DROP_IN, ROUTE_7, 0644);
    try_it(&operation, &item);
    check_names("");
    apply_case_undo(&item, REVERT_DONE);
    check_file(DROP_IN, ROUTE_7, 0644);
    undo_item_done(&item);
}

static void test_netplan_is_shadowed(void **state)
{
    struct operation operation = operation_of(NETPLAN, PLAN);
    struct undo_item item;

    NEEDS_ROOT();
    write_file(NETPLAN, "network:\n  version: 2\n", 0600);
    try_it(&operation, &item);
    check_file(NETPLAN, "network:\n  version: 2\n", 0600);
    check_file(NETPLAN_TRIAL, PLAN, 0600);
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 1);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 1);
    keep(&item, false);
    check_file(NETPLAN, PLAN, 0600);
    check_names("etc/netplan/60-x.yaml ");
    apply_case_undo(&item, REVERT_DONE);
    check_file(NETPLAN, "network:\n  version: 2\n", 0600);
    check_names("etc/netplan/60-x.yaml ");
    assert_int_equal(fake_bus_reloads(FAKE_SYSTEMD), 2);
    undo_item_done(&item);
}

static void test_netplan_takes_away_by_a_shadow(void **state)
{
    struct operation operation = operation_of(NETPLAN, NULL);
    struct undo_item item;

    NEEDS_ROOT();
    write_file(NETPLAN, PLAN, 0600);
    try_it(&operation, &item);
    check_file(NETPLAN, PLAN, 0600);
    keep(&item, false);
    check_names("");
    apply_case_undo(&item, REVERT_DONE);
    check_file(NETPLAN, PLAN, 0600);
    check_names("etc/netplan/60-x.yaml ");
    undo_item_done(&item);
}

/* ---- others -----------------------------------------------------------------------------------
 */

static void test_what_others_changed_is_left(void **state)
{
    struct operation operation = operation_of(NETPLAN, PLAN);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    try_it(&operation, &item);
    write_file(NETPLAN, "network:\n  version: 2\n  renderer: networkd\n", 0600);
    keep(&item, true);
    check_file(NETPLAN_TRIAL, PLAN, 0600);
    apply_case_undo(&item, REVERT_LEFT); /* its own goes, theirs stays */
    check_names("etc/netplan/60-x.yaml ");
    write_file(NETPLAN_TRIAL, "theirs\n", 0600);
    why = apply_case_undo(&item, REVERT_LEFT);
    assert_string_equal(why, "expected at " NETPLAN " none as before, found one of 43 bytes");
    check_file(NETPLAN_TRIAL, "theirs\n", 0600);
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
    struct operation operation = operation_of(NETPLAN, PLAN);

    NEEDS_ROOT();
    write_file(NETPLAN_TRIAL, "theirs\n", 0600);
    refuse(&operation, "put by somebody else");
    run("rm run/netplan/60-x.yaml");
    write_file(NETPLAN, "x\n", 0600);
    run("chown 12:34 ." NETPLAN);
    refuse(&operation, "belongs to user 12 and group 34");
    run("rm ." NETPLAN);
    run("ln -s /dev/null ." NETPLAN);
    refuse(&operation, "accepted is a regular file");
    run("rm -r etc/netplan");
    refuse(&operation, "/etc/netplan is not there");
    check_names("");
}

/* ---- the bus ----------------------------------------------------------------------------------
 */

/* Nobody would read it: nothing stays of it. */
static void test_networkd_must_run(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    fake_bus_end(FAKE_NETWORKD);
    derive(&operation, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "network1: it does not run"));
    check_names("");
    apply_case_undo(&item, REVERT_DONE); /* it reads its files when it starts */
    undo_item_done(&item);
}

/* As after a restart of D-Bus: it runs with what it has read, and cannot be told. */
static void test_networkd_that_left_the_bus_has_not_read_it(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    try_it(&operation, &item);
    fake_bus_end(FAKE_NETWORKD);
    fake_bus_set_state("active");
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_non_null(strstr(why, "it is active, but not on D-Bus"));
    check_names("");
    fake_bus_set_state("failed");
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

/* The file is back at once; that it was not read is open until it was. */
static void test_no_bus_leaves_the_reload_open(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    const char *why;

    NEEDS_ROOT();
    try_it(&operation, &item);
    apply_case.bus = "unix:path=/nowhere/bus";
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_non_null(strstr(why, "Reload of org.freedesktop.network1: no D-Bus"));
    assert_non_null(strstr(why, "oceanid-rollback --finish"));
    check_names("");
    apply_case.bus = fake_bus_address();
    apply_case_undo(&item, REVERT_DONE);
    assert_int_equal(fake_bus_reloads(FAKE_NETWORKD), 2);
    undo_item_done(&item);
}

/* A bus that lets nobody in holds up nothing longer than the limit. */
static void test_frozen_bus_is_given_up(void **state)
{
    struct operation operation = operation_of(DROP_IN, ROUTE_7);
    struct undo_item item;
    mono_t began;
    const char *why;

    NEEDS_ROOT();
    try_it(&operation, &item);
    fake_bus_freeze(true);
    began = clock_now();
    why = apply_case_undo(&item, REVERT_RETRY);
    assert_in_range(clock_now() - began, 1900, 4000);
    assert_non_null(strstr(why, "no answer over D-Bus in 2000 ms"));
    check_names("");
    fake_bus_freeze(false);
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

static void test_refusal_is_handed_on(void **state)
{
    struct operation operation = operation_of(NETPLAN, PLAN);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    fake_bus_refuse(FAKE_SYSTEMD, true);
    derive(&operation, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "systemd1: not today"));
    check_names("");
    undo_item_done(&item);
}

/* netplan's generator fails, systemd does not say so, and what was generated before stays until the
 * next boot: proofs would say nothing of the new content. */
static void test_netplan_must_have_read_it(void **state)
{
    struct operation operation = operation_of(NETPLAN, PLAN);
    struct undo_item item;
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    derive(&operation, &item);
    fake_bus_fail_netplan(true);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, NETPLAN ": netplan has not read its files"));
    check_names("");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "netplan has not read its files"));
    fake_bus_fail_netplan(false); /* without our file it likes the rest */
    apply_case_undo(&item, REVERT_DONE);
    check_restored(&item);
    undo_item_done(&item);
}

/* What it did not read before is not the change's fault, and could not be taken back either. */
static void test_netplan_reads_before_anything(void **state)
{
    struct operation netplan = operation_of(NETPLAN, PLAN);
    struct operation drop_in = operation_of(DROP_IN, ROUTE_7);
    struct err err = ERR_INIT;

    NEEDS_ROOT();
    assert_true(apply_file_check(&apply_case, &netplan, &err));
    run("rm run/systemd/generator/netplan.stamp");
    assert_false(apply_file_check(&apply_case, &netplan, &err));
    assert_non_null(strstr(err.text, "netplan has not read its files"));
    assert_non_null(strstr(err.text, "netplan generate"));
    assert_true(apply_file_check(&apply_case, &drop_in, &err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

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
