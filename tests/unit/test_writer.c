/*
 * test_writer: what the writer says of a record that the disk took and would not sync, and that
 * undo.txt holds no record up and does not pile up.
 *
 * The linker puts this file's fdatasync, and fsync, in the disk's place: the one fails while told
 * to, and counts, the other hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/guard/io/writer.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"

enum { ANSWER_WITHIN_MS = 10000 };

static atomic_bool disk_fails;
static sem_t refused; /* posted each time the disk says no */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    if (!atomic_load(&disk_fails))
        return __real_fdatasync(fd);
    sem_post(&refused);
    errno = EIO;
    return -1;
}

static atomic_bool text_hangs;
static sem_t hanging, released; /* posted by who hangs, and for it */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    if (atomic_exchange(&text_hangs, false)) {
        sem_post(&hanging);
        while (sem_wait(&released) != 0)
            ;
    }
    return __real_fsync(fd);
}

struct place {
    char state[64];
    struct ledger *ledger;
    struct journal *journal;
    struct writer *writer;
};

static struct generation_id the_trial(void)
{
    struct generation_id id = {.attempt = {.sequence = 1}};

    memset(&id.attempt.body, 1, sizeof(id.attempt.body));
    memset(&id.start, 1, sizeof(id.start));
    return id;
}

static int set_up(void **state)
{
    struct place *place = mem_alloc(1, sizeof(*place));
    struct err err = ERR_INIT;

    text_copy(place->state, sizeof(place->state), "/tmp/oceanid-writer-XXXXXX");
    assert_non_null(mkdtemp(place->state));
    assert_int_equal(sem_init(&refused, 0, 0), 0);
    assert_int_equal(sem_init(&hanging, 0, 0), 0);
    assert_int_equal(sem_init(&released, 0, 0), 0);
    place->ledger = mem_alloc(1, sizeof(*place->ledger));
    place->journal = journal_open(place->state, false, place->ledger, &err);
    assert_string_equal(err.text, "");
    place->writer = writer_start(place->journal, place->state);
    *state = place;
    return 0;
}

/* The writer's threads wait at their mailboxes and never end; they have nothing any more. */
static int tear_down(void **state)
{
    static const char *const names[] = {"journal", "journal.lock", "undo.txt"};
    struct place *place = *state;
    char path[96];

    journal_close(place->journal);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", place->state, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(place->state), 0);
    free(place->ledger);
    free(place);
    return 0;
}

static void give(struct place *place, const struct guard_record *record,
                 const struct journal_extra *extra)
{
    struct write *write = write_new(WRITE_RECORD);

    write->durable = true;
    write->record = *record;
    write->bytes = journal_encode(place->journal, record, extra);
    writer_give_take(place->writer, write);
}

static void give_mark(struct place *place, enum mark mark)
{
    struct guard_record record = {
        .kind = RECORD_MARK, .id = the_trial(), .mark = mark, .soak_s = 60};

    give(place, &record, NULL);
}

static bool is_back(const struct place *place, int timeout_ms)
{
    struct pollfd look = {.fd = writer_fd(place->writer), .events = POLLIN};

    return poll(&look, 1, timeout_ms) == 1;
}

static bool take_one_ok(struct place *place, enum write_kind kind)
{
    struct write *write;
    bool ok;

    assert_true(is_back(place, ANSWER_WITHIN_MS));
    write = writer_take(place->writer);
    assert_non_null(write);
    assert_int_equal(write->kind, kind);
    ok = write->ok;
    write_free(write);
    return ok;
}

static bool take_ok(struct place *place)
{
    return take_one_ok(place, WRITE_RECORD);
}

static void begin(struct place *place)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = the_trial()};

    text_copy(record.begin.change, sizeof(record.begin.change), "change-1");
    record.begin.operations_count = 1;
    give(place, &record, NULL);
    assert_true(take_ok(place));
}

static void give_text(struct place *place, const char *text)
{
    struct write *write = write_new(WRITE_TEXT);

    write->bytes = (struct wire_bytes){mem_copy(text, strlen(text)), strlen(text)};
    writer_give_take(place->writer, write);
}

static void wait_posted(sem_t *told)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_WITHIN_MS / 1000;
    assert_int_equal(sem_timedwait(told, &until), 0);
}

/* What the next guard would find, were this one to die now. */
static bool is_confirmed_on_disk(const struct place *place)
{
    struct ledger *ledger = mem_alloc(1, sizeof(*ledger));
    struct err err = ERR_INIT;
    struct journal *looking = journal_open(place->state, true, ledger, &err);
    bool confirmed = ledger->generations_count == 1;

    assert_non_null(looking);
    journal_close(looking);
    free(ledger);
    return confirmed;
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* The sync of it and the sync of cutting it off fail: it may be there at the next start, so nobody
 * is told that it is not. */
static void test_confirmed_is_not_refused_before_it_is_cut_off(void **state)
{
    struct place *place = *state;

    begin(place);
    atomic_store(&disk_fails, true);
    give_mark(place, MARK_CONFIRMED);
    for (int i = 0; i < 4; i++) { /* its own sync, and three of cutting it off */
        wait_posted(&refused);
        assert_false(is_back(place, 0));
    }
    atomic_store(&disk_fails, false);
    assert_false(take_ok(place));
    assert_false(is_confirmed_on_disk(place));
}

/* An end, or a start: the machine goes on from memory, at once. */
static void test_other_records_are_refused_at_once(void **state)
{
    static const enum mark others[] = {MARK_APPLIED, MARK_CONFIRMING, MARK_REVERTING,
                                       MARK_REVERTED};
    struct place *place = *state;

    begin(place);
    atomic_store(&disk_fails, true);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        give_mark(place, others[i]);
        assert_false(take_ok(place));
    }
    atomic_store(&disk_fails, false);
    give_mark(place, MARK_CONFIRMED);
    assert_true(take_ok(place));
    assert_true(is_confirmed_on_disk(place));
}

/* The syncs of undo.txt take as long as the disk likes: what is recorded meanwhile is written. */
static void test_text_holds_up_no_record(void **state)
{
    struct place *place = *state;

    begin(place);
    atomic_store(&text_hangs, true);
    give_text(place, "# the first\n");
    wait_posted(&hanging);
    give_mark(place, MARK_CONFIRMED);
    assert_true(take_ok(place));
    assert_true(is_confirmed_on_disk(place));
    sem_post(&released);
    assert_true(take_one_ok(place, WRITE_TEXT));
}

/* However many are given meanwhile: one waits, and what it replaces is not written any more. */
static void test_of_texts_only_the_newest_waits(void **state)
{
    struct place *place = *state;
    char path[96], line[32] = "";
    FILE *file;

    atomic_store(&text_hangs, true);
    give_text(place, "# the first\n");
    wait_posted(&hanging);
    for (int i = 2; i <= 100; i++) {
        snprintf(line, sizeof(line), "# number %d\n", i);
        give_text(place, line);
    }
    sem_post(&released);
    assert_true(take_one_ok(place, WRITE_TEXT));
    assert_true(take_one_ok(place, WRITE_TEXT));
    snprintf(path, sizeof(path), "%s/undo.txt", place->state);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    fclose(file);
    assert_string_equal(line, "# number 100\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_confirmed_is_not_refused_before_it_is_cut_off),
        TEST(test_other_records_are_refused_at_once),
        TEST(test_text_holds_up_no_record),
        TEST(test_of_texts_only_the_newest_waits),
    };

    log_init("test_writer", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
