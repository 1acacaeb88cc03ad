/*
 * test_apply_hang: a configuration file whose disk hangs, and what goes on meanwhile.
 *
 * The linker puts this file's fsync, and its open, in the place of the disk that /etc is on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/hand.h"
#include "common/io/clock.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/file_case.h"

#define FORWARDING "net.ipv4.conf.eth0.forwarding"

enum { LATE_MS = 2000, SOON_MS = 1500, PATIENCE_MS = 10000, PACE_MS = 20 };

static atomic_bool *disk_hangs;   /* of processes that are started, too */
static atomic_bool *disk_is_dead; /* nothing there can be opened either */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    char link[64], path[512];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = '\0';
    while (strstr(path, "/etc/") != NULL && atomic_load(disk_hangs))
        poll(NULL, 0, PACE_MS);
    return __real_fsync(fd);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list more;

    va_start(more, flags);
    if (flags & O_CREAT)
        mode = va_arg(more, mode_t);
    va_end(more);
    while (strstr(path, "/etc/") != NULL && atomic_load(disk_is_dead))
        poll(NULL, 0, PACE_MS);
    return __real_open(path, flags, mode);
}

static int enter(void **state)
{
    int failed = file_case_enter(state);

    apply_case.hand = failed == 0 && file_case_has_root ? hand_start() : NULL;
    return failed;
}

static int enter_with_processes(void **state)
{
    static struct hand *hand; /* nothing else keeps it */
    int failed = file_case_enter(state);

    if (hand == NULL)
        hand = hand_start_processes();
    apply_case.hand = failed == 0 && file_case_has_root ? hand : NULL;
    return failed;
}

static int leave(void **state)
{
    atomic_store(disk_hangs, false);
    atomic_store(disk_is_dead, false);
    apply_case.hand = NULL;
    return file_case_leave(state);
}

/* One that stands in /etc already is changed in place. */
static struct operation change_in_place(void)
{
    file_case_run("mkdir etc/systemd/network/10-eth0.network.d");
    file_case_write_file(DROP_IN, ROUTE_7, 0644);
    return file_case_operation_of(DROP_IN, ROUTE_6);
}

static void undo_in(const struct undo_item *item, enum revert_outcome expected, mono_t least_ms,
                    mono_t most_ms)
{
    mono_t began = clock_now();
    const char *why = apply_case_undo(item, expected);

    assert_in_range(clock_now() - began, least_ms, most_ms);
    if (expected == REVERT_RETRY)
        assert_non_null(strstr(why, "its disk does not answer"));
}

static void undo_at_last(const struct undo_item *item)
{
    mono_t until = clock_now() + PATIENCE_MS;
    char why[ERR_TEXT_SIZE] = "";

    while (apply_undo(&apply_case, item, why, sizeof(why)) != REVERT_DONE) {
        if (clock_now() > until)
            fail_msg("not undone: %s", why);
        poll(NULL, 0, PACE_MS);
    }
}

static void an_undo_waits_two_seconds_and_others_go_on(void **state)
{
    struct operation forwarding = apply_case_sysctl(FORWARDING, "1"), operation;
    struct undo_item file, setting;

    NEEDS_ROOT();
    operation = change_in_place();
    apply_case_run(&forwarding, &setting);
    file_case_try_it(&operation, &file);
    atomic_store(disk_hangs, true);
    undo_in(&file, REVERT_RETRY, LATE_MS - 100, LATE_MS + SOON_MS);
    undo_in(&setting, REVERT_DONE, 0, SOON_MS);
    undo_in(&file, REVERT_RETRY, 0, SOON_MS); /* it is still at it: not waited for again */
    atomic_store(disk_hangs, false);
    undo_at_last(&file);
    file_case_check_file(DROP_IN, ROUTE_7, 0644);
    file_case_check_restored(&file);
    undo_item_done(&file);
    undo_item_done(&setting);
}

/* It is not so much as read but by the hand, which is waited for. */
static void a_dead_disk_holds_up_nothing_else(void **state)
{
    static struct hand *hands[2]; /* nothing else keeps them; neither knows of any answer yet */
    struct operation forwarding = apply_case_sysctl(FORWARDING, "1"), operation;
    struct undo_item file, setting;
    int mode;

    NEEDS_ROOT();
    operation = change_in_place();
    apply_case_run(&forwarding, &setting);
    file_case_try_it(&operation, &file);
    mode = hands[0] != NULL;
    hands[mode] = mode == 0 ? hand_start() : hand_start_processes();
    apply_case.hand = hands[mode];
    atomic_store(disk_is_dead, true);
    undo_in(&file, REVERT_RETRY, LATE_MS - 100, LATE_MS + SOON_MS);
    undo_in(&setting, REVERT_DONE, 0, SOON_MS);
    undo_in(&file, REVERT_RETRY, 0, SOON_MS);
    atomic_store(disk_is_dead, false);
    undo_at_last(&file);
    file_case_check_file(DROP_IN, ROUTE_7, 0644);
    file_case_check_restored(&file);
    undo_item_done(&file);
    undo_item_done(&setting);
}

