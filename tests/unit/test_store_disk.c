/*
 * test_store_disk: a database file that cannot be led from is refused, and says why; what is kept
 * in full is on the disk before it is said to be.
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/io/store_tables.h"
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

static void expect_a1(void *context, const struct store_back *back)
{
    unsigned *count = context;

    (*count)++;
    assert_string_equal(back->node, "a1");
    assert_int_equal(back->asked, 8);
    assert_int_equal(back->attempt.sequence, 3);
    assert_int_equal(back->order.len, 5);
    assert_string_equal(back->reason, "drill");
}

static void promise(struct store *store, const char *into, unsigned id, const char *node, bool done)
{
    struct err err = ERR_INIT;
    char text[256];

    snprintf(text, sizeof(text),
             "INSERT INTO %s (id, node, asked, rollout, hash, sequence, envelope, done, state,"
             " sentence, reason%s) VALUES (%u, '%s', 8, 0, zeroblob(32), 3, 'order', %d,"
             " 'unreachable', 'it was asked', 'drill'%s)",
             into, text_equal(into, "owed") ? ", signed" : "", id, node, done,
             text_equal(into, "owed") ? ", 1" : "");
    store_case_must(sql_run(store->db, &err, text, ""), &err);
}

/* Before, a node had one place: what was owed then is owed still. */
static void takes_over_who_was_to_come_back(void **state)
{
    struct store *store = store_case_open_at(path);
    struct err err = ERR_INIT;
    unsigned count = 0;

    (void)state;
    promise(store, "backs", 4, "a1", false);
    store_close(store);
    for (unsigned i = 1; i <= 2; i++) {
        store = store_case_open_at(path);
        store_case_must(store_read_backs(store, expect_a1, &count, &err), &err);
        assert_int_equal(count, i);
        store_close(store);
    }
}

static void note_owed(void *context, const struct store_back *back)
{
    char *owed = context;

    if (!back->done)
        strcat(owed, back->node);
}

/* An older controller led in between: its ids are those of others here, and what it promised is
 * owed, whatever came of an earlier promise of the same. */
static void takes_over_what_an_older_controller_promised_since(void **state)
{
    struct store *store = store_case_open_at(path);
    struct err err = ERR_INIT;
    char owed[16] = "";

    (void)state;
    promise(store, "owed", 1, "a1", false);
    promise(store, "owed", 2, "b2", true);
    promise(store, "backs", 1, "c3", false);
    promise(store, "backs", 2, "b2", false);
    store_close(store);
    store = store_case_open_at(path);
    store_case_must(store_read_backs(store, note_owed, owed, &err), &err);
    assert_string_equal(owed, "a1c3b2");
    store_close(store);
}

static void refuses_where_it_cannot_write(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/nowhere/controller.db", directory);
    refuse_to_open("observed: unable to open database file");
}

/* ---- what has to be on the disk ---------------------------------------------------------------
 */

static unsigned syncs; /* of any file, by anybody in this process */

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

/* Of a transaction that changes a row. */
static unsigned count_syncs(struct store *store, enum store_durability durability)
{
    AUTO_FREE struct fleet_member *member = mem_alloc(1, sizeof(*member));
    unsigned before = syncs;
    struct err err = ERR_INIT;

    text_copy(member->name, sizeof(member->name), "a1");
    store_case_must(store_begin(store, durability, &err), &err);
    store_case_must(store_put_node(store, member, &err), &err);
    store_case_must(store_commit(store, &err), &err);
    return syncs - before;
}

/* A kill -9 shows nothing of it: what a process has written outlives it, and not the machine. */
static void what_is_kept_in_full_is_synced_each_time(void **state)
{
    struct store *store = store_case_open_at(path);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_not_equal(count_syncs(store, STORE_FULL), 0);
        assert_int_equal(count_syncs(store, STORE_REPORT), 0);
    }
    store_close(store);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(refuses_what_is_no_database),
        CASE(refuses_a_damaged_file),
        CASE(refuses_a_newer_schema),
        CASE(takes_over_who_was_to_come_back),
        CASE(takes_over_what_an_older_controller_promised_since),
        CASE(refuses_where_it_cannot_write),
        CASE(what_is_kept_in_full_is_synced_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
