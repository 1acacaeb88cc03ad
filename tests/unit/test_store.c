/*
 * test_store: the store's contract, which every engine (store_engine) has to pass: everything that
 * is put is read back; what was committed is kept, what was not is not.
 *
 * usage: test_store [ENGINE]
 */
#include "controller/io/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/store_case.h"
#include "tests/unit/store_engine.h"

static const struct store_engine *engine;
static const char *place;

static int make_place(void **state)
{
    (void)state;
    place = engine->make();
    return place == NULL ? -1 : 0;
}

static int end_place(void **state)
{
    (void)state;
    engine->end();
    return 0;
}

/* ---- rollouts ------------------------------------------------------------------------------- */

static void reads_rollouts_back(void **state)
{
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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

/* ---- nodes ---------------------------------------------------------------------------------- */

static void reads_the_fleet_back(void **state)
{
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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

/* ---- receipts, holds, audit ----------------------------------------------------------------- */

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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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

enum { HOLDS_NOW = 15 };

static void reads_holds_back(void **state)
{
    struct store *store = store_case_open_at(place);
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct hold hold = {.id = 4,
                        .kind = HOLD_QUARANTINE,
                        .since = 10,
                        .until = 20,
                        .scope = "a1",
                        .object = "rule 5140",
                        .reason = "office: no",
                        .by = "a1"};
    struct err err = ERR_INIT;

    (void)state;
    memset(hold.receipt.bytes, 9, HASH_SIZE);
    store_case_must(store_put_hold(store, &hold, &err), &err);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    assert_int_equal(holds.id_next, 5);
    assert_int_equal(holds.list[0].kind, HOLD_QUARANTINE);
    assert_string_equal(holds.list[0].scope, "a1");
    assert_string_equal(holds.list[0].object, "rule 5140");
    assert_string_equal(holds.list[0].reason, "office: no");
    assert_int_equal(holds.list[0].since, 10);
    assert_int_equal(holds.list[0].until, 20);
    assert_true(hash_equal(&holds.list[0].receipt, &hold.receipt));
    assert_false(holds.list[0].lifted);
    hold.lifted = true;
    store_case_must(store_put_hold(store, &hold, &err), &err);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    assert_true(holds.list[0].lifted);
    free(holds.list);
    store_close(store);
}

static void put_holds(struct store *store, uint64_t from, uint64_t to, const struct hold *like)
{
    struct err err = ERR_INIT;

    store_case_must(store_begin(store, STORE_REPORT, &err), &err);
    for (uint64_t id = from; id <= to; id++) {
        struct hold hold = *like;

        hold.id = id;
        store_case_must(store_put_hold(store, &hold, &err), &err);
    }
    store_case_must(store_commit(store, &err), &err);
}

/* However many came later and hold nothing any more. */
static void reads_every_active_hold_back(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet"};
    const struct hold pause = {.kind = HOLD_PAUSE, .scope = "fleet", .until = HOLDS_NOW + 1};
    const struct hold lifted = {.kind = HOLD_PAUSE, .scope = "fleet", .lifted = true};
    const struct hold ended = {.kind = HOLD_PAUSE, .scope = "fleet", .until = HOLDS_NOW};
    struct store *store = store_case_open_at(place);
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    put_holds(store, 1, 1, &freeze);
    put_holds(store, 2, 2, &pause);
    put_holds(store, 3, HOLDS_MAX, &ended);
    put_holds(store, HOLDS_MAX + 1, 2 * HOLDS_MAX, &lifted);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, HOLDS_MAX);
    assert_int_equal(holds.list[0].id, 1);
    assert_int_equal(holds.list[1].id, 2);
    assert_int_equal(holds.list[HOLDS_MAX - 1].id, 2 * HOLDS_MAX);
    assert_int_equal(holds.id_next, 2 * HOLDS_MAX + 1);
    free(holds.list);
    store_close(store);
}

/* What was active and is not read would not hold: nothing is led then. */
static void refuses_holds_that_do_not_fit(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet"};
    struct store *store = store_case_open_at(place);
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    put_holds(store, 1, HOLDS_MAX, &freeze);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, HOLDS_MAX);
    put_holds(store, HOLDS_MAX + 1, HOLDS_MAX + 1, &freeze);
    assert_false(store_read_holds(store, HOLDS_NOW, &holds, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "1025 holds are active"));
    free(holds.list);
    store_close(store);
}

