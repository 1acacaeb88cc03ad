/*
 * test_store_beside: a database that is looked at while a controller starts or stops: what is said
 * of it is of what it leaves, and nothing is made there that its next start could not write.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/config.h"
#include "controller/io/store_tables.h"
#include "tests/unit/store_case.h"

static char path[PATH_SIZE];

/* A controller of its own process, and what it does in the moment before the database is opened for
 * a look: locks are a process's. */
static struct {
    void (*fn)(void);
    bool always; /* and before each further one */
    pid_t pid;   /* 0: none runs */
    int talk[2]; /* [0] hears that it is ready, [1] closed: it is to end */
} beside;

int __real_sqlite3_open_v2(const char *name, sqlite3 **ret_db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **ret_db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **ret_db, int flags, const char *vfs)
{
    void (*fn)(void) = (flags & SQLITE_OPEN_READONLY) != 0 ? beside.fn : NULL;

    if (fn != NULL) {
        if (!beside.always)
            beside.fn = NULL;
        fn();
    }
    return __real_sqlite3_open_v2(name, ret_db, flags, vfs);
}

static char directory[] = "/tmp/test_store_beside.XXXXXX";

static int open_place(void **state)
{
    (void)state;
    memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/controller.db", directory);
    return 0;
}

/* What stands in the seventh row of the audit, as it was looked at; "": there is none. */
static bool look(char ret_text[AUDIT_TEXT_SIZE], struct err *err)
{
    struct store *store;
    struct audit_row row = {.index = 0};
    size_t count = 0;

    *err = (struct err)ERR_INIT;
    ret_text[0] = '\0';
    if (!store_look(path, &store, err))
        return false;
    if (store != NULL)
        assert_true(store_read_audit(store, 6, &row, 1, &count, err));
    if (count > 0)
        text_copy(ret_text, AUDIT_TEXT_SIZE, row.text);
    store_close(store);
    return true;
}

static void expect_taken(const char *expected)
{
    char text[AUDIT_TEXT_SIZE];
    struct err err;

    if (!look(text, &err))
        fail_msg("%s", err.text);
    assert_string_equal(text, expected);
}

static void unlink_beside(const char *suffix)
{
    char name[PATH_SIZE + 8];

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    unlink(name);
}

static int unlink_and_close(void **state)
{
    (void)state;
    unlink_beside("");
    unlink_beside("-wal");
    unlink_beside("-shm");
    return rmdir(directory);
}

static void do_nothing(struct store *store)
{
    (void)store;
}

static void add_some(struct store *store)
{
    store_case_add_rows(store, 20);
}

