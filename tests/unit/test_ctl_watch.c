/*
 * test_ctl_watch: a rollout that is followed on a terminal: what is kept up to date fits one row of
 * it, and who leaves is told what goes on without him; so is who leaves an emergency rollback.
 */
#include "controller/ctl/watch.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/ctl/emergency.h"
#include "tests/unit/ctl_case.h"

enum { DEADLINE_MS = 20000, COLUMNS = 40 };

#define NODES                                                                                      \
    "\"nodes\": [{\"name\": \"srv712695\", \"stage\": 2, \"state\": \"on trial\", "                \
    "\"soak_left_s\": "                                                                            \
    "212}, {\"name\": \"calypso\", \"stage\": 2, \"state\": \"on trial\", \"soak_left_s\": 213}]"
#define ROLLOUT(state, waiting_for)                                                                \
    "{\"id\": 3, \"state\": \"" state "\", \"sentence\": \"started\", \"ended\": false, "          \
    "\"waiting_for\": \"" waiting_for "\", \"stage\": 2, \"stages_count\": 2, " NODES "}"

struct watcher {
    pid_t pid;
    int terminal; /* the master's side: all that it says */
    char said[65536];
    size_t len;
};

static enum outcome follow(struct ctl_desk *desk)
{
    return watch_follow(&desk->ctl, 3, true);
}

static enum outcome take_back(struct ctl_desk *desk)
{
    static const char *const options[] = {"--yes", "--wait=", NULL};
    char *words[] = {"--yes", "--wait=5m"};
    struct arguments arguments;
    struct err err = ERR_INIT;

    if (!arguments_parse(words, 2, options, &arguments, &err))
        abort();
    return emergency_run(&desk->ctl, &arguments);
}

/* Begins when there is a controller: a process of several threads must not fork. */
static void run(struct ctl_desk *desk, enum outcome (*command)(struct ctl_desk *desk), int terminal,
                int started)
{
    char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(started, &byte, 1) != 1)
        abort();
    snprintf(desk->ctl.controller, sizeof(desk->ctl.controller), "unix:%s/controller.sock",
             desk->directory);
    if (dup2(terminal, STDOUT_FILENO) < 0 || dup2(terminal, STDERR_FILENO) < 0)
        abort();
    setvbuf(stdout, NULL, _IOLBF, 0);
    _exit((int)command(desk));
}

/* On a terminal of 40 columns. */
static void begin(struct ctl_desk *desk, enum outcome (*command)(struct ctl_desk *desk),
                  struct ctl_reply *replies, size_t count, struct watcher *watcher)
{
    const struct winsize size = {.ws_row = 24, .ws_col = COLUMNS};
    int terminal, started[2];

