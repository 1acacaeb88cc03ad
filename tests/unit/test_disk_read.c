/*
 * test_disk_read: what a process of its own reads, and one that does not come back.
 */
#include "agent/guard/io/disk_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/file.h"

enum { SIZE_MAX_HERE = 64, SOON_MS = 50, LONG_MS = 30000, SIGNALS_US = 5000 };

static char folder[64], path[96];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/oceanid-disk-read-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/name", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void put(const char *text)
{
    struct err err = ERR_INIT;

    assert_true(file_write(path, text, strlen(text), 0600, &err));
}

static bool read_it(uint8_t **ret_data, size_t *ret_len, struct err *err)
{
    struct disk_read read;

    *err = (struct err)ERR_INIT;
    disk_read_start(&read, path, SIZE_MAX_HERE);
    return disk_read_take(&read, clock_now() + LONG_MS, ret_data, ret_len, err);
}

static void what_is_there_is_handed_over(void **state)
{
    static const char *const texts[] = {"", "subject\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        AUTO_FREE uint8_t *data = NULL;
        struct err err;
        size_t len;

        put(texts[i]);
        assert_true(read_it(&data, &len, &err));
        assert_int_equal(len, strlen(texts[i]));
        assert_string_equal((const char *)data, texts[i]); /* with its NUL */
    }
}

static void what_cannot_be_read_says_why(void **state)
{
    char text[SIZE_MAX_HERE + 2];
    uint8_t *data;
    struct err err;
    size_t len;

    (void)state;
    assert_false(read_it(&data, &len, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put(text);
    assert_false(read_it(&data, &len, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
}

/* A pipe without a writer: whoever opens it for reading waits, and ends when it is answered. */
static void answer(const struct disk_read *read)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int status;

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(waitpid(read->pid, &status, 0), read->pid);
}

static void what_does_not_answer_is_left_behind(void **state)
{
    struct disk_read read;
    uint8_t *data;
    struct err err = ERR_INIT;
    size_t len;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    disk_read_start(&read, path, SIZE_MAX_HERE);
    assert_true(read.pid > 0);
    assert_false(disk_read_take(&read, clock_now() + SOON_MS, &data, &len, &err));
    assert_int_equal(err.kind, ERR_TIMEOUT);
    answer(&read);
}

/* The kernel lets go of what one call closes in an order of its own: the pipe maybe first. */
static void expect_free(int lock_fd)
{
    mono_t until = clock_now() + LONG_MS;

    while (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        assert_true(errno == EWOULDBLOCK && clock_now() < until);
        poll(NULL, 0, 1);
    }
}

/* Whoever has the journal's lock reads its key so, and somebody waits for its own end of a pipe. */
static void one_that_is_left_behind_holds_nothing(void **state)
{
    char lock_path[96];
    struct disk_read read;
    struct pollfd look = {.events = POLLIN};
    int lock_fd, ends[2];

    (void)state;
    snprintf(lock_path, sizeof(lock_path), "%s/lock", folder);
    lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(lock_fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    disk_read_start(&read, path, SIZE_MAX_HERE);
    close(lock_fd);
    close(ends[1]);
    look.fd = ends[0];
    assert_int_equal(poll(&look, 1, LONG_MS), 1);
    lock_fd = open(lock_path, O_RDWR | O_CLOEXEC);
    expect_free(lock_fd);
    answer(&read);
    close(read.end_fd);
    close(lock_fd);
    close(ends[0]);
    unlink(lock_path);
}

/* Reports its reader and is killed, as whoever waits for a dead disk may be. */
_Noreturn static void be_killed_waiting(int told_fd)
{
    struct disk_read read;
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL); /* as guard and rescue have SIGTERM */
    disk_read_start(&read, path, SIZE_MAX_HERE);
    (void)disk_read_is_there(&read, clock_now() + SOON_MS);
    if (write(told_fd, &read.pid, sizeof(read.pid)) == sizeof(read.pid))
        pause();
    _exit(1);
}

/* Nobody else wants its answer: it is not there for as long as the disk is dead, beside those that
 * others have started since. */
static void whoever_asked_is_not_outlived(void **state)
{
    mono_t until = clock_now() + LONG_MS;
    pid_t asker, reader, gone = 0;
    int ends[2], status = 0;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    asker = fork();
    if (asker == 0)
        be_killed_waiting(ends[1]);
    assert_int_equal(read(ends[0], &reader, sizeof(reader)), sizeof(reader));
    assert_int_equal(kill(asker, SIGKILL), 0);
    assert_int_equal(waitpid(asker, &status, 0), asker);
    while (gone == 0 && clock_now() < until) {
        poll(NULL, 0, 10);
        gone = waitpid(reader, &status, WNOHANG);
    }
    if (gone == 0) {
        kill(reader, SIGKILL);
        fail_msg("reader %d is there without whoever asked", (int)reader);
    }
    assert_int_equal(gone, reader);
    close(ends[0]);
    close(ends[1]);
}

/* It is asked again and again, and taken when it is there. */
static void what_answers_late_is_taken(void **state)
{
    AUTO_FREE uint8_t *data = NULL;
    struct disk_read read;
    struct err err = ERR_INIT;
    size_t len;
    int fd;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    disk_read_start(&read, path, SIZE_MAX_HERE);
    assert_false(disk_read_is_there(&read, clock_now() + SOON_MS));
    assert_false(disk_read_is_there(&read, clock_now() + SOON_MS));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "subject", 7), 7);
    close(fd);
    assert_true(disk_read_is_there(&read, MONO_NEVER));
    assert_true(disk_read_take(&read, clock_now() + LONG_MS, &data, &len, &err));
    assert_string_equal((const char *)data, "subject");
}

/* The process that reads has another one. */
static void the_callers_own_stdin_is_read(void **state)
{
    AUTO_FREE uint8_t *data = NULL;
    int kept_fd = dup(STDIN_FILENO), ends[2];
    struct disk_read read;
    struct err err = ERR_INIT;
    size_t len;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "subject", 7), 7);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    disk_read_start(&read, "/dev/stdin", SIZE_MAX_HERE);
    assert_true(disk_read_is_there(&read, clock_now()));
    assert_true(disk_read_take(&read, clock_now() + LONG_MS, &data, &len, &err));
    dup2(kept_fd, STDIN_FILENO);
    close(kept_fd);
    assert_string_equal((const char *)data, "subject");
}

static void take_notice(int number)
{
    (void)number;
}

/* Neither is what a signal interrupts a disk that does not answer. */
static void a_signal_shortens_no_wait(void **state)
{
    const struct sigaction notice = {.sa_handler = take_notice};
    const struct itimerval often = {{0, SIGNALS_US}, {0, SIGNALS_US}}, never = {{0, 0}, {0, 0}};
    mono_t until = clock_now() + SOON_MS;
    struct disk_read read;
    uint8_t *data;
    struct err err = ERR_INIT;
    size_t len;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    disk_read_start(&read, path, SIZE_MAX_HERE);
    assert_int_equal(sigaction(SIGALRM, &notice, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    assert_false(disk_read_take(&read, until, &data, &len, &err));
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_true(clock_now() >= until);
    assert_int_equal(err.kind, ERR_TIMEOUT);
    answer(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_there_is_handed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_answer_is_left_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_left_behind_holds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_asked_is_not_outlived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_answers_late_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_callers_own_stdin_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_shortens_no_wait, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
