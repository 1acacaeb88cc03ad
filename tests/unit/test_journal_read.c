/*
 * test_journal_read: what becomes of a journal that the disk does not give, in whole or in part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/journal_crc.h"
#include "common/core/mem.h"
#include "common/io/file.h"
#include "tests/unit/journal_case.h"

/* ---- a disk that does not give all of it ------------------------------------------------------
 */

/* The linker puts this file's pread in the disk's place. */
static struct {
    off_t from, to; /* not given */
    unsigned times; /* so often */
} bad;

ssize_t __real_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t len, off_t at)
{
    if (bad.times == 0 || at >= bad.to || at + (off_t)len <= bad.from)
        return __real_pread(fd, to, len, at);
    if (at < bad.from)
        return __real_pread(fd, to, (size_t)(bad.from - at), at);
    bad.times--;
    errno = EIO;
    return -1;
}

static bool no_directory_syncs;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat stat;

    if (!no_directory_syncs || fstat(fd, &stat) != 0 || !S_ISDIR(stat.st_mode))
        return __real_fsync(fd);
    errno = EIO;
    return -1;
}

static void spoil(off_t from, off_t to, unsigned times)
{
    bad.from = from;
    bad.to = to;
    bad.times = times;
}

/* 1 stands, then some blocks of reverted ones, then 40 stands and 41 is on trial. */
static void fill_blocks(struct journal_case *place)
{
    place->careless = true;
    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    for (uint8_t i = 2; i < 40; i++)
        journal_case_revert(place, i);
    journal_case_confirm(place, 40);
    journal_case_begin(place, 41);
    assert_true(journal_size(place->journal) > 4 * 4096);
}

/* What was kept aside is the file itself: whoever mends the disk finds all of it. */
static void assert_kept(const struct journal_case *place, const uint8_t *before, size_t before_len)
{
    struct err err = ERR_INIT;
    uint8_t *kept;
    char path[128];
    size_t len;

    snprintf(path, sizeof(path), "%s.damaged", place->path);
    assert_true(file_read(path, 1 << 20, &kept, &len, &err));
    assert_int_equal(len, before_len);
    assert_memory_equal(kept, before, len);
    free(kept);
}

static void assert_stands(const struct journal_case *place, uint8_t number)
{
    const struct generation_id id = journal_case_id(number);
    const struct ledger_generation *generation = ledger_find(place->ledger, &id);

    assert_non_null(generation);
    assert_false(generation->in_doubt);
}

static void test_unreadable_in_the_middle(void **state)
{
    struct journal_case *place = *state;
    struct generation_id id = journal_case_id(41);
    uint8_t *before;
    size_t len;

    fill_blocks(place);
    before = journal_case_read_file(place, &len);
    spoil(4096, 8192, UINT32_MAX);
    journal_case_open_again(place);
    assert_non_null(strstr(journal_damage(place->journal), "the disk does not give 4096"));
    assert_true(journal_is_doubtful(place->journal));
    assert_stands(place, 1);
    assert_stands(place, 40);
    assert_true(place->ledger->is_open);
    assert_true(place->ledger->open.touched[0]);
    assert_non_null(journal_find(place->journal, &id));
    journal_case_mark(place, 41, MARK_REVERTING); /* undoing goes on, and is written down */
    spoil(0, 0, 0);
    assert_kept(place, before, len);
    journal_case_open_again(place);
    assert_string_equal(journal_damage(place->journal), "");
    assert_true(journal_is_doubtful(place->journal));
    assert_int_equal(place->ledger->open.mark, MARK_REVERTING);
    journal_case_move_damaged_away(place);
    assert_false(journal_is_doubtful(place->journal));
    free(before);
}

/* What could not be replaced is not kept aside either: it is still the journal. */
static void test_unreadable_and_its_name_not_synced(void **state)
{
    struct journal_case *place = *state;
    char path[128];

    fill_blocks(place);
    spoil(4096, 8192, UINT32_MAX);
    no_directory_syncs = true;
    journal_case_open_again(place);
    no_directory_syncs = false;
    spoil(0, 0, 0);
    assert_true(journal_is_doubtful(place->journal));
    assert_stands(place, 1);
    assert_true(place->ledger->is_open);
    snprintf(path, sizeof(path), "%s.damaged", place->path);
    assert_int_equal(access(path, F_OK), -1);
}

/* Not as if it had been torn: it was written, and is not cut off. */
static void test_unreadable_at_the_end(void **state)
{
    struct journal_case *place = *state;
    uint8_t *before;
    size_t len;

    fill_blocks(place);
    before = journal_case_read_file(place, &len);
    spoil((off_t)len - 32, (off_t)len, UINT32_MAX); /* the intent of 41 */
    journal_case_open_again(place);
    assert_true(journal_is_doubtful(place->journal));
    assert_true(place->ledger->is_open);
    assert_true(place->ledger->open.touched[0]);
    spoil(0, 0, 0);
    assert_kept(place, before, len);
    free(before);
}

