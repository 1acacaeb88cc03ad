/*
 * test_reporter: changes only, nothing lost with a connection, one command answered in a report.
 */
#include "agent/io/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

static int open_reporter(void **state)
{
    *state = reporter_new();
    return 0;
}

static int close_reporter(void **state)
{
    reporter_free(*state);
    return 0;
}

static void tell(struct reporter *reporter, const char *check, enum verdict_value value)
{
    struct verdict verdict = {.value = value};

    text_copy(verdict.check, sizeof(verdict.check), check);
    reporter_tell_verdict(reporter, &verdict, 0);
}

/* The next report, decoded, on the heap; NULL: nothing to say. */
static struct session_request *next(struct reporter *reporter, bool full)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct session_request *request;
    struct err err = ERR_INIT;
    uint64_t id;

    if (!reporter_next(reporter, full, &bytes, &id))
        return NULL;
    request = mem_alloc(1, sizeof(*request));
    assert_true(wire_decode_session_request(wire_lend(&bytes), request, &err));
    assert_int_equal(request->id, id);
    return request;
}

static void drop(struct session_request *request)
{
    session_request_done(request);
    free(request);
}

static void acknowledge(struct reporter *reporter, struct session_request *request)
{
    reporter_acknowledge(reporter, request->id);
    drop(request);
}

static struct wire_bytes some_report(void)
{
    struct guard_report report = {.kind = REPORT_PROGRESS};

    return wire_encode_guard_report(&report);
}

static void only_changes_are_told(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;

    assert_null(next(reporter, false));
    tell(reporter, "one", VERDICT_PASS);
    tell(reporter, "two", VERDICT_PASS);
    request = next(reporter, false);
    assert_int_equal(request->verdicts_count, 2);
    assert_false(request->full);
    assert_null(next(reporter, false)); /* one is out at a time */
    acknowledge(reporter, request);
    assert_null(next(reporter, false));
    tell(reporter, "two", VERDICT_FAIL);
    request = next(reporter, false);
    assert_int_equal(request->verdicts_count, 1);
    assert_string_equal(request->verdicts[0].check, "two");
    assert_int_equal(request->verdicts[0].value, VERDICT_FAIL);
    acknowledge(reporter, request);
    request = next(reporter, true);
    assert_int_equal(request->verdicts_count, 2);
    assert_true(request->full);
    drop(request);
}

static void what_changes_while_it_is_out_is_told_too(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;

    tell(reporter, "one", VERDICT_PASS);
    request = next(reporter, false);
    tell(reporter, "one", VERDICT_FAIL);
    acknowledge(reporter, request);
    request = next(reporter, false);
    assert_int_equal(request->verdicts_count, 1);
    assert_int_equal(request->verdicts[0].value, VERDICT_FAIL);
    drop(request);
}

static void lost_report_is_told_again(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;
    uint64_t late;

    tell(reporter, "one", VERDICT_PASS);
    reporter_add_guard(reporter, some_report(), 0);
    request = next(reporter, true);
    late = request->id;
    drop(request);
    reporter_lose(reporter);
    request = next(reporter, false);
    assert_true(request->full);
    assert_int_equal(request->verdicts_count, 1);
    assert_int_equal(request->guard_count, 1);
    reporter_acknowledge(reporter, late); /* of the connection before: passed over */
    drop(request);
    reporter_lose(reporter);
    request = next(reporter, false);
    assert_int_equal(request->guard_count, 1);
    acknowledge(reporter, request);
    assert_null(next(reporter, false));
}

static void one_command_is_answered_in_a_report(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;

    reporter_add_guard(reporter, some_report(), 4);
    reporter_add_guard(reporter, some_report(), 0);
    reporter_add_guard(reporter, some_report(), 5);
    request = next(reporter, false);
    assert_int_equal(request->answers, 4);
    assert_int_equal(request->guard_count, 2);
    acknowledge(reporter, request);
    request = next(reporter, false);
    assert_int_equal(request->answers, 5);
    assert_int_equal(request->guard_count, 1);
    acknowledge(reporter, request);
}

