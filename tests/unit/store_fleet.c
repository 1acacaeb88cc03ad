/*
 * store_fleet: what the store keeps of nodes and of what they said, receipts too.
 */
#include "tests/unit/store_suite.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/store_case.h"

/* ---- nodes ---------------------------------------------------------------------------------- */

static void reads_the_fleet_back(void **state)
{
    struct store *store = store_suite_open();
    struct fleet fleet;
    struct fleet_member *member;
    struct fleet_verdict verdict = {.at = 400, .interval_s = 30};
    struct err err = ERR_INIT;

    (void)state;
    fleet_init(&fleet);
    member = fleet_put(&fleet, "a1", false);
    member->heard_unix = 500;
    text_copy(member->version, sizeof(member->version), "0.1");
    text_copy(member->boot_id, sizeof(member->boot_id), "b00t");
    text_copy(verdict.verdict.check, NAME_SIZE, "database");
    verdict.verdict.value = VERDICT_UNKNOWN;
    verdict.decided = VERDICT_FAIL;
    verdict.verdict.severity = SEVERITY_WARNING;
    text_copy(verdict.verdict.observed, REASON_SIZE, "no answer");
    store_case_must(store_put_node(store, member, &err), &err);
    store_case_must(store_put_verdict(store, "a1", &verdict, &err), &err);
    store_case_must(store_put_verdict(store, "gone", &verdict, &err), &err);
    fleet_done(&fleet);
    fleet_init(&fleet);
    member = fleet_put(&fleet, "a1", false);
    store_case_must(store_read_fleet(store, &fleet, &err), &err);
    assert_int_equal(member->heard_unix, 500);
    assert_string_equal(member->version, "0.1");
    assert_string_equal(member->boot_id, "b00t");
    assert_int_equal(member->verdicts_count, 1);
    assert_int_equal(member->verdicts[0].at, 400);
    assert_int_equal(member->verdicts[0].interval_s, 30);
    assert_int_equal(member->verdicts[0].verdict.value, VERDICT_UNKNOWN);
    assert_int_equal(member->verdicts[0].decided, VERDICT_FAIL);
    assert_int_equal(member->verdicts[0].verdict.severity, SEVERITY_WARNING);
    assert_string_equal(member->verdicts[0].verdict.observed, "no answer");
    store_case_must(store_forget_verdicts(store, "a1", &err), &err);
    member->verdicts_count = 0;
    store_case_must(store_read_fleet(store, &fleet, &err), &err);
    assert_int_equal(member->verdicts_count, 0);
    fleet_done(&fleet);
    store_close(store);
}

static uint32_t count_verdicts(struct store *store, const char *node)
{
    struct fleet fleet;
    uint32_t count;
    struct err err = ERR_INIT;

    fleet_init(&fleet);
    fleet_put(&fleet, node, false);
    store_case_must(store_read_fleet(store, &fleet, &err), &err);
    count = fleet_find(&fleet, node)->verdicts_count;
    fleet_done(&fleet);
    return count;
}

static void forgets_what_another_agents_key_said(void **state)
{
    struct store *store = store_suite_open();
    const struct public_key first = {{1}}, second = {{2}};
    struct fleet_verdict verdict = {.at = 400, .interval_s = 30};
    struct err err = ERR_INIT;

    (void)state;
    text_copy(verdict.verdict.check, NAME_SIZE, "database");
    store_case_must(store_put_verdict(store, "a1", &verdict, &err), &err);
    store_case_must(store_put_verdict(store, "b2", &verdict, &err), &err);
    store_case_must(store_keep_agent_key(store, "a1", &first, &err), &err);
    store_case_must(store_keep_agent_key(store, "a1", &first, &err), &err);
    assert_int_equal(count_verdicts(store, "a1"), 1);
    store_case_must(store_keep_agent_key(store, "b2", &first, &err), &err);
    store_case_must(store_keep_agent_key(store, "a1", &second, &err), &err);
    assert_int_equal(count_verdicts(store, "a1"), 0);
    assert_int_equal(count_verdicts(store, "b2"), 1);
    store_close(store);
}

/* ---- receipts -------------------------------------------------------------------------------- */

static bool count_receipt(void *context, uint64_t index, struct bytes envelope)
{
    unsigned *count = context;

    assert_int_equal(index, ++*count);
    assert_int_equal(envelope.len, 3);
    return true;
}

static bool count_one_receipt(void *context, uint64_t index, struct bytes envelope)
{
    count_receipt(context, index, envelope);
    return false;
}