/* An id names one hold for good, also one that nobody reads any more. */
static void gives_no_hold_id_twice(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet"};
    const struct hold lifted = {.kind = HOLD_FREEZE, .scope = "fleet", .lifted = true};
    struct store *store = store_case_open_at(place);
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    put_holds(store, 1, HOLDS_MAX, &freeze);
    put_holds(store, HOLDS_MAX + 1, HOLDS_MAX + 7, &lifted);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, HOLDS_MAX);
    assert_int_equal(holds.id_next, HOLDS_MAX + 8);
    free(holds.list);
    store_close(store);
}

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
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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

static void keeps_the_audit_chain(void **state)
{
    struct store *store = store_case_open_at(place);
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
    struct store *store = store_case_open_at(place);
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

/* ---- what is kept --------------------------------------------------------------------------- */

static unsigned count_holds(struct store *store)
{
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    free(holds.list);
    return holds.count;
}

static bool put_hold(struct store *store, uint64_t id)
{
    struct hold hold = {.id = id, .scope = "a1", .reason = "a drill"};
    struct err err = ERR_INIT;

    return store_begin(store, STORE_FULL, &err) && store_put_hold(store, &hold, &err);
}

static void forgets_what_was_cancelled(void **state)
{
    struct store *store = store_case_open_at(place);
    struct err err = ERR_INIT;

    (void)state;
    assert_true(put_hold(store, 1));
    store_cancel(store);
    assert_int_equal(count_holds(store), 0);
    assert_true(put_hold(store, 1));
    store_case_must(store_commit(store, &err), &err);
    store_cancel(store); /* nothing is open: nothing is taken back */
    assert_int_equal(count_holds(store), 1);
    store_close(store);
}

static void keeps_what_was_committed(void **state)
{
    struct store *store = store_case_open_at(place);

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    assert_true(put_hold(store, 1));
    store_close(store);
    store = store_case_open_at(place);
    store_case_expect_rollout(store, 1, 7, 3);
    assert_int_equal(count_holds(store), 0);
    store_close(store);
}

/* A process that is killed behind its commit, with another transaction open. */
static void survives_its_process(void **state)
{
    pid_t child = fork();
    struct err err = ERR_INIT;
    struct store *store;
    int status;

    (void)state;
    if (child == 0) {
        struct store *own = store_open(place, &err);

        if (own == NULL || !put_hold(own, 1) || !store_commit(own, &err) || !put_hold(own, 2))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store = store_case_open_at(place);
    assert_int_equal(count_holds(store), 1);
    store_close(store);
}

/* ---- every engine --------------------------------------------------------------------------- */

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_place, end_place)

static int run_engine(const struct store_engine *which)
{
    const struct CMUnitTest contract[] = {
        CASE(reads_rollouts_back),
        CASE(keeps_what_a_rollout_becomes),
        CASE(keeps_that_a_refusal_is_for_good),
        CASE(refuses_a_sequence_twice),
        CASE(reads_proofs_in_order),
        CASE(reads_the_fleet_back),
        CASE(keeps_a_receipt_once),
        CASE(forgets_what_another_agents_key_said),
        CASE(reads_holds_back),
        CASE(keeps_the_audit_chain),
        CASE(forgets_what_was_cancelled),
        CASE(reads_who_is_to_come_back),
        CASE(reads_the_latest_emergency),
        CASE(keeps_what_was_rehearsed),
        CASE(reads_every_active_hold_back),
        CASE(gives_no_hold_id_twice),
        CASE(refuses_holds_that_do_not_fit),
        CASE(finds_what_has_not_ended),
        CASE(counts_receipts_of_strangers),
        CASE(expects_receipts_of_what_was_asked_for),
    };
    const struct CMUnitTest durability[] = {
        CASE(keeps_what_was_committed),
        CASE(survives_its_process),
    };
    int failed;

    engine = which;
    printf("engine %s\n", which->name);
    failed = cmocka_run_group_tests_name(which->name, contract, NULL, NULL);
    if (which->durable)
        failed += cmocka_run_group_tests_name(which->name, durability, NULL, NULL);
    return failed;
}

int main(int argc, char **argv)
{
    const struct store_engine *only = argc > 1 ? store_engine_find(argv[1]) : NULL;
    int failed = 0;

    if (argc > 1 && only == NULL) {
        fprintf(stderr, "test_store: engine '%s': accepted are", argv[1]);
        for (unsigned i = 0; i < store_engines_count; i++)
            fprintf(stderr, " %s", store_engines[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    for (unsigned i = 0; i < store_engines_count; i++) {
        if (only == NULL || only == &store_engines[i])
            failed += run_engine(&store_engines[i]);
    }
    return failed;
}
