/*
 * store_rollouts: what the store keeps of rollouts, and what their nodes proved.
 */
#include "tests/unit/store_suite.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/store_case.h"

/* ---- rollouts ------------------------------------------------------------------------------- */

static void reads_rollouts_back(void **state)
{
    struct store *store = store_suite_open();
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct err err = ERR_INIT;
    uint64_t ids[4];
    size_t count;

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_add_rollout(store, 2, 8, 4);
    store_case_expect_rollout(store, 1, 7, 3);
    store_case_expect_rollout(store, 2, 8, 4);
    store_case_must(store_list_rollouts(store, STORE_NEWEST, ids, 4, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(ids[0], 2);
    store_case_must(store_list_rollouts(store, STORE_NEWEST, ids, 1, &count, &err), &err);
    assert_int_equal(count, 1);
    store_case_must(store_list_rollouts(store, 2, ids, 4, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], 1);
    assert_false(store_read_rollout(store, 9, found, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    free(found);
    store_close(store);
}

static void keeps_what_a_rollout_becomes(void **state)
{
    struct store *store = store_suite_open();
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct rollout_record record;
    struct err err = ERR_INIT;

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_fill_record(&record, 1, 7, 3);
    record.state = ROLLOUT_INCOMPLETE;
    record.aborted = true;
    record.advanced = false;
    record.targets[0].says = SAYS_ENDED;
    record.targets[0].receipt = RECEIPT_POPPED;
    record.targets[1].wants = WANTS_REVERT;
    store_case_must(store_put_record(store, &record, 2000, &err), &err);
    store_case_must(store_read_rollout(store, 1, found, &err), &err);
    store_case_expect_record(&found->record, &record);
    assert_int_equal(found->ended_at, 2000);
    store_rollout_done(found);
    free(found);
    store_close(store);
}

static void expect_kept(struct store *store, const struct rollout_record *record)
{
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct err err = ERR_INIT;

    store_case_must(store_put_record(store, record, 0, &err), &err);
    store_case_must(store_read_rollout(store, 1, found, &err), &err);
    store_case_expect_record(&found->record, record);
    store_rollout_done(found);
    free(found);
}

/* Of the last refusal: a later one that may pass is not taken for one for good. */
static void keeps_that_a_refusal_is_for_good(void **state)
{
    struct store *store = store_suite_open();
    struct rollout_record record;

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_fill_record(&record, 1, 7, 3);
    record.targets[1].says = SAYS_REFUSED;
    expect_kept(store, &record);
    record.targets[1].lasting = true;
    expect_kept(store, &record);
    expect_kept(store, &record);
    record.targets[1].lasting = false;
    expect_kept(store, &record);
    store_close(store);
}

/* Those that have ended since do not hide it. */
static void finds_what_has_not_ended(void **state)
{
    struct store *store = store_suite_open();
    struct rollout_record record;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    for (unsigned i = 1; i <= 4; i++) {
        store_case_add_rollout(store, i, (uint8_t)i, i);
        store_case_fill_record(&record, i, (uint8_t)i, i);
        record.state = i == 2 ? ROLLOUT_INCOMPLETE : ROLLOUT_COMPLETE;
        if (i < 4)
            store_case_must(store_put_record(store, &record, 2000, &err), &err);
    }
    store_case_must(store_find_unended(store, 0, &id, &err), &err);
    assert_int_equal(id, 2);
    store_case_must(store_find_unended(store, 2, &id, &err), &err);
    assert_int_equal(id, 4);
    store_case_must(store_find_unended(store, 4, &id, &err), &err);
    assert_int_equal(id, 0);
    store_close(store);
}

/* The same sequence with another body is two histories of one fleet. */
static void refuses_a_sequence_twice(void **state)
{
    struct store *store = store_suite_open();
    struct store_rollout *again = mem_alloc(1, sizeof(*again));
    struct err err = ERR_INIT;

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_fill_record(&again->record, 2, 7, 3);
    assert_false(store_add_rollout(store, again, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "is rollout 1 already"));
    store_case_fill_record(&again->record, 2, 8, 3);
    err = (struct err)ERR_INIT;
    assert_false(store_add_rollout(store, again, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "ALARM"));
    free(again);
    store_close(store);
}

static void count_proof(void *context, const struct store_proof *proof)
{
    unsigned *count = context;

    assert_string_equal(proof->node, "a1");
    assert_string_equal(proof->signer, *count == 0 ? "office" : "laptop");
    assert_int_equal(proof->phase, PHASE_RENEWAL);
    assert_int_equal(proof->counted, *count == 0);
    assert_string_equal(proof->verdict.check, "ssh");
    assert_int_equal(proof->verdict.value, VERDICT_PASS);
    (*count)++;
}

static void reads_proofs_in_order(void **state)
{
    struct store *store = store_suite_open();
    struct store_proof proof = {.rollout = 1,
                                .at = 5,
                                .node = "a1",
                                .signer = "office",
                                .phase = PHASE_RENEWAL,
                                .counted = true,
                                .verdict = {.check = "ssh", .value = VERDICT_PASS}};
    struct err err = ERR_INIT;
    unsigned count = 0;

    (void)state;
    store_case_must(store_add_proof(store, &proof, &err), &err);
    text_copy(proof.signer, sizeof(proof.signer), "laptop");
    proof.counted = false;
    store_case_must(store_add_proof(store, &proof, &err), &err);
    proof.rollout = 2;
    store_case_must(store_add_proof(store, &proof, &err), &err);
    store_case_must(store_read_proofs(store, 1, count_proof, &count, &err), &err);
    assert_int_equal(count, 2);
    store_close(store);
}

static const struct CMUnitTest tests[] = {
    STORE_CASE(reads_rollouts_back),
    STORE_CASE(keeps_what_a_rollout_becomes),
    STORE_CASE(keeps_that_a_refusal_is_for_good),
    STORE_CASE(finds_what_has_not_ended),
    STORE_CASE(refuses_a_sequence_twice),
    STORE_CASE(reads_proofs_in_order),
};
const struct store_suite store_rollouts = {tests, sizeof(tests) / sizeof(tests[0])};