static void more_verdicts_than_fit_follow(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;
    char name[NAME_SIZE];

    for (int i = 0; i < VERDICTS_MAX + 10; i++) {
        snprintf(name, sizeof(name), "check-%d", i);
        tell(reporter, name, VERDICT_PASS);
    }
    request = next(reporter, true);
    assert_int_equal(request->verdicts_count, VERDICTS_MAX);
    assert_true(request->full);
    acknowledge(reporter, request);
    request = next(reporter, false);
    assert_int_equal(request->verdicts_count, 10);
    assert_false(request->full); /* or the first ones would be forgotten */
    acknowledge(reporter, request);
    assert_null(next(reporter, false));
}

static void tell_as_many_as_fit(struct reporter *reporter)
{
    char name[NAME_SIZE];

    for (int i = 0; i < VERDICTS_MAX; i++) {
        snprintf(name, sizeof(name), "check-%d", i);
        tell(reporter, name, VERDICT_PASS);
    }
}

/* The controller cannot see it from one that left no room. */
static void that_none_follow_is_told_too(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;

    tell_as_many_as_fit(reporter);
    acknowledge(reporter, next(reporter, false)); /* changes: nobody waits for others */
    assert_null(next(reporter, false));
    acknowledge(reporter, next(reporter, true));
    request = next(reporter, false);
    assert_non_null(request);
    assert_int_equal(request->verdicts_count, 0);
    assert_false(request->full);
    acknowledge(reporter, request);
    assert_null(next(reporter, false));
}

/* Whatever part of it is lost: which ones have arrived is not known any more. */
static void all_is_told_again_when_a_part_is_lost(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;

    tell_as_many_as_fit(reporter);
    acknowledge(reporter, next(reporter, true));
    drop(next(reporter, false));
    reporter_lose(reporter);
    request = next(reporter, false);
    assert_non_null(request);
    assert_true(request->full);
    assert_int_equal(request->verdicts_count, VERDICTS_MAX);
    acknowledge(reporter, request);
    acknowledge(reporter, next(reporter, false));
    assert_null(next(reporter, false));
}

static void drift_comes_with_every_report_and_its_end_in_a_full_one(void **state)
{
    struct reporter *reporter = *state;
    struct session_request *request;
    char lines[1][SENTENCE_SIZE] = {"- 5140: from 203.0.113.10 lookup main"};

    reporter_set_drift(reporter, lines, 1);
    request = next(reporter, false);
    assert_int_equal(request->drift_count, 1);
    assert_string_equal(request->drift[0], lines[0]);
    acknowledge(reporter, request);
    reporter_set_drift(reporter, lines, 1);
    assert_null(next(reporter, false));
    reporter_set_drift(reporter, lines, 0);
    request = next(reporter, false);
    assert_int_equal(request->drift_count, 0);
    assert_true(request->full);
    acknowledge(reporter, request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_changes_are_told, open_reporter, close_reporter),
        cmocka_unit_test_setup_teardown(what_changes_while_it_is_out_is_told_too, open_reporter,
                                        close_reporter),
        cmocka_unit_test_setup_teardown(lost_report_is_told_again, open_reporter, close_reporter),
        cmocka_unit_test_setup_teardown(one_command_is_answered_in_a_report, open_reporter,
                                        close_reporter),
        cmocka_unit_test_setup_teardown(more_verdicts_than_fit_follow, open_reporter,
                                        close_reporter),
        cmocka_unit_test_setup_teardown(that_none_follow_is_told_too, open_reporter,
                                        close_reporter),
        cmocka_unit_test_setup_teardown(all_is_told_again_when_a_part_is_lost, open_reporter,
                                        close_reporter),
        cmocka_unit_test_setup_teardown(drift_comes_with_every_report_and_its_end_in_a_full_one,
                                        open_reporter, close_reporter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
