/*
 * store_audit: what the store keeps of emergencies, of the audit and of rehearsals.
 */
#include "tests/unit/store_suite.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/store_case.h"

/* ---- emergencies ----------------------------------------------------------------------------- */

static void expect_back(void *context, const struct store_back *back)
{
    unsigned *count = context;
    bool first = (*count)++ == 0;

    assert_string_equal(back->node, first ? "b1" : "a1");
    assert_int_equal(back->asked, 8);
    assert_int_equal(back->rollout, first ? 8 : 0);
    assert_int_equal(back->attempt.sequence, 3);
    assert_int_equal(back->attempt.body.bytes[0], 5);
    assert_int_equal(back->order.len, first ? 0 : 5);
    assert_int_equal(back->done, !first);
    assert_string_equal(back->state, first ? "unreachable" : "popped");
    assert_string_equal(back->sentence, "it was asked");
    assert_string_equal(back->reason, "drill");
}

static void count_back(void *context, const struct store_back *back)
{
    unsigned *count = context;

    (void)back;
    (*count)++;
}

static void reads_who_is_to_come_back(void **state)
{
    struct store *store = store_suite_open();
    struct store_back back = {.node = "b1",
                              .asked = 8,
                              .rollout = 8,
                              .attempt.sequence = 3,
                              .state = "unreachable",
                              .sentence = "it was asked",
                              .reason = "drill"};
    struct err err = ERR_INIT;
    unsigned count = 0, all = 0;

    (void)state;
    memset(back.attempt.body.bytes, 5, HASH_SIZE);
    store_case_must(store_put_back(store, &back, &err), &err);
    text_copy(back.node, sizeof(back.node), "a1");
    back.rollout = 0;
    back.order = (struct bytes){(const uint8_t *)"order", 5};
    store_case_must(store_put_back(store, &back, &err), &err);
    back.done = true;
    text_copy(back.state, sizeof(back.state), "popped");
    store_case_must(store_put_back(store, &back, &err), &err);
    store_case_must(store_read_backs(store, expect_back, &count, &err), &err);
    assert_int_equal(count, 2);
    back.order.len = 0; /* by the controller's own right: another one, of the same node */
    store_case_must(store_put_back(store, &back, &err), &err);
    store_case_must(store_read_backs(store, count_back, &all, &err), &err);
    assert_int_equal(all, 3);
    store_case_must(store_forget_backs(store, &err), &err);
    store_case_must(store_read_backs(store, expect_back, &count, &err), &err);
    assert_int_equal(count, 2);
    store_close(store);
}

static void reads_the_latest_emergency(void **state)
{
    struct store *store = store_suite_open();
    struct store_emergency emergency = {
        .rollout = 8, .at = 1764000000, .by = "olga", .reason = "drill"};
    struct store_emergency read;
    struct err err = ERR_INIT;

    (void)state;
    store_case_must(store_read_emergency(store, STORE_LATEST, &read, &err), &err);
    assert_int_equal(read.rollout, 0);
    for (; emergency.rollout < 10; emergency.rollout++)
        store_case_must(store_put_emergency(store, STORE_LATEST, &emergency, &err), &err);
    store_case_must(store_read_emergency(store, STORE_NEWER, &read, &err), &err);
    assert_int_equal(read.rollout, 0);
    emergency.rollout = 12;
    store_case_must(store_put_emergency(store, STORE_NEWER, &emergency, &err), &err);
    store_case_must(store_read_emergency(store, STORE_NEWER, &read, &err), &err);
    assert_int_equal(read.rollout, 12);
    store_case_must(store_read_emergency(store, STORE_LATEST, &read, &err), &err);
    assert_int_equal(read.rollout, 9);
    assert_int_equal(read.at, 1764000000);
    assert_string_equal(read.by, "olga");
    assert_string_equal(read.reason, "drill");
    store_close(store);
}

/* ---- audit, rehearsals ----------------------------------------------------------------------- */

static void keeps_the_audit_chain(void **state)
{
    struct store *store = store_suite_open();
    struct audit_row *rows = mem_alloc(8, sizeof(*rows));
    struct err err = ERR_INIT;
    size_t count;

    (void)state;
    store_case_add_rows(store, 5);
    store_case_must(store_read_audit(store, 0, rows, 8, &count, &err), &err);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        store_case_must(audit_check(i > 0 ? &rows[i - 1] : NULL, &rows[i], sign_hash, &err), &err);
    store_case_must(store_read_audit(store, 3, rows, 1, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].index, 4);
    /* A place that is taken is not given again. */
    assert_false(store_add_audit(store, &rows[0], &err));
    free(rows);
    store_close(store);
}

static void keeps_what_was_rehearsed(void **state)
{
    struct store *store = store_suite_open();
    struct rehearsal *said = mem_alloc(1, sizeof(*said)), *found = mem_alloc(1, sizeof(*found));
    struct err err = ERR_INIT;
    bool known;

    (void)state;
    said->operations_count = 2;
    rehearsal_set(said, 0, REHEARSED_GOOD, "");
    rehearsal_set(said, 1, REHEARSED_UNSEEN, "nobody sees it there");
    store_case_must(store_put_rehearsal(store, 1, "a1", said, &err), &err);
    rehearsal_set(said, 0, REHEARSED_REFUSED, "the kernel says no");
    store_case_must(store_put_rehearsal(store, 1, "a1", said, &err), &err);
    store_case_must(store_read_rehearsal(store, 1, "a1", found, &known, &err), &err);
    assert_true(known);
    assert_true(rehearsal_equal(said, found));
    store_case_must(store_read_rehearsal(store, 1, "b2", found, &known, &err), &err);
    assert_false(known);
    store_case_must(store_read_rehearsal(store, 2, "a1", found, &known, &err), &err);
    assert_false(known);
    free(said);
    free(found);
    store_close(store);
}

static const struct CMUnitTest tests[] = {
    STORE_CASE(reads_who_is_to_come_back),
    STORE_CASE(reads_the_latest_emergency),
    STORE_CASE(keeps_the_audit_chain),
    STORE_CASE(keeps_what_was_rehearsed),
};
const struct store_suite store_audit = {tests, sizeof(tests) / sizeof(tests[0])};
