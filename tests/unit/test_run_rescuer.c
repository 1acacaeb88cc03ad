/*
 * test_run_rescuer: whose mark `rescued` is, and when it is nobody's: a number alone names many
 * processes, one after the other.
 */
#include "agent/guard/io/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/text.h"

static struct guard_config config;
static char folder[64], mark[RUN_PATH_SIZE];
static pid_t child;
static int end = -1;

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/oceanid-rescuer-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(config.socket, sizeof(config.socket), "%s/guard.sock", folder);
    run_path(&config, "rescued", mark, sizeof(mark));
    child = 0;
    return 0;
}

static void stop(void)
{
    int status;

    if (child == 0)
        return;
    close(end);
    assert_int_equal(waitpid(child, &status, 0), child);
    child = 0;
}

static int tear_down(void **state)
{
    (void)state;
    stop();
    unlink(mark);
    return rmdir(folder);
}

/* A process under that name that has done something, and waits; uid 0: it stays who it is. */
static void start(const char *name, uid_t uid, bool marks)
{
    struct err err = ERR_INIT;
    int ready[2], ends[2];
    char byte = 0;

    assert_true(pipe(ready) == 0 && pipe(ends) == 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[1]);
        prctl(PR_SET_NAME, name);
        if ((uid != 0 && setuid(uid) != 0) || (marks && !run_mark_rescue(&config, &err)) ||
            write(ready[1], &byte, 1) != 1)
            _exit(1);
        byte = (char)read(ends[0], &byte, 1);
        _exit(0);
    }
    close(ready[1]);
    close(ends[0]);
    end = ends[1];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static void put(const char *word)
{
    struct err err = ERR_INIT;

    if (!run_put_link(mark, word, &err))
        fail_msg("%s", err.text);
}

static bool is_there(void)
{
    char word[64];

    return readlink(mark, word, sizeof(word)) > 0;
}

/* Nobody is at work, and the mark is gone, or stays. */
static void expect_nobody(bool stays)
{
    assert_int_equal(run_rescuer(&config), 0);
    assert_false(run_is_superseded(&config));
    assert_int_equal(is_there(), stays);
}

static void ones_own_supersedes_nobody(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    expect_nobody(false);
    assert_true(run_mark_rescue(&config, &err));
    assert_int_equal(run_rescuer(&config), getpid());
    assert_false(run_is_superseded(&config));
    run_unmark_rescue(&config);
    expect_nobody(false);
}

static void anothers_does_as_long_as_it_lives(void **state)
{
    (void)state;
    start("whoever", 0, true);
    assert_int_equal(run_rescuer(&config), child);
    assert_true(run_is_superseded(&config));
    run_unmark_rescue(&config); /* it is not ours to take away */
    assert_true(is_there());
    stop();
    expect_nobody(false);
}

/* Nobody has asked yet how it ended. */
static void one_that_has_ended_does_not_wait_for_its_parent(void **state)
{
    siginfo_t info;

    (void)state;
    start("whoever", 0, true);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    expect_nobody(false);
}

/* It made this one, which goes on with its work. */
static void ones_parent_supersedes_nobody(void **state)
{
    struct err err = ERR_INIT;
    int status;
    pid_t pid;

    (void)state;
    assert_true(run_mark_rescue(&config, &err));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run_rescuer(&config) != getppid() || run_is_superseded(&config));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The number has come round again: whoever has it now began at another time. */
static void a_number_that_is_anothers_by_now_is_nobodys(void **state)
{
    char word[48];

    (void)state;
    start("oceanid-rollback", 0, false);
    snprintf(word, sizeof(word), "%d:1", (int)child);
    put(word);
    expect_nobody(false);
}

/* As an older version left it, or where /proc was not to be had. */
static void a_number_alone_is_a_roots_rollback(void **state)
{
    char word[48];

    (void)state;
    if (getuid() != 0)
        skip();
    start("oceanid-rollback", 0, false);
    snprintf(word, sizeof(word), "%d", (int)child);
    put(word);
    assert_int_equal(run_rescuer(&config), child);
    assert_true(is_there());
    stop();
    start("oceanid-guard", 0, false);
    snprintf(word, sizeof(word), "%d", (int)child);
    put(word);
    expect_nobody(false);
    stop();
    start("oceanid-rollback", 65534, false); /* anybody may call himself that */
    snprintf(word, sizeof(word), "%d", (int)child);
    put(word);
    expect_nobody(false);
}

/* Its name is anything, brackets and spaces too. */
static void whatever_it_is_called(void **state)
{
    (void)state;
    start("a) Z 1 (b", 0, true);
    assert_int_equal(run_rescuer(&config), child);
}

static void a_mark_that_names_nobody_is_left(void **state)
{
    static const char *const words[] = {"nonsense", "-7:3", "1:1", "0"};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        put(words[i]);
        expect_nobody(true);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(ones_own_supersedes_nobody),
        IN_FOLDER(anothers_does_as_long_as_it_lives),
        IN_FOLDER(one_that_has_ended_does_not_wait_for_its_parent),
        IN_FOLDER(ones_parent_supersedes_nobody),
        IN_FOLDER(a_number_that_is_anothers_by_now_is_nobodys),
        IN_FOLDER(a_number_alone_is_a_roots_rollback),
        IN_FOLDER(whatever_it_is_called),
        IN_FOLDER(a_mark_that_names_nobody_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