static void tamper(struct store *store)
{
    assert_int_equal(sqlite3_exec(store->db, "UPDATE audit SET sentence = 'nothing' WHERE id = 7",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
}

static void lead(void (*work_fn)(struct store *store), int ready, int end)
{
    struct store *store = store_case_open_at(path);
    char byte = 0;

    work_fn(store);
    if (write(ready, &byte, 1) == 1 && read(end, &byte, 1) == 0)
        store_close(store);
    _exit(0);
}

static void start_with(void (*work_fn)(struct store *store))
{
    int ready[2], end[2];
    char byte;

    assert_int_equal(beside.pid, 0);
    assert_true(pipe(ready) == 0 && pipe(end) == 0);
    beside.pid = fork();
    assert_true(beside.pid >= 0);
    if (beside.pid == 0) {
        beside.fn = NULL;
        close(end[1]);
        lead(work_fn, ready[1], end[0]);
    }
    close(ready[1]);
    close(end[0]);
    beside.talk[0] = ready[0];
    beside.talk[1] = end[1];
    assert_int_equal(read(ready[0], &byte, 1), 1);
}

static void stop_it(void)
{
    int status;

    if (beside.pid == 0)
        return;
    close(beside.talk[1]);
    assert_int_equal(waitpid(beside.pid, &status, 0), beside.pid);
    close(beside.talk[0]);
    beside.pid = 0;
}

static void start_it(void)
{
    start_with(do_nothing);
}

static void start_it_and_tamper(void)
{
    start_with(tamper);
}

static void start_and_stop_it(void)
{
    start_it_and_tamper();
    stop_it();
}

static void stop_or_start_it(void)
{
    if (beside.pid != 0)
        stop_it();
    else
        start_it();
}

static int close_beside(void **state)
{
    stop_it();
    memset(&beside, 0, sizeof(beside));
    return unlink_and_close(state);
}

/* Nothing was made that its next start, as another user, could not write. */
static void expect_no_log(void)
{
    char name[PATH_SIZE + 8];

    snprintf(name, sizeof(name), "%s-wal", path);
    assert_int_equal(access(name, F_OK), -1);
    snprintf(name, sizeof(name), "%s-shm", path);
    assert_int_equal(access(name, F_OK), -1);
}

/* Its log and its index are to be opened. */
static void one_that_stops_meanwhile_makes_nobody_write(void **state)
{
    (void)state;
    start_with(add_some);
    beside.fn = stop_it;
    expect_taken("next");
    assert_null(beside.fn);
    start_it(); /* and what it left is as it was */
    stop_it();
    expect_no_log();
    start_it_and_tamper();
    beside.fn = stop_it;
    expect_taken("nothing");
}

/* Of what nobody had open nothing is locked: what it looked like meanwhile says nothing. */
static void one_that_starts_meanwhile_is_looked_at_again(void **state)
{
    (void)state;
    start_with(add_some);
    stop_it();
    beside.fn = start_it_and_tamper;
    expect_taken("nothing");
}

static void so_is_one_that_starts_and_stops(void **state)
{
    (void)state;
    start_with(add_some);
    stop_it();
    beside.fn = start_and_stop_it;
    expect_taken("nothing");
}

/* The first start of all. */
static void one_that_makes_its_database_meanwhile_is_looked_at(void **state)
{
    (void)state;
    beside.fn = start_it;
    expect_taken("");
}

/* In no order of these is a start's database called unfit, and nobody is held up. */
static void one_that_never_stays_is_no_reason(void **state)
{
    mono_t before = clock_now();

    (void)state;
    start_with(add_some);
    stop_it();
    beside.fn = stop_or_start_it;
    beside.always = true;
    expect_taken("next");
    assert_in_range(clock_now() - before, 0, 2000);
}

/* As the last one that ends has it, and the first that begins. */
static void what_is_locked_whole_is_neither_a_yes_nor_a_no(void **state)
{
    static const struct flock whole = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
    mono_t before = clock_now();
    char text[AUDIT_TEXT_SIZE];
    int talk[2], status, fd;
    struct err err;
    bool looked;
    char byte;
    pid_t pid;

    (void)state;
    start_with(add_some);
    stop_it();
    assert_int_equal(pipe(talk), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fcntl(fd, F_SETLK, &whole) == 0 && write(talk[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(talk[0], &byte, 1), 1);
    looked = look(text, &err);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(looked);
    assert_int_equal(err.kind, ERR_TIMEOUT);
    assert_non_null(strstr(err.text, "not looked at: a controller starts or stops"));
    assert_in_range(clock_now() - before, 0, 2000);
    close(talk[0]);
    close(talk[1]);
    expect_taken("next");
}

#define BESIDE(test) cmocka_unit_test_setup_teardown(test, open_place, close_beside)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BESIDE(one_that_stops_meanwhile_makes_nobody_write),
        BESIDE(one_that_starts_meanwhile_is_looked_at_again),
        BESIDE(so_is_one_that_starts_and_stops),
        BESIDE(one_that_makes_its_database_meanwhile_is_looked_at),
        BESIDE(one_that_never_stays_is_no_reason),
        BESIDE(what_is_locked_whole_is_neither_a_yes_nor_a_no),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
