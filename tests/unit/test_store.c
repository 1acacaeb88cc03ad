/*
 * test_store: everything that is put is read back, from memory and from the disk; what was not
 * committed is not there; a file that cannot be led from is refused.
 */
#include "controller/io/store.h"

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

#include "common/core/mem.h"
#include "common/core/text.h"

static char directory[64], path[96];

static void remove_file(const char *suffix)
{
    char name[128];

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    unlink(name);
}

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof(directory), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/controller.db", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    remove_file("");
    remove_file("-wal");
    remove_file("-shm");
    return rmdir(directory);
}

static struct store *open_at(const char *where)
{
    struct err err = ERR_INIT;
    struct store *store = store_open(where, &err);

    if (store == NULL)
        fail_msg("%s", err.text);
    return store;
}

static void refuse_to_open(const char *part)
{
    struct err err = ERR_INIT;
    struct store *store = store_open(path, &err);

    assert_null(store);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void must(bool done, const struct err *err)
{
    if (!done)
        fail_msg("%s", err->text);
}

/* ---- rollouts ------------------------------------------------------------------------------- */

static void fill_record(struct rollout_record *record, uint64_t id, uint8_t body, uint64_t sequence)
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
    for (uint32_t i = 0; i < 2; i++) {
        struct target_record *target = &record->targets[i];

        text_copy(target->name, sizeof(target->name), i == 0 ? "a1" : "b1");
        target->stage = i;
        target->wants = WANTS_CHANGE;
        target->says = i == 0 ? SAYS_CONFIRMED : SAYS_PREPARED;
        target->in_doubt = i == 1;
        target->listed = i == 0;
        target->generation.attempt = record->attempt;
        memset(target->generation.start.bytes, 40 + (int)i, NONCE_SIZE);
        target->receipt = i == 0 ? RECEIPT_CONFIRMED : RECEIPT_KIND_COUNT;
        target->cause = i == 0 ? CAUSE_NONE : CAUSE_DISK;
        text_copy(target->reason, sizeof(target->reason), "with \"quotes\" and 'more'");
    }
}

static void expect_record(const struct rollout_record *found, const struct rollout_record *wanted)
{
    assert_int_equal(found->id, wanted->id);
    assert_true(attempt_equal(&found->attempt, &wanted->attempt));
    assert_int_equal(found->not_after, wanted->not_after);
    assert_int_equal(found->state, wanted->state);
    assert_string_equal(found->sentence, wanted->sentence);
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
        assert_int_equal(a->listed, b->listed);
        assert_true(generation_id_equal(&a->generation, &b->generation));
        assert_int_equal(a->receipt, b->receipt);
        assert_int_equal(a->cause, b->cause);
        assert_string_equal(a->reason, b->reason);
    }
}

static void add_rollout(struct store *store, uint64_t id, uint8_t body, uint64_t sequence)
{
    struct store_rollout *rollout = mem_alloc(1, sizeof(*rollout));
    struct err err = ERR_INIT;

    fill_record(&rollout->record, id, body, sequence);
    text_copy(rollout->by, sizeof(rollout->by), "anna");
    rollout->started_at = 1000;
    rollout->body = (struct wire_bytes){mem_copy("the body", 8), 8};
    rollout->approval = (struct wire_bytes){mem_copy("an\0approval", 11), 11};
    must(store_begin(store, STORE_FULL, &err), &err);
    must(store_add_rollout(store, rollout, &err), &err);
    must(store_put_gates(store, id, (struct bytes){(const uint8_t *)"[]", 2}, &err), &err);
    must(store_commit(store, &err), &err);
    store_rollout_done(rollout);
    free(rollout);
}