    *watcher = (struct watcher){.terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    assert_true(watcher->terminal >= 0 && grantpt(watcher->terminal) == 0 &&
                unlockpt(watcher->terminal) == 0 &&
                ioctl(watcher->terminal, TIOCSWINSZ, &size) == 0);
    terminal = open(ptsname(watcher->terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    for (size_t i = 0; i < count; i++) {
        replies[i].status = 200;
        replies[i].len = strlen(replies[i].body);
    }
    assert_int_equal(pipe2(started, O_CLOEXEC), 0);
    fflush(NULL);
    watcher->pid = fork();
    assert_true(watcher->pid >= 0);
    if (watcher->pid == 0)
        run(desk, command, terminal, started[0]);
    ctl_desk_serve(desk, replies, count);
    assert_int_equal(write(started[1], "", 1), 1);
    close(started[0]);
    close(started[1]);
    close(terminal);
}

/* False: it has ended. */
static bool take(struct watcher *watcher)
{
    struct pollfd ready = {.fd = watcher->terminal, .events = POLLIN};
    ssize_t got;

    if (poll(&ready, 1, DEADLINE_MS) <= 0)
        fail_msg("nothing more within %d ms: '%s'", DEADLINE_MS, watcher->said);
    got = read(watcher->terminal, watcher->said + watcher->len,
               sizeof(watcher->said) - 1 - watcher->len);
    if (got > 0)
        watcher->len += (size_t)got;
    return got > 0;
}

static void wait_for(struct watcher *watcher, const char *part, unsigned times)
{
    for (;;) {
        const char *from = watcher->said;
        unsigned count = 0;

        while ((from = strstr(from, part)) != NULL) {
            from += strlen(part);
            count++;
        }
        if (count >= times)
            return;
        if (!take(watcher))
            fail_msg("it ended without '%s': '%s'", part, watcher->said);
    }
}

static void leave(struct watcher *watcher)
{
    int status;

    assert_int_equal(kill(watcher->pid, SIGINT), 0);
    while (take(watcher))
        continue;
    assert_int_equal(waitpid(watcher->pid, &status, 0), watcher->pid);
    close(watcher->terminal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
}

static void expect_leaving(struct ctl_desk *desk, const char *body, const char *first,
                           const char *expected)
{
    struct ctl_reply reply = {.request = "GET /v1/rollouts/3", .body = body};
    struct watcher watcher;

    begin(desk, follow, &reply, 1, &watcher);
    wait_for(&watcher, first, 1);
    leave(&watcher);
    if (strstr(watcher.said, expected) == NULL)
        fail_msg("'%s' is not said: '%s'", expected, watcher.said);
}

/* A node is silent, so that it waits. */
static void who_leaves_an_emergency_is_told_that_it_goes_on(void **state)
{
    static const char body[] =
        "{\"rollout\": 3, \"change\": \"drill\", \"open\": true, \"awaited\": true, \"nodes\": "
        "[{\"name\": \"calypso\", \"state\": \"unreachable\", \"sentence\": \"it was asked\"}]}";
    struct ctl_reply replies[] = {{.request = "POST /v1/emergency-rollback", .body = body},
                                  {.request = "GET /v1/emergency-rollback", .body = body}};
    struct watcher watcher;

    begin(*state, take_back, replies, 2, &watcher);
    wait_for(&watcher, "asked to take back: drill (rollout 3)", 1);
    leave(&watcher);
    if (strstr(watcher.said, "\r\noceanidctl: it is taken back without you: `oceanidctl status` "
                             "shows what still stands on each node\r\n") == NULL)
        fail_msg("it is not said that it goes on: '%s'", watcher.said);
}

static void who_leaves_is_told_that_it_goes_on(void **state)
{
    expect_leaving(*state, ROLLOUT("stage", ""), "stage 2 of 2",
                   "\r\noceanidctl: rollout 3 goes on without you: `oceanidctl rollout watch 3` "
                   "follows it, `oceanidctl rollout abort 3` takes it back\r\n");
}

static void who_leaves_a_wait_is_told_that_it_waits(void **state)
{
    expect_leaving(*state, ROLLOUT("paused", "next"), "stage 2 of 2",
                   "\r\noceanidctl: rollout 3 still waits for a person: `oceanidctl rollout show "
                   "3` says for what, `oceanidctl rollout abort 3` takes it back\r\n");
}

static void who_leaves_the_way_back_is_told_that_it_goes_on(void **state)
{
    expect_leaving(*state, ROLLOUT("reverting", ""), "stage 2 of 2",
                   "\r\noceanidctl: rollout 3 is taken back without you: `oceanidctl rollout watch "
                   "3` follows it\r\n");
}

/* A row that is longer than the window would stay there at each poll. */
static void the_line_fits_the_window(void **state)
{
    static const char clearing[] = "\r\033[K";
    struct ctl_reply reply = {.request = "GET /v1/rollouts/3", .body = ROLLOUT("stage", "")};
    struct watcher watcher;
    char *line, *end;

    begin(*state, follow, &reply, 1, &watcher);
    wait_for(&watcher, clearing, 3);
    leave(&watcher);
    line = strstr(watcher.said, clearing) + strlen(clearing);
    end = strchr(line, '\r');
    assert_non_null(end);
    *end = '\0';
    assert_string_equal(line, "stage 2 of 2  srv712695 on trial, 212 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_CTL_DESK(who_leaves_is_told_that_it_goes_on),
        AT_CTL_DESK(who_leaves_a_wait_is_told_that_it_waits),
        AT_CTL_DESK(who_leaves_the_way_back_is_told_that_it_goes_on),
        AT_CTL_DESK(who_leaves_an_emergency_is_told_that_it_goes_on),
        AT_CTL_DESK(the_line_fits_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
