/*
 * test_desk_look: what a start would refuse of the files and the database is said without one, and
 * all of it is left as it is, also beside a controller that runs.
 */
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
#include <sqlite3.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/io/store_tables.h"
#include "tests/unit/lead_case.h"
#include "tests/unit/store_case.h"

static const char *const suffixes[] = {"", "-wal", "-shm"};
enum { FILES = 3 };

struct file { /* one that is there, byte by byte */
    bool there;
    uint8_t *data;
    size_t len;
};

static char path[PATH_SIZE];
static bool busy; /* the copy finds the database locked */

int __real_sqlite3_backup_step(sqlite3_backup *backup, int pages);
int __wrap_sqlite3_backup_step(sqlite3_backup *backup, int pages);
int __wrap_sqlite3_backup_step(sqlite3_backup *backup, int pages)
{
    return busy ? SQLITE_BUSY : __real_sqlite3_backup_step(backup, pages);
}

static void name_file(unsigned which, char to[PATH_SIZE + 8])
{
    snprintf(to, PATH_SIZE + 8, "%s%s", path, suffixes[which]);
}

static int open_place(void **state)
{
    struct err err = ERR_INIT;

    lead_case_open(state);
    assert_true(file_join(path, sizeof(path), place.directory, "controller.db", &err));
    return 0;
}

static int close_place(void **state)
{
    char name[PATH_SIZE + 8];

    for (unsigned i = 0; i < FILES; i++) {
        name_file(i, name);
        unlink(name);
    }
    return lead_case_close(state);
}

static bool look(struct err *err)
{
    *err = (struct err)ERR_INIT;
    return desk_look(place.directory, place.desk.fleet_path, err);
}

static void expect_taken(void)
{
    struct err err;

    if (!look(&err))
        fail_msg("%s", err.text);
}

static void expect_refused(const char *file, const char *part)
{
    struct err err;

    assert_false(look(&err));
    if (strstr(err.text, file) == NULL || strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s' and '%s'", err.text, file, part);
}

static void read_files(struct file files[FILES])
{
    for (unsigned i = 0; i < FILES; i++) {
        char name[PATH_SIZE + 8];
        struct err err = ERR_INIT;

        name_file(i, name);
        files[i] = (struct file){.there = access(name, F_OK) == 0};
        if (files[i].there)
            assert_true(file_read(name, 64 << 20, &files[i].data, &files[i].len, &err));
    }
}

/* Of what was there nothing is altered, and nothing else is there. */
static void expect_files(struct file before[FILES])
{
    struct file now[FILES];

    read_files(now);
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(now[i].there, before[i].there);
        assert_int_equal(now[i].len, before[i].len);
        if (now[i].there)
            assert_memory_equal(now[i].data, before[i].data, now[i].len);
        free(now[i].data);
        free(before[i].data);
    }
}

static struct store *open_store(void)
{
    return store_case_open_at(path);
}

/* In a database that nobody has open. */
static void execute(const char *text)
{
    struct store *store = open_store();

    assert_int_equal(sqlite3_exec(store->db, text, NULL, NULL, NULL), SQLITE_OK);
    store_close(store);
}

static void add_rows(unsigned count)
{
    struct store *store = open_store();

    store_case_add_rows(store, count);
    store_close(store);
}

static void what_is_not_there_yet_is_not_made(void **state)
{
    struct file before[FILES];

    (void)state;
    read_files(before);
    assert_false(before[0].there);
    expect_taken();
    expect_files(before);
}

static void what_was_closed_is_left_as_it_is(void **state)
{
    struct file before[FILES];

    (void)state;
    add_rows(20);
    read_files(before);
    assert_true(before[0].there && !before[1].there);
    expect_taken();
    expect_files(before);
}

/* As an upgrade asks it: the older controller is in the middle of a write. */
static void a_controller_that_writes_is_no_reason(void **state)
{
    struct store *store = open_store();
    struct err err = ERR_INIT;

    (void)state;
    store_case_add_rows(store, 20);
    assert_true(store_begin(store, STORE_FULL, &err));
    assert_true(store_forget_verdicts(store, "a1", &err));
    expect_taken();
    assert_true(store_commit(store, &err));
    store_close(store);
}