static void test_unreadable_for_a_moment_loses_nothing(void **state)
{
    struct journal_case *place = *state;

    fill_blocks(place);
    spoil(0, 4096, 3);
    journal_case_open_again(place);
    assert_int_equal(bad.times, 0);
    assert_string_equal(journal_damage(place->journal), "");
    assert_false(journal_is_doubtful(place->journal));
    assert_int_equal(place->ledger->generations_count, 2);
}

/* A node that knows nothing would leave a change where it is: better none than that. */
static void test_unreadable_as_a_whole_is_left_alone(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;
    struct stat before, after;

    fill_blocks(place);
    journal_close(place->journal);
    assert_int_equal(stat(place->path, &before), 0);
    spoil(0, before.st_size, UINT32_MAX);
    ledger_init(place->ledger);
    place->journal = journal_open(place->state, false, place->ledger, &err);
    spoil(0, 0, 0);
    assert_null(place->journal);
    assert_non_null(strstr(err.text, "Input/output error"));
    assert_int_equal(stat(place->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
}

static void test_unreadable_is_only_looked_at(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;
    struct journal *looking;
    struct stat before, after;

    fill_blocks(place);
    assert_int_equal(stat(place->path, &before), 0);
    spoil(4096, 8192, UINT32_MAX);
    ledger_init(place->ledger);
    looking = journal_open(place->state, true, place->ledger, &err);
    spoil(0, 0, 0);
    assert_non_null(looking);
    assert_true(journal_is_doubtful(looking));
    assert_true(place->ledger->is_open);
    assert_int_equal(stat(place->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(after.st_nlink, 1);
    journal_close(looking);
}

/* ---- what is searched for ---------------------------------------------------------------------
 */

static size_t looked_at; /* bytes, by the linker's wrapping */

uint32_t __real_journal_crc(struct bytes bytes);
uint32_t __wrap_journal_crc(struct bytes bytes);
uint32_t __wrap_journal_crc(struct bytes bytes)
{
    looked_at += bytes.len;
    return __real_journal_crc(bytes);
}

uint32_t *__real_journal_crc_sums(struct bytes bytes);
uint32_t *__wrap_journal_crc_sums(struct bytes bytes);
uint32_t *__wrap_journal_crc_sums(struct bytes bytes)
{
    looked_at += bytes.len;
    return __real_journal_crc_sums(bytes);
}

/* A part's CRC is the same, however it is come by. */
static void test_crc_of_parts(void **state)
{
    uint8_t data[300];
    uint32_t *sums;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i * 7 + i);
    assert_int_equal(__real_journal_crc((struct bytes){(const uint8_t *)"123456789", 9}),
                     0xe3069283u); /* RFC 3720's polynomial, the usual check */
    sums = __real_journal_crc_sums((struct bytes){data, sizeof(data)});
    for (size_t from = 0; from < sizeof(data); from += 13) {
        for (size_t len = 0; from + len <= sizeof(data); len++)
            assert_int_equal(journal_crc_part(sums, from, len),
                             __real_journal_crc((struct bytes){data + from, len}));
    }
    free(sums);
}

/* Every second byte of a megabyte might begin a record of half a megabyte: each is looked at once
 * for the sums, and what is whole once more; and the record behind it is found. */
static void test_search_looks_at_each_byte_once(void **state)
{
    enum { DAMAGE = 1 << 20 };
    static const uint8_t pattern[] = {0x08, 0x00, 0x08, 0x00};
    struct journal_case *place = *state;
    size_t first, len;
    uint8_t *data, *whole;

    place->careless = true;
    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    first = journal_size(place->journal);
    journal_case_confirm(place, 2);
    whole = journal_case_read_file(place, &len);
    data = mem_alloc(len + DAMAGE, 1);
    memcpy(data, whole, first);
    for (size_t i = 0; i < DAMAGE; i++)
        data[first + i] = pattern[i % sizeof(pattern)];
    memcpy(data + first + DAMAGE, whole + first, len - first);
    journal_case_write_file(place, data, len + DAMAGE);
    looked_at = 0;
    journal_case_open_again(place);
    assert_true(journal_is_doubtful(place->journal));
    assert_int_equal(place->ledger->generations_count, 2);
    assert_true(looked_at > DAMAGE);
    assert_true(looked_at < 2 * (len + DAMAGE));
    free(data);
    free(whole);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, journal_case_set_up, journal_case_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_unreadable_in_the_middle),
        TEST(test_unreadable_and_its_name_not_synced),
        TEST(test_unreadable_at_the_end),
        TEST(test_unreadable_for_a_moment_loses_nothing),
        TEST(test_unreadable_as_a_whole_is_left_alone),
        TEST(test_unreadable_is_only_looked_at),
        cmocka_unit_test(test_crc_of_parts),
        TEST(test_search_looks_at_each_byte_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