static void expect_rollout(struct store *store, uint64_t id, uint8_t body, uint64_t sequence)
{
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct rollout_record wanted;
    struct err err = ERR_INIT;

    must(store_read_rollout(store, id, found, &err), &err);
    fill_record(&wanted, id, body, sequence);
    expect_record(&found->record, &wanted);
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

static void reads_rollouts_back(void **state)
{
    struct store *store = open_at(":memory:");
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct err err = ERR_INIT;
    uint64_t ids[4];
    size_t count;

    (void)state;
    add_rollout(store, 1, 7, 3);
    add_rollout(store, 2, 8, 4);
    expect_rollout(store, 1, 7, 3);
    expect_rollout(store, 2, 8, 4);
    must(store_list_rollouts(store, ids, 4, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(ids[0], 2);
    must(store_list_rollouts(store, ids, 1, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_false(store_read_rollout(store, 9, found, &err));
    assert_int_equal(err.kind, ERR_MISSING);
    free(found);
    store_close(store);
}

static void keeps_what_a_rollout_becomes(void **state)
{
    struct store *store = open_at(":memory:");
    struct store_rollout *found = mem_alloc(1, sizeof(*found));
    struct rollout_record record;
    struct err err = ERR_INIT;

    (void)state;
    add_rollout(store, 1, 7, 3);
    fill_record(&record, 1, 7, 3);
    record.state = ROLLOUT_INCOMPLETE;
    record.aborted = true;
    record.advanced = false;
    record.targets[0].says = SAYS_ENDED;
    record.targets[0].receipt = RECEIPT_POPPED;
    record.targets[1].wants = WANTS_REVERT;
    must(store_put_record(store, &record, 2000, &err), &err);
    must(store_read_rollout(store, 1, found, &err), &err);
    expect_record(&found->record, &record);
    assert_int_equal(found->ended_at, 2000);
    store_rollout_done(found);
    free(found);
    store_close(store);
}

/* The same sequence with another body is two histories of one fleet. */
static void refuses_a_sequence_twice(void **state)
{
    struct store *store = open_at(":memory:");
    struct store_rollout *again = mem_alloc(1, sizeof(*again));
    struct err err = ERR_INIT;

    (void)state;
    add_rollout(store, 1, 7, 3);
    fill_record(&again->record, 2, 7, 3);
    assert_false(store_add_rollout(store, again, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "is rollout 1 already"));
    fill_record(&again->record, 2, 8, 3);
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
    struct store *store = open_at(":memory:");
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
    must(store_add_proof(store, &proof, &err), &err);
    text_copy(proof.signer, sizeof(proof.signer), "laptop");
    proof.counted = false;
    must(store_add_proof(store, &proof, &err), &err);
    proof.rollout = 2;
    must(store_add_proof(store, &proof, &err), &err);
    must(store_read_proofs(store, 1, count_proof, &count, &err), &err);
    assert_int_equal(count, 2);
    store_close(store);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void reads_the_fleet_back(void **state)
{
    struct store *store = open_at(":memory:");
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
    verdict.verdict.value = VERDICT_FAIL;
    verdict.verdict.severity = SEVERITY_WARNING;
    text_copy(verdict.verdict.observed, REASON_SIZE, "no answer");
    must(store_put_node(store, member, &err), &err);
    must(store_put_verdict(store, "a1", &verdict, &err), &err);
    must(store_put_verdict(store, "gone", &verdict, &err), &err);
    fleet_done(&fleet);
    fleet_init(&fleet);
    member = fleet_put(&fleet, "a1", false);
    must(store_read_fleet(store, &fleet, &err), &err);
    assert_int_equal(member->heard_unix, 500);
    assert_string_equal(member->version, "0.1");
    assert_string_equal(member->boot_id, "b00t");
    assert_int_equal(member->verdicts_count, 1);
    assert_int_equal(member->verdicts[0].at, 400);
    assert_int_equal(member->verdicts[0].interval_s, 30);
    assert_int_equal(member->verdicts[0].verdict.value, VERDICT_FAIL);
    assert_int_equal(member->verdicts[0].verdict.severity, SEVERITY_WARNING);
    assert_string_equal(member->verdicts[0].verdict.observed, "no answer");
    must(store_forget_verdicts(store, "a1", &err), &err);
    member->verdicts_count = 0;
    must(store_read_fleet(store, &fleet, &err), &err);
    assert_int_equal(member->verdicts_count, 0);
    fleet_done(&fleet);
    store_close(store);
}

/* ---- receipts, holds, audit ----------------------------------------------------------------- */

static void count_receipt(void *context, uint64_t index, struct bytes envelope)
{
    unsigned *count = context;

    assert_int_equal(index, ++*count);
    assert_int_equal(envelope.len, 3);
}

static void keeps_a_receipt_once(void **state)
{
    struct store *store = open_at(":memory:");
    struct receipt receipt = {.node = "a1", .generation.attempt.sequence = 3};
    struct bytes first = {(const uint8_t *)"one", 3};
    struct bytes second = {(const uint8_t *)"two", 3};
    struct wire_bytes found;
    struct err err = ERR_INIT;
    unsigned count = 0;
    bool is_new = false;

    (void)state;
    must(store_add_receipt(store, &receipt, first, &is_new, &err), &err);
    assert_true(is_new);
    must(store_add_receipt(store, &receipt, first, &is_new, &err), &err);
    assert_false(is_new);
    must(store_add_receipt(store, &receipt, second, &is_new, &err), &err);
    assert_true(is_new);
    must(store_read_receipts(store, 0, count_receipt, &count, &err), &err);
    assert_int_equal(count, 2);
    must(store_find_receipt(store, "a1", &receipt.generation.attempt, &found, &err), &err);
    assert_memory_equal(found.data, "two", 3);
    wire_bytes_done(&found);
    must(store_find_receipt(store, "b1", &receipt.generation.attempt, &found, &err), &err);
    assert_int_equal(found.len, 0);
    store_close(store);
}

static void reads_holds_back(void **state)
{
    struct store *store = open_at(":memory:");
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
    must(store_put_hold(store, &hold, &err), &err);
    must(store_read_holds(store, &holds, &err), &err);
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
    must(store_put_hold(store, &hold, &err), &err);
    must(store_read_holds(store, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    assert_true(holds.list[0].lifted);
    free(holds.list);
    store_close(store);
}

static void add_rows(struct store *store, unsigned count)
{
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < count; i++) {
        const struct audit_entry entry = {10 + i, "anna", "rollout", "m7", "next"};
        struct audit_row last;
        struct audit_row row;

        must(store_read_last_audit(store, &last, &err), &err);
        assert_int_equal(last.index, i);
        audit_append(last.index > 0 ? &last : NULL, &entry, sign_hash, &row);
        must(store_add_audit(store, &row, &err), &err);
    }
}

static void keeps_the_audit_chain(void **state)
{
    struct store *store = open_at(":memory:");
    struct audit_row *rows = mem_alloc(8, sizeof(*rows));
    struct err err = ERR_INIT;
    size_t count;

    (void)state;
    add_rows(store, 5);
    must(store_read_audit(store, 0, rows, 8, &count, &err), &err);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        must(audit_check(i > 0 ? &rows[i - 1] : NULL, &rows[i], sign_hash, &err), &err);
    must(store_read_audit(store, 3, rows, 1, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].index, 4);
    /* A place that is taken is not given again. */
    assert_false(store_add_audit(store, &rows[0], &err));
    free(rows);
    store_close(store);
}

/* ---- the disk ------------------------------------------------------------------------------- */

static void keeps_what_was_committed_on_the_disk(void **state)
{
    struct store *store = open_at(path);
    struct hold hold = {.id = 1, .scope = "a1", .reason = "not committed"};
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    add_rollout(store, 1, 7, 3);
    must(store_begin(store, STORE_FULL, &err), &err);
    must(store_put_hold(store, &hold, &err), &err);
    store_cancel(store);
    must(store_begin(store, STORE_REPORT, &err), &err);
    must(store_put_hold(store, &hold, &err), &err);
    store_close(store);
    store = open_at(path);
    expect_rollout(store, 1, 7, 3);
    must(store_read_holds(store, &holds, &err), &err);
    assert_int_equal(holds.count, 0);
    free(holds.list);
    store_close(store);
}

/* A process that is killed behind its commit, with another transaction open. */
static void survives_its_process(void **state)
{
    pid_t child = fork();
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;
    struct store *store;
    int status;

    (void)state;
    if (child == 0) {
        struct hold hold = {.id = 1, .scope = "a1", .reason = "half"};
        struct store *own = store_open(path, &err);

        if (own == NULL || !store_begin(own, STORE_FULL, &err) ||
            !store_put_hold(own, &hold, &err) || !store_commit(own, &err))
            _exit(1);
        hold.id = 2;
        if (!store_begin(own, STORE_FULL, &err) || !store_put_hold(own, &hold, &err))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store = open_at(path);
    must(store_read_holds(store, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    free(holds.list);
    store_close(store);
}

static void write_at(long offset, const char *data, size_t len)
{
    FILE *file = fopen(path, "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void refuses_what_is_no_database(void **state)
{
    FILE *file = fopen(path, "w");

    (void)state;
    assert_non_null(file);
    for (unsigned i = 0; i < 512; i++)
        fputs("not a database, ", file);
    assert_int_equal(fclose(file), 0);
    refuse_to_open("not a database");
}

static void refuses_a_damaged_file(void **state)
{
    struct store *store = open_at(path);
    static char noise[4096];

    (void)state;
    add_rollout(store, 1, 7, 3);
    add_rows(store, 20);
    store_close(store);
    memset(noise, 0x5a, sizeof(noise));
    for (long page = 1; page < 6; page++)
        write_at(page * (long)sizeof(noise), noise, sizeof(noise));
    refuse_to_open("restore it from a backup");
}

static void refuses_a_newer_schema(void **state)
{
    struct store *store = open_at(path);

    (void)state;
    store_close(store);
    write_at(60, "\0\0\0\x63", 4); /* user_version */
    refuse_to_open("has version 99, accepted are up to 1");
}

static void refuses_where_it_cannot_write(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "%s/nowhere/controller.db", directory);
    refuse_to_open("cannot be opened");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rollouts_back),
        cmocka_unit_test(keeps_what_a_rollout_becomes),
        cmocka_unit_test(refuses_a_sequence_twice),
        cmocka_unit_test(reads_proofs_in_order),
        cmocka_unit_test(reads_the_fleet_back),
        cmocka_unit_test(keeps_a_receipt_once),
        cmocka_unit_test(reads_holds_back),
        cmocka_unit_test(keeps_the_audit_chain),
        cmocka_unit_test_setup_teardown(keeps_what_was_committed_on_the_disk, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(survives_its_process, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_database, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(refuses_a_damaged_file, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(refuses_a_newer_schema, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(refuses_where_it_cannot_write, make_directory,
                                        remove_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