/* Nothing of its log is in the database yet: it is read, and left there. */
static void what_a_killed_controller_wrote_is_seen(void **state)
{
    struct file before[FILES];
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *store = open_store();

        store_case_add_rows(store, 20);
        sqlite3_exec(store->db, "UPDATE audit SET sentence = 'nothing' WHERE id = 7", NULL, NULL,
                     NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_files(before);
    assert_true(before[0].there && before[1].there && before[2].there);
    expect_refused("controller.db", "the audit was tampered with");
    expect_files(before);
}

static void what_an_older_controller_kept_is_taken(void **state)
{
    (void)state;
    add_rows(3);
    execute("DROP TABLE lasting; DROP TABLE owed; DROP TABLE agent_keys;");
    expect_taken();
}

static void a_newer_database_is_refused(void **state)
{
    struct store *store = open_store();

    (void)state;
    assert_int_equal(sqlite3_exec(store->db, "PRAGMA user_version=9", NULL, NULL, NULL), SQLITE_OK);
    store_close(store);
    expect_refused("controller.db", "has version 9, accepted are up to 1");
}

static void write_at(long offset, uint8_t byte, size_t len)
{
    FILE *file = fopen(path, "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_database_is_refused(void **state)
{
    (void)state;
    add_rows(20);
    write_at(4096, 0x5a, 5 * 4096);
    expect_refused("controller.db", "restore it from a backup");
}

static void a_rollout_that_cannot_be_read_is_refused(void **state)
{
    struct store *store = open_store();

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_close(store);
    execute("UPDATE rollouts SET body = x'ffff', ended_at = 0, state = 'stage'");
    expect_refused("controller.db", "rollout 1");
}

static void replace(const char *name, const char *text)
{
    char file[PATH_SIZE];
    struct err err = ERR_INIT;

    assert_true(file_join(file, sizeof(file), place.directory, name, &err));
    assert_true(file_write(file, text, strlen(text), 0600, &err));
}

static void a_mistake_in_trust_is_refused(void **state)
{
    (void)state;
    replace("trust.yaml", "threshold: 1\nkeys: [ ]\n");
    expect_refused("trust.yaml", "keys");
}

static void a_roster_that_nobody_signed_is_refused(void **state)
{
    (void)state;
    replace("roster", "anything");
    expect_refused("/roster", "trust.yaml");
}

static void a_mistake_in_fleet_is_refused(void **state)
{
    (void)state;
    replace("fleet.yaml", "nodes:\n  a1: { ssh: 127.0.0.1 }\n");
    expect_refused("fleet.yaml:2", "127.0.0.1");
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    struct link_tls tls = {place.ca_path, place.cert_path, place.key_path};
    struct err err = ERR_INIT;

    (void)state;
    if (!link_check_tls(&tls, &err))
        fail_msg("%s", err.text);
    tls.key_path = place.operator_key_path;
    assert_false(link_check_tls(&tls, &err));
    assert_non_null(strstr(err.text, "operator.key is not the key of "));
    err = (struct err)ERR_INIT;
    tls = (struct link_tls){place.key_path, place.cert_path, place.key_path};
    assert_false(link_check_tls(&tls, &err));
    assert_non_null(strstr(err.text, "controller.key"));
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

/* SQLite ends a copy that was not made without a word; it has nothing that could be refused. */
static void a_copy_that_is_not_whole_is_no_yes(void **state)
{
    struct err err;

    (void)state;
    store_close(store_case_open_at(path));
    busy = true;
    assert_false(look(&err));
    busy = false;
    assert_non_null(strstr(err.text, "controller.db"));
    assert_non_null(strstr(err.text, "try again"));
    expect_taken();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_copy_that_is_not_whole_is_no_yes),
        WITH_PLACE(what_is_not_there_yet_is_not_made),
        WITH_PLACE(what_was_closed_is_left_as_it_is),
        WITH_PLACE(a_controller_that_writes_is_no_reason),
        WITH_PLACE(what_a_killed_controller_wrote_is_seen),
        WITH_PLACE(what_an_older_controller_kept_is_taken),
        WITH_PLACE(a_newer_database_is_refused),
        WITH_PLACE(a_damaged_database_is_refused),
        WITH_PLACE(a_rollout_that_cannot_be_read_is_refused),
        WITH_PLACE(a_mistake_in_trust_is_refused),
        WITH_PLACE(a_roster_that_nobody_signed_is_refused),
        WITH_PLACE(a_mistake_in_fleet_is_refused),
        WITH_PLACE(a_key_of_another_certificate_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
