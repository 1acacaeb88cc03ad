/*
 * test_outlet: what nobody reads holds nobody up, and that it was lost is said.
 */
#include "common/io/outlet.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/clock.h"

enum { LINES_MAX = 100000, PATIENCE_MS = 300, HUNG_S = 60 };

/* As journald gives it, as a pipe, as a terminal: each end[0] reads. */
static void open_stream(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void open_pipe(int ends[2])
{
    assert_int_equal(pipe(ends), 0);
}

static void open_terminal(int ends[2])
{
    assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
}

static void (*const kinds[])(int ends[2]) = {open_stream, open_pipe, open_terminal};

static void put(struct outlet *outlet, const char *line)
{
    outlet_put(outlet, line, strlen(line));
}

/* Until not even that one was lost finds room. */
static void fill(struct outlet *outlet)
{
    for (int i = 0; outlet->lost < 2 && i < LINES_MAX; i++)
        put(outlet, "a line that nobody reads, of which there are many\n");
    assert_int_equal(outlet->lost, 2);
}

static bool read_has(int fd, const char *wanted)
{
    static char all[1 << 22];
    size_t len = 0;
    ssize_t got;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((got = read(fd, all + len, sizeof(all) - 1 - len)) > 0)
        len += (size_t)got;
    all[len] = '\0';
    return strstr(all, wanted) != NULL;
}

/* Had it waited for ever, the alarm would end this test. */
static void what_is_not_read_is_lost_and_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct outlet outlet = {.fd = -1};
        int ends[2];

        kinds[i](ends);
        outlet.fd = ends[1];
        fill(&outlet);
        put(&outlet, "and one more\n");
        assert_int_equal(outlet.lost, 3);
        assert_false(read_has(ends[0], "(3 lines"));
        put(&outlet, "read again\n");
        assert_int_equal(outlet.lost, 0);
        assert_true(read_has(ends[0], "(3 lines were lost here: they were not read)"));
        put(&outlet, "on as before\n");
        assert_true(read_has(ends[0], "on as before"));
        close(ends[0]);
        put(&outlet, "nobody is there\n");
        close(ends[1]);
    }
}

/* Once: whoever did not read in that time is not waited for again. */
static void a_reader_who_stops_is_waited_for_once(void **state)
{
    struct outlet outlet = {.patience_ms = PATIENCE_MS};
    mono_t began = clock_now();
    int ends[2];

    (void)state;
    open_pipe(ends);
    outlet.fd = ends[1];
    fill(&outlet);
    assert_true(clock_now() - began >= PATIENCE_MS);
    for (int i = 0; i < 1000; i++)
        put(&outlet, "no more\n");
    assert_int_equal(outlet.lost, 1002);
    assert_true(clock_now() - began < 1000 * PATIENCE_MS);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_read_is_lost_and_said),
        cmocka_unit_test(a_reader_who_stops_is_waited_for_once),
    };

    signal(SIGPIPE, SIG_IGN);
    alarm(HUNG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
