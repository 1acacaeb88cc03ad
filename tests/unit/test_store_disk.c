/*
 * test_store_disk: what was committed is on the disk, what was not is not; a file that cannot be
 * led from is refused.
 */
#include "controller/io/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/store_case.h"

static char directory[64], path[96];

static void remove_file(const char *suffix)
{
    char name[128];

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    unlink(name);
}

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/controller.db", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    remove_file("");
    remove_file("-wal");
    remove_file("-shm");
    return rmdir(directory);
}

static void refuse_to_open(const char *part)
{
    struct err err = ERR_INIT;
    struct store *store = store_open(path, &err);

    assert_null(store);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

/* ---- the disk ------------------------------------------------------------------------------- */

static void keeps_what_was_committed_on_the_disk(void **state)
{
    struct store *store = store_case_open_at(path);
    struct hold hold = {.id = 1, .scope = "a1", .reason = "not committed"};
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_must(store_begin(store, STORE_FULL, &err), &err);
    store_case_must(store_put_hold(store, &hold, &err), &err);
    store_cancel(store);
    store_case_must(store_begin(store, STORE_REPORT, &err), &err);
    store_case_must(store_put_hold(store, &hold, &err), &err);
    store_close(store);
    store = store_case_open_at(path);
    store_case_expect_rollout(store, 1, 7, 3);
    store_case_must(store_read_holds(store, &holds, &err), &err);
    assert_int_equal(holds.count, 0);
    free(holds.list);
    store_close(store);
}

/* A process that is killed behind its commit, with another transaction open. */
static void survives_its_process(void **state)
{
    pid_t child = fork();
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;
    struct store *store;
    int status;

    (void)state;
    if (child == 0) {
        struct hold hold = {.id = 1, .scope = "a1", .reason = "half"};
        struct store *own = store_open(path, &err);

        if (own == NULL || !store_begin(own, STORE_FULL, &err) ||
            !store_put_hold(own, &hold, &err) || !store_commit(own, &err))
            _exit(1);
        hold.id = 2;
        if (!store_begin(own, STORE_FULL, &err) || !store_put_hold(own, &hold, &err))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store = store_case_open_at(path);
    store_case_must(store_read_holds(store, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    free(holds.list);
    store_close(store);
}

static void write_at(long offset, const char *data, size_t len)
{
    FILE *file = fopen(path, "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void refuses_what_is_no_database(void **state)
{
    FILE *file = fopen(path, "w");

    (void)state;
    assert_non_null(file);
    for (unsigned i = 0; i < 512; i++)
        fputs("not a database, ", file);
    assert_int_equal(fclose(file), 0);
    refuse_to_open("not a database");
}

static void refuses_a_damaged_file(void **state)
{
    struct store *store = store_case_open_at(path);
    static char noise[4096];

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_add_rows(store, 20);
    store_close(store);
    memset(noise, 0x5a, sizeof(noise));
    for (long page = 1; page < 6; page++)
        write_at(page * (long)sizeof(noise), noise, sizeof(noise));
    refuse_to_open("restore it from a backup");
}

static void refuses_a_newer_schema(void **state)
{
    struct store *store = store_case_open_at(path);

    (void)state;
    store_close(store);
    write_at(60, "\0\0\0\x63", 4); /* user_version */
    refuse_to_open("has version 99, accepted are up to 1");
}

static void refuses_where_it_cannot_write(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/nowhere/controller.db", directory);
    refuse_to_open("cannot be opened");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(keeps_what_was_committed_on_the_disk),
        CASE(survives_its_process),
        CASE(refuses_what_is_no_database),
        CASE(refuses_a_damaged_file),
        CASE(refuses_a_newer_schema),
        CASE(refuses_where_it_cannot_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