static void keeps_a_receipt_once(void **state)
{
    struct store *store = store_suite_open();
    struct receipt receipt = {.node = "a1", .generation.attempt.sequence = 3};
    struct bytes first = {(const uint8_t *)"one", 3};
    struct bytes second = {(const uint8_t *)"two", 3};
    struct wire_bytes found;
    struct err err = ERR_INIT;
    unsigned count = 0;
    unsigned one = 0;
    bool is_new = false;

    (void)state;
    store_case_must(store_add_receipt(store, &receipt, first, &is_new, &err), &err);
    assert_true(is_new);
    store_case_must(store_add_receipt(store, &receipt, first, &is_new, &err), &err);
    assert_false(is_new);
    store_case_must(store_add_receipt(store, &receipt, second, &is_new, &err), &err);
    assert_true(is_new);
    store_case_must(store_read_receipts(store, 0, count_receipt, &count, &err), &err);
    assert_int_equal(count, 2);
    store_case_must(store_read_receipts(store, 0, count_one_receipt, &one, &err), &err);
    assert_int_equal(one, 1);
    store_case_must(store_find_receipt(store, "a1", &receipt.generation.attempt, &found, &err),
                    &err);
    assert_memory_equal(found.data, "two", 3);
    wire_bytes_done(&found);
    store_case_must(store_find_receipt(store, "b1", &receipt.generation.attempt, &found, &err),
                    &err);
    assert_int_equal(found.len, 0);
    store_close(store);
}

static struct receipt receipt_of(const char *node, uint8_t body, uint64_t sequence)
{
    struct receipt receipt = {.kind = RECEIPT_REVERTED};

    text_copy(receipt.node, sizeof(receipt.node), node);
    memset(receipt.generation.attempt.body.bytes, body, HASH_SIZE);
    receipt.generation.attempt.sequence = sequence;
    return receipt;
}

static bool expects(struct store *store, struct receipt receipt, const char *envelope)
{
    struct bytes bytes = {(const uint8_t *)envelope, strlen(envelope)};
    struct err err = ERR_INIT;
    bool expected = false;

    store_case_must(store_expects_receipt(store, &receipt, bytes, &expected, &err), &err);
    return expected;
}

/* What an older database, or another controller, asked for: of each key, until an approval contains
 * it. */
static void counts_receipts_of_strangers(void **state)
{
    struct store *store = store_suite_open();
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    const struct public_key keys[2] = {{.bytes = {1}}, {.bytes = {2}}};
    const struct hash hashes[2] = {{.bytes = {3}}, {.bytes = {4}}};
    struct err err = ERR_INIT;
    uint64_t count = 9;

    (void)state;
    store_case_must(store_count_strangers(store, "a1", &keys[0], &count, &err), &err);
    assert_int_equal(count, 0);
    for (unsigned i = 0; i < 3; i++) /* the same again is one */
        store_case_must(store_add_stranger(store, "a1", &keys[0], &hashes[i % 2], &err), &err);
    store_case_must(store_add_stranger(store, "a1", &keys[1], &hashes[1], &err), &err);
    store_case_must(store_add_stranger(store, "b2", &keys[0], &hashes[1], &err), &err);
    store_case_must(store_count_strangers(store, "a1", &keys[0], &count, &err), &err);
    assert_int_equal(count, 2);
    approval->lifts_count = 1;
    approval->lifts[0].receipt = hashes[0];
    store_case_must(store_answer_strangers(store, approval, &err), &err);
    store_case_must(store_count_strangers(store, "a1", &keys[0], &count, &err), &err);
    assert_int_equal(count, 1);
    store_case_must(store_count_strangers(store, "b2", &keys[0], &count, &err), &err);
    assert_int_equal(count, 1);
    store_close(store);
}

static void expects_receipts_of_what_was_asked_for(void **state)
{
    struct store *store = store_suite_open();
    struct store_back back = {.node = "c1", .attempt.sequence = 9};
    struct receipt receipt = receipt_of("b1", 7, 3);
    struct err err = ERR_INIT;
    bool is_new = false;

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    store_case_must(store_put_back(store, &back, &err), &err);
    assert_true(expects(store, receipt, "one"));
    assert_true(expects(store, receipt_of("c1", 0, 9), "one"));
    assert_false(expects(store, receipt_of("c1", 7, 3), "one"));
    assert_false(expects(store, receipt_of("b1", 7, 4), "one"));
    assert_false(expects(store, receipt_of("b1", 8, 3), "one"));
    for (int i = 0; i < STORE_RECEIPTS_OF_ONE; i++) {
        uint8_t text = (uint8_t)i;

        assert_true(expects(store, receipt, "one"));
        store_case_must(store_add_receipt(store, &receipt, (struct bytes){&text, 1}, &is_new, &err),
                        &err);
    }
    assert_false(expects(store, receipt, "one"));
    assert_true(expects(store, receipt, "\1")); /* it is there */
    assert_true(expects(store, receipt_of("a1", 7, 3), "one"));
    store_close(store);
}

static const struct CMUnitTest tests[] = {
    STORE_CASE(reads_the_fleet_back),
    STORE_CASE(forgets_what_another_agents_key_said),
    STORE_CASE(keeps_a_receipt_once),
    STORE_CASE(counts_receipts_of_strangers),
    STORE_CASE(expects_receipts_of_what_was_asked_for),
};
const struct store_suite store_fleet = {tests, sizeof(tests) / sizeof(tests[0])};