static void what_lies_in_run_waits_for_no_disk(void **state)
{
    struct operation operation, other;
    struct undo_item item, in_run;

    NEEDS_ROOT();
    file_case_run("touch run/systemd/generator/netplan.stamp");
    operation = change_in_place();
    other = file_case_operation_of(NETPLAN, "network:\n  version: 2\n");
    file_case_try_it(&operation, &item);
    file_case_try_it(&other, &in_run);
    atomic_store(disk_hangs, true);
    undo_in(&item, REVERT_RETRY, LATE_MS - 100, LATE_MS + SOON_MS);
    undo_in(&in_run, REVERT_DONE, 0, SOON_MS);
    file_case_check_file(NETPLAN_TRIAL, NULL, 0);
    atomic_store(disk_hangs, false);
    undo_at_last(&item);
    undo_item_done(&item);
    undo_item_done(&in_run);
}

/* Else it would come, whenever the disk answers, after all was said to be back. */
static void what_was_begun_is_not_said_to_be_back(void **state)
{
    struct err err = ERR_INIT;
    struct operation operation;
    struct undo_item item;

    NEEDS_ROOT();
    operation = change_in_place();
    file_case_derive(&operation, &item);
    atomic_store(disk_hangs, true);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "its disk does not answer"));
    file_case_check_file(DROP_IN, ROUTE_7, 0644); /* as before, for now */
    undo_in(&item, REVERT_RETRY, 0, SOON_MS);
    atomic_store(disk_hangs, false);
    undo_at_last(&item);
    file_case_check_file(DROP_IN, ROUTE_7, 0644);
    file_case_check_restored(&item);
    undo_item_done(&item);
}

static void a_confirmed_one_is_kept_later(void **state)
{
    struct err err = ERR_INIT;
    struct operation operation;
    struct undo_item item;
    mono_t began;
    bool left;

    NEEDS_ROOT();
    operation = file_case_operation_of(DROP_IN, ROUTE_7);
    file_case_try_it(&operation, &item); /* it lies in /run, which is no disk */
    atomic_store(disk_hangs, true);
    began = clock_now();
    assert_false(apply_file_keep(&apply_case, &item, &left, &err));
    assert_in_range(clock_now() - began, 0, LATE_MS + SOON_MS);
    undo_in(&item, REVERT_RETRY, 0, SOON_MS);
    atomic_store(disk_hangs, false);
    undo_at_last(&item);
    file_case_check_names("");
    undo_item_done(&item);
}

/* Whoever goes on with it has the journal, and whoever waits for the end of a pipe sees it. */
static void what_hangs_holds_nothing_open(void **state)
{
    struct operation operation;
    struct undo_item item;
    char byte;
    int ends[2];

    NEEDS_ROOT();
    operation = change_in_place();
    file_case_try_it(&operation, &item);
    atomic_store(disk_hangs, true);
    assert_int_equal(pipe(ends), 0);
    undo_in(&item, REVERT_RETRY, LATE_MS - 100, LATE_MS + SOON_MS);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    atomic_store(disk_hangs, false);
    undo_at_last(&item);
    undo_item_done(&item);
}

/* As a rescue does it: a process for each. */
/* clang-format off */
#define AGAIN(test) {.name = #test " in a process", .test_func = test, \
                     .setup_func = enter_with_processes, .teardown_func = leave}
/* clang-format on */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_undo_waits_two_seconds_and_others_go_on, enter, leave),
        cmocka_unit_test_setup_teardown(what_lies_in_run_waits_for_no_disk, enter, leave),
        cmocka_unit_test_setup_teardown(what_was_begun_is_not_said_to_be_back, enter, leave),
        cmocka_unit_test_setup_teardown(a_confirmed_one_is_kept_later, enter, leave),
        cmocka_unit_test_setup_teardown(a_dead_disk_holds_up_nothing_else, enter, leave),
        AGAIN(an_undo_waits_two_seconds_and_others_go_on),
        AGAIN(a_dead_disk_holds_up_nothing_else),
        AGAIN(what_lies_in_run_waits_for_no_disk),
        AGAIN(what_was_begun_is_not_said_to_be_back),
        AGAIN(a_confirmed_one_is_kept_later),
        AGAIN(what_hangs_holds_nothing_open),
    };

    disk_hangs = mmap(NULL, 2 * sizeof(*disk_hangs), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    disk_is_dead = &disk_hangs[1];

    return cmocka_run_group_tests_name("apply_hang", tests, NULL, NULL);
}
