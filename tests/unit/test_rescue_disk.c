/*
 * test_rescue_disk: which record an answer is of, who writes it, and when the mark `unrecorded` may
 * go.
 *
 * The process that writes is stopped for a disk that hangs, and may write no file for one that is
 * full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/guard/io/journal_frame.h"
#include "agent/guard/io/rescue_disk.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/journal_case.h"

enum { ANSWER_WITHIN_MS = 10000, MANY = 5000 };

struct place {
    struct journal_case *journal;
    struct guard_config config;
    struct rescue_disk *disk;
    char mark_path[128];
    struct run_mark mark;
};

static void start(struct place *place, void **state)
{
    struct err err = ERR_INIT;

    *place = (struct place){.journal = *state};
    journal_case_open_again(place->journal);
    journal_case_begin(place->journal, 1);
    snprintf(place->config.socket, sizeof(place->config.socket), "%s/guard.sock",
             place->journal->state);
    run_unrecorded_path(&place->config, place->mark_path, sizeof(place->mark_path));
    assert_true(run_mark_unrecorded(&place->config, &place->mark, &err));
    place->disk =
        rescue_disk_start(place->journal->journal, place->journal->ledger, &place->config);
    assert_non_null(place->disk);
}

static void end(struct place *place)
{
    rescue_disk_close(place->disk);
    unlink(place->mark_path);
}

static void give(struct place *place, uint64_t number)
{
    const struct guard_record record = {.kind = RECORD_MARK,
                                        .id = journal_case_id(1),
                                        .mark = MARK_REVERTING,
                                        .at = (int64_t)number};
    struct wire_bytes encoded = journal_encode(place->journal->journal, &record, NULL);

    rescue_disk_give(place->disk, RESCUE_WRITE_RECORD, wire_lend(&encoded), &record);
    wire_bytes_done(&encoded);
}

/* Returns the record's number; 0: there is no answer in time. */
static uint64_t take(struct place *place, int timeout_ms, bool *ret_ok)
{
    const struct guard_record *record;
    struct err err = ERR_INIT;

    if (!rescue_disk_take(place->disk, clock_now() + timeout_ms, ret_ok, &record, &err))
        return 0;
    return (uint64_t)record->at;
}

static void limit_files(const struct place *place, rlim_t size)
{
    struct rlimit limit;

    assert_int_equal(prlimit(rescue_disk_pid(place->disk), RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(prlimit(rescue_disk_pid(place->disk), RLIMIT_FSIZE, &limit, NULL), 0);
}

static bool is_marked(const struct place *place)
{
    return access(place->mark_path, F_OK) == 0;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* More than the socket takes: what was given is answered as what it is, the rest is refused. */
static void what_cannot_be_given_is_refused(void **state)
{
    struct place place;
    uint64_t refused = 0, written = 0, number;
    bool ok;

    start(&place, state);
    kill(rescue_disk_pid(place.disk), SIGSTOP);
    for (uint64_t i = 1; i <= MANY; i++)
        give(&place, i);
    while (take(&place, 0, &ok) != 0) {
        assert_false(ok);
        refused++;
    }
    assert_true(refused > 0 && refused < MANY);
    kill(rescue_disk_pid(place.disk), SIGCONT);
    while ((number = take(&place, ANSWER_WITHIN_MS, &ok)) != 0) {
        assert_true(ok);
        assert_int_equal(number, ++written);
        give(&place, MANY + written); /* out of order now: it is refused too */
        assert_int_equal(take(&place, 0, &ok), MANY + written);
        assert_false(ok);
    }
    assert_int_equal(written + refused, MANY);
    assert_int_equal(rescue_disk_pending(place.disk), 0);
    end(&place);
}

/* ---- one that is killed ---------------------------------------------------------------------- */

/* Whole ones, from the beginning on. */
static unsigned count_records(const struct place *place)
{
    size_t len;
    AUTO_FREE uint8_t *data = journal_case_read_file(place->journal, &len);
    struct bytes rest = {data, len}, payload;
    unsigned count = 0;

    while (journal_frame_look(rest, &payload) == FRAME_WHOLE) {
        rest.data += FRAME_HEAD + payload.len;
        rest.len -= FRAME_HEAD + payload.len;
        count++;
    }
    assert_int_equal(rest.len, 0);
    return count;
}

/* As it leaves a record that it was killed in. */
static void tear(const struct place *place)
{
    size_t len;
    AUTO_FREE uint8_t *data = journal_case_read_file(place->journal, &len);
    FILE *file = fopen(place->journal->path, "ae");

    assert_true(len > FRAME_HEAD + 4);
    assert_int_equal(fwrite(data, 1, FRAME_HEAD + 4, file), FRAME_HEAD + 4);
    assert_int_equal(fclose(file), 0);
}

static void one_that_is_killed_is_followed(void **state)
{
    struct place place;
    unsigned before;
    pid_t first;
    bool ok;

    start(&place, state);
    first = rescue_disk_pid(place.disk);
    before = count_records(&place);
    give(&place, 1);
    assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), 1);
    kill(first, SIGSTOP);
    give(&place, 2);
    give(&place, 3);
    tear(&place);
    kill(first, SIGKILL);
    for (uint64_t i = 2; i <= 3; i++) {
        assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), i);
        assert_true(ok);
    }
    assert_int_not_equal(rescue_disk_pid(place.disk), first);
    assert_int_equal(count_records(&place), before + 3);
    end(&place);
}

