/*
 * store_case: a store with a rollout and an audit in it, and the same expected back.
 */
#include "tests/unit/store_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

struct store *store_case_open_at(const char *where)
{
    struct err err = ERR_INIT;
    struct store *store = store_open(where, &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

void store_case_must(bool done, const struct err *err)
{
    if (!done)
        fail_msg("%s", err->text);
}

void store_case_fill_record(struct rollout_record *record, uint64_t id, uint8_t body,
                            uint64_t sequence)
{
    *record = (struct rollout_record){.id = id,
                                      .attempt.sequence = sequence,
                                      .not_after = 7777,
                                      .state = ROLLOUT_STAGE,
                                      .stage = 1,
                                      .emergency = true,
                                      .advanced = true,
                                      .targets_count = 2};
    memset(record->attempt.body.bytes, body, HASH_SIZE);
    text_copy(record->sentence, sizeof(record->sentence), "started; in doubt: b1");
    record->since = 1700000000 + (int64_t)id;
    for (uint32_t i = 0; i < 2; i++) {
        struct target_record *target = &record->targets[i];

        text_copy(target->name, sizeof(target->name), i == 0 ? "a1" : "b1");
        target->stage = i;
        target->wants = WANTS_CHANGE;
        target->says = i == 0 ? SAYS_CONFIRMED : SAYS_PREPARED;
        target->in_doubt = i == 1;
        target->begun = i != 1;
        target->listed = i == 0;
        target->generation.attempt = record->attempt;
        memset(target->generation.start.bytes, 40 + (int)i, NONCE_SIZE);
        target->receipt = i == 0 ? RECEIPT_CONFIRMED : RECEIPT_KIND_COUNT;
        target->cause = i == 0 ? CAUSE_NONE : CAUSE_DISK;
        text_copy(target->reason, sizeof(target->reason), "with \"quotes\" and 'more'");
    }
}

void store_case_expect_record(const struct rollout_record *found,
                              const struct rollout_record *wanted)
{
    assert_int_equal(found->id, wanted->id);
    assert_true(attempt_equal(&found->attempt, &wanted->attempt));
    assert_int_equal(found->not_after, wanted->not_after);
    assert_int_equal(found->state, wanted->state);
    assert_string_equal(found->sentence, wanted->sentence);
    assert_int_equal(found->since, wanted->since);
    assert_int_equal(found->stage, wanted->stage);
    assert_int_equal(found->aborted, wanted->aborted);
    assert_int_equal(found->emergency, wanted->emergency);
    assert_int_equal(found->advanced, wanted->advanced);
    assert_int_equal(found->targets_count, wanted->targets_count);
    for (uint32_t i = 0; i < wanted->targets_count; i++) {
        const struct target_record *a = &found->targets[i];
        const struct target_record *b = &wanted->targets[i];

        assert_string_equal(a->name, b->name);
        assert_int_equal(a->stage, b->stage);
        assert_int_equal(a->wants, b->wants);
        assert_int_equal(a->says, b->says);
        assert_int_equal(a->in_doubt, b->in_doubt);
        assert_int_equal(a->begun, b->begun);
        assert_int_equal(a->lasting, b->lasting);
        assert_int_equal(a->listed, b->listed);
        assert_true(generation_id_equal(&a->generation, &b->generation));
        assert_int_equal(a->receipt, b->receipt);
        assert_int_equal(a->cause, b->cause);
        assert_string_equal(a->reason, b->reason);
    }
}

void store_case_add_rollout(struct store *store, uint64_t id, uint8_t body, uint64_t sequence)
{
    struct store_rollout *rollout = mem_alloc(1, sizeof(*rollout));
    struct err err = ERR_INIT;

    store_case_fill_record(&rollout->record, id, body, sequence);
    text_copy(rollout->by, sizeof(rollout->by), "anna");
    rollout->started_at = 1000;
    rollout->body = (struct wire_bytes){mem_copy("the body", 8), 8};
    rollout->approval = (struct wire_bytes){mem_copy("an\0approval", 11), 11};
    store_case_must(store_begin(store, STORE_FULL, &err), &err);
    store_case_must(store_add_rollout(store, rollout, &err), &err);
    store_case_must(store_put_gates(store, id, (struct bytes){(const uint8_t *)"[]", 2}, &err),
                    &err);
    store_case_must(store_commit(store, &err), &err);
    store_rollout_done(rollout);
    free(rollout);
}

void store_case_expect_rollout(struct store *store, uint64_t id, uint8_t body, uint64_t sequence)
{
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct rollout_record wanted;
    struct err err = ERR_INIT;

    store_case_must(store_read_rollout(store, id, found, &err), &err);
    store_case_fill_record(&wanted, id, body, sequence);
    store_case_expect_record(&found->record, &wanted);
    assert_string_equal(found->by, "anna");
    assert_int_equal(found->started_at, 1000);
    assert_int_equal(found->ended_at, 0);
    assert_int_equal(found->body.len, 8);
    assert_memory_equal(found->body.data, "the body", 8);
    assert_int_equal(found->approval.len, 11);
    assert_memory_equal(found->approval.data, "an\0approval", 11);
    assert_int_equal(found->gates.len, 2);
    store_rollout_done(found);
    free(found);
}

void store_case_add_rows(struct store *store, unsigned count)
{
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < count; i++) {
        const struct audit_entry entry = {10 + i, "anna", "rollout", "m7", "next"};
        struct audit_row last;
        struct audit_row row;

        store_case_must(store_read_last_audit(store, &last, &err), &err);
        assert_int_equal(last.index, i);
        audit_append(last.index > 0 ? &last : NULL, &entry, sign_hash, &row);
        store_case_must(store_add_audit(store, &row, &err), &err);
    }
}
