/*
 * test_run_holder: which process that has the journal's lock a rescue, or a guard that starts, may
 * end: a guard and a rescue that only finishes, by their programs; nobody else, whatever number is
 * in the lock.
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
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

enum { PROGRAM_MAX = 256 << 20 };

static struct guard_config config;
static char folder[64], program[128];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/oceanid-run-holder-XXXXXX");
    assert_non_null(mkdtemp(folder));
    text_copy(config.state, sizeof(config.state), folder);
    snprintf(config.socket, sizeof(config.socket), "%s/guard.sock", folder);
    return 0;
}

static void remove_file(const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_file("journal.lock");
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

/* This program under another name, which waits; a child's, so that it can be asked for its end. */
static pid_t start(const char *name, const char *how, const char *word)
{
    AUTO_FREE uint8_t *data = NULL;
    struct err err = ERR_INIT;
    char ready = 0;
    int ends[2];
    size_t len;
    pid_t pid;

    snprintf(program, sizeof(program), "%s/%s", folder, name);
    if (!file_read("/proc/self/exe", PROGRAM_MAX, &data, &len, &err) ||
        !file_write(program, data, len, 0700, &err))
        fail_msg("%s", err.text);
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl(program, program, how, word, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &ready, 1), 1);
    close(ends[0]);
    return pid;
}

/* What the started program does. */
static int wait_here(const char *how)
{
    if (text_equal(how, "deaf"))
        signal(SIGTERM, SIG_IGN);
    if (write(STDOUT_FILENO, "!", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static void name_holder(pid_t pid)
{
    char path[160], text[32];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/journal.lock", folder);
    snprintf(text, sizeof(text), "%d\n", (int)pid);
    if (!file_write(path, text, strlen(text), 0600, &err))
        fail_msg("%s", err.text);
}

/* signal 0: it lives, and is ended here. */
static void expect_ended(pid_t pid, int signal)
{
    int status = 0;

    assert_int_equal(waitpid(pid, &status, WNOHANG), signal != 0 ? pid : 0);
    if (signal != 0) {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), signal);
    } else {
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
    }
    unlink(program);
}

static void a_guard_is_ended_and_gone(void **state)
{
    pid_t pid = start("oceanid-guard", "waits", "");
    struct err err = ERR_INIT;

    (void)state;
    name_holder(pid);
    assert_false(run_end_finisher(&config, &err)); /* it is none */
    if (!run_end_holder(&config, &err))
        fail_msg("%s", err.text);
    expect_ended(pid, SIGKILL);
}

/* Its number was given to another, or somebody has written it there. */
static void whoever_else_the_lock_names_is_left_alone(void **state)
{
    static const struct {
        const char *name, *word;
    } others[] = {{"oceanid-agent", ""},
                  {"oceanid-guardian", ""},
                  {"some-program", "--finish"},
                  {"oceanid-rollback", "--yes"}};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        pid_t pid = start(others[i].name, "waits", others[i].word);
        struct err err = ERR_INIT;

        name_holder(pid);
        assert_false(run_end_finisher(&config, &err));
        assert_false(run_end_holder(&config, &err));
        assert_int_equal(err.kind, ERR_CONFLICT);
        assert_non_null(strstr(err.text, "which is not oceanid-guard: it is left alone"));
        expect_ended(pid, 0);
    }
}

static void a_rescue_that_finishes_is_ended_by_both(void **state)
{
    struct err err = ERR_INIT;
    pid_t pid = start("oceanid-rollback", "waits", "--finish");

    (void)state;
    name_holder(pid);
    if (!run_end_finisher(&config, &err))
        fail_msg("%s", err.text);
    expect_ended(pid, SIGTERM);
    pid = start("oceanid-rollback", "waits", "--finish");
    name_holder(pid);
    if (!run_end_holder(&config, &err))
        fail_msg("%s", err.text);
    expect_ended(pid, SIGKILL);
}

/* Nobody takes the journal from one that may still write. */
static void what_does_not_go_is_said(void **state)
{
    struct err err = ERR_INIT;
    pid_t pid = start("oceanid-rollback", "deaf", "--finish");

    (void)state;
    name_holder(pid);
    assert_false(run_end_finisher(&config, &err));
    assert_int_equal(err.kind, ERR_TIMEOUT);
    assert_non_null(strstr(err.text, "is not gone after"));
    expect_ended(pid, 0);
}

static void who_has_gone_already_is_gone(void **state)
{
    struct err err = ERR_INIT;
    pid_t pid = start("oceanid-guard", "waits", "");

    (void)state;
    assert_false(run_end_holder(&config, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    err = (struct err)ERR_INIT;
    name_holder(pid);
    expect_ended(pid, 0);
    assert_true(run_end_holder(&config, &err));
}

#define HELD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HELD(a_guard_is_ended_and_gone),
        HELD(whoever_else_the_lock_names_is_left_alone),
        HELD(a_rescue_that_finishes_is_ended_by_both),
        HELD(what_does_not_go_is_said),
        HELD(who_has_gone_already_is_gone),
    };

    return argc > 1 ? wait_here(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