/* What it was killed for kills the next one, too: refused, and not for ever begun anew. */
static void one_is_killed_again_and_again(void **state)
{
    struct place place;
    uint64_t written = 0;
    unsigned before;
    bool ok = true;

    start(&place, state);
    before = count_records(&place);
    while (ok && written < MANY) {
        kill(rescue_disk_pid(place.disk), SIGKILL);
        give(&place, written + 1);
        assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), written + 1);
        written += ok;
    }
    assert_true(written > 0 && written < MANY);
    assert_int_equal(count_records(&place), before + written);
    give(&place, written + 1);
    assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), written + 1);
    assert_false(ok);
    end(&place);
}

/* ---- the mark ------------------------------------------------------------------------------- */

static void a_mark_goes_when_what_was_refused_is_written(void **state)
{
    struct place place;
    bool ok;

    signal(SIGXFSZ, SIG_IGN);
    start(&place, state);
    limit_files(&place, 0);
    give(&place, 1);
    assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), 1);
    assert_false(ok);
    limit_files(&place, RLIM_INFINITY);
    give(&place, 1);
    assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), 1);
    assert_true(ok);
    rescue_disk_unmark(place.disk, &place.mark);
    rescue_disk_close(place.disk);
    assert_false(is_marked(&place));
}

static void a_mark_stays_when_one_is_refused_unheard(void **state)
{
    struct place place;
    bool ok;

    signal(SIGXFSZ, SIG_IGN);
    start(&place, state);
    limit_files(&place, 0);
    give(&place, 1);
    rescue_disk_unmark(place.disk, &place.mark);
    assert_int_equal(take(&place, ANSWER_WITHIN_MS, &ok), 1);
    rescue_disk_close(place.disk);
    assert_true(is_marked(&place));
    unlink(place.mark_path);
}

static void anothers_mark_stays(void **state)
{
    struct place place;
    struct run_mark other;
    struct err err = ERR_INIT;

    start(&place, state);
    assert_true(run_mark_unrecorded(&place.config, &other, &err));
    rescue_disk_unmark(place.disk, &place.mark);
    rescue_disk_close(place.disk);
    assert_true(is_marked(&place));
    run_unmark_unrecorded(&place.config, &other);
    assert_false(is_marked(&place));
}

/* A guard that was started meanwhile has written the end: nobody else would take the mark away. */
static void a_mark_goes_when_the_journal_has_its_reason(void **state)
{
    struct nonce depth = {{7}};
    struct ledger ledger = {.generations_count = 1};
    struct place place;

    start(&place, state);
    run_note_depth(&place.config, &depth);
    ledger.generations[0].id.start = depth;
    assert_false(run_unmark_recorded(&place.config, &ledger));
    ledger.generations[0].id.start.bytes[0] = 8;
    ledger.is_open = true;
    ledger.open.id.start = depth;
    assert_false(run_unmark_recorded(&place.config, &ledger));
    assert_true(is_marked(&place));
    ledger.is_open = false;
    assert_true(run_unmark_recorded(&place.config, &ledger));
    assert_false(is_marked(&place));
    assert_false(run_unmark_recorded(&place.config, &ledger));
    end(&place);
}

/* How deep it went is not known: while anything stands it may be of that. */
static void a_mark_without_a_depth_goes_when_nothing_stands(void **state)
{
    struct ledger ledger = {.generations_count = 1};
    struct place place;

    start(&place, state);
    assert_false(run_unmark_recorded(&place.config, &ledger));
    ledger.generations_count = 0;
    assert_true(run_unmark_recorded(&place.config, &ledger));
    assert_false(is_marked(&place));
    end(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_given_is_refused, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_killed_is_followed, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(one_is_killed_again_and_again, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(a_mark_goes_when_what_was_refused_is_written,
                                        journal_case_set_up, journal_case_tear_down),
        cmocka_unit_test_setup_teardown(a_mark_stays_when_one_is_refused_unheard,
                                        journal_case_set_up, journal_case_tear_down),
        cmocka_unit_test_setup_teardown(a_mark_goes_when_the_journal_has_its_reason,
                                        journal_case_set_up, journal_case_tear_down),
        cmocka_unit_test_setup_teardown(a_mark_without_a_depth_goes_when_nothing_stands,
                                        journal_case_set_up, journal_case_tear_down),
        cmocka_unit_test_setup_teardown(anothers_mark_stays, journal_case_set_up,
                                        journal_case_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
