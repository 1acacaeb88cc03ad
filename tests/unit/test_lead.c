/*
 * test_lead: what is acknowledged to people is on the disk: what cannot be kept is refused, and
 * what was led is found again after a restart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/store_tables.h"
#include "tests/unit/lead_case.h"

static void break_disk(void)
{
    assert_int_equal(sqlite3_exec(place.desk.store->db, "PRAGMA query_only=1", NULL, NULL, NULL),
                     SQLITE_OK);
}

/* ---- a start --------------------------------------------------------------------------------- */

static void hear_never(const char *node)
{
    struct stack stack = {.nonce.bytes = {1}};

    text_copy(stack.node, sizeof(stack.node), node);
    text_copy(stack.trial_state, sizeof(stack.trial_state), "idle");
    lead_take_stack(place.lead, node, &stack);
}

/* Learned, the gates pass, and a1 has prepared. */
static void prepare_a1(const struct nonce *nonce)
{
    struct led *led = place.lead->leds;
    struct rollout_event gates = {.kind = EVENT_GATES, .gates = {.stage = 0, .pass = true}};
    struct guard_report said = {.kind = REPORT_PREPARED,
                                .id = {led->machine.record.attempt, *nonce}};
    AUTO_WIRE struct wire_bytes report = wire_encode_guard_report(&said);
    struct err err = ERR_INIT;

    hear_never("a1");
    hear_never("b2");
    led->machine.record.state = ROLLOUT_GATES; /* nobody is connected: they have said no */
    lead_step(place.lead, led, &gates, NULL);
    assert_true(lead_take_report(place.lead, "a1", wire_lend(&report), &err));
}

static void say_of(unsigned member, const char *subject, const struct nonce *nonce,
                   enum verdict_value value)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    text_copy(statement->signer, NAME_SIZE, place.members[member].name);
    text_copy(statement->subject, NAME_SIZE, subject);
    statement->body = place.lead->leds->machine.record.attempt.body;
    statement->nonce = *nonce;
    statement->phase = PHASE_BASELINE;
    statement->verdicts_count = 1;
    text_copy(statement->verdicts[0].check, NAME_SIZE, "ssh");
    verdict_set(&statement->verdicts[0], value, "an SSH banner", "as the test says");
    envelope = wire_encode_statement(statement, place.members[member].agent);
    if (!lead_take_statement(place.lead, statement->signer, wire_lend(&envelope), &err))
        fail_msg("%s", err.text);
}

static void say_baseline(unsigned member, const struct nonce *nonce)
{
    say_of(member, "a1", nonce, VERDICT_PASS);
}

/* How many statements the lead_case_start carries that waits for a1; -1: none waits. */
static int count_carried(void)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    int carried = -1;

    while (outbox_next(place.outbox, "a1", clock_now(), &bytes)) {
        struct session_reply reply;
        struct guard_request asked;
        struct err err = ERR_INIT;

        assert_true(wire_decode_session_reply(wire_lend(&bytes), &reply, &err));
        if (reply.command == COMMAND_GUARD &&
            wire_decode_guard_request(wire_lend(&reply.guard), &asked, &err)) {
            if (asked.kind == GUARD_START)
                carried = (int)asked.statements_count;
            guard_request_done(&asked);
        }
        outbox_acknowledge(place.outbox, "a1", reply.id);
        session_reply_done(&reply);
        wire_bytes_done(&bytes);
    }
    return carried;
}

/* One member signs without end, over nonces that nobody issued. */
static void one_member_does_not_crowd_out_the_others(void **state)
{
    struct nonce nonce = {.bytes = {5}};

    (void)state;
    lead_case_start();
    prepare_a1(&nonce);
    say_baseline(PLACE_W1, &nonce);
    say_baseline(PLACE_A1, &nonce);
    for (unsigned i = 0; i < STATEMENTS_MAX; i++) {
        struct nonce other = {.bytes = {6, (uint8_t)i}};

        say_baseline(PLACE_B2, &other);
    }
    assert_int_equal(count_carried(), -1);
    say_baseline(PLACE_B2, &nonce);
    assert_int_equal(count_carried(), 3);
}

static void count_proof(void *context, const struct store_proof *proof)
{
    unsigned *count = context;

    (void)proof;
    ++*count;
}

static unsigned count_proofs(uint64_t rollout)
{
    struct err err = ERR_INIT;
    unsigned count = 0;

    assert_true(store_read_proofs(place.desk.store, rollout, count_proof, &count, &err));
    return count;
}

/* What nobody waits for is written down nowhere, and the same word only once. */
static void only_who_is_asked_leaves_a_proof(void **state)
{
    struct nonce nonce = {.bytes = {5}};
    uint64_t id = lead_case_start();
    uint64_t rows;

    (void)state;
    prepare_a1(&nonce);
    rows = place.desk.audit.index;
    say_of(PLACE_B2, "stranger", &nonce, VERDICT_FAIL);
    say_of(PLACE_W1, "w1", &nonce, VERDICT_FAIL);
    assert_int_equal(place.desk.audit.index, rows);
    assert_int_equal(count_proofs(id), 0);
    say_of(PLACE_B2, "a1", &nonce, VERDICT_FAIL);
    assert_int_equal(place.desk.audit.index, rows + 1);
    assert_int_equal(count_proofs(id), 1);
    say_of(PLACE_B2, "a1", &nonce, VERDICT_FAIL);
    assert_int_equal(count_proofs(id), 1);
}

/* What a1's agent says of a witness's connections is a proof once over each nonce, and again where
 * it changes its mind, but not without end. */
static void a_source_is_a_proof_once(void **state)
{
    struct nonce nonce = {.bytes = {5}};
    struct source_seen seen = {.witness = "b2", .nonce = nonce, .counts = true, .why = "seen"};
    uint64_t id = lead_case_start();

    (void)state;
    prepare_a1(&nonce);
    say_of(PLACE_B2, "a1", &nonce, VERDICT_PASS);
    for (unsigned i = 0; i < 5; i++)
        lead_take_source(place.lead, "a1", &seen);
    assert_int_equal(count_proofs(id), 1);
    for (unsigned i = 0; i < 50; i++) {
        seen.counts = !seen.counts;
        lead_take_source(place.lead, "a1", &seen);
    }
    assert_int_equal(count_proofs(id), 3);
}

/* ---- what cannot be kept --------------------------------------------------------------------- */

static void expect_not_kept(bool done, const struct err *err)
{
    assert_false(done);
    assert_true(place.desk.failed);
    assert_string_equal(err->text, place.desk.failure.text);
}

/* A command for its guard waits for that node. */
static bool has_command(const char *node)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    bool some = false;

    while (outbox_next(place.outbox, node, clock_now(), &bytes)) {
        struct session_reply reply;
        struct err err = ERR_INIT;

        assert_true(wire_decode_session_reply(wire_lend(&bytes), &reply, &err));
        some = some || reply.command == COMMAND_GUARD;
        outbox_acknowledge(place.outbox, node, reply.id);
        session_reply_done(&reply);
        wire_bytes_done(&bytes);
    }
    return some;
}

/* Whether a1 is told to prepare, as the step says that the gates' yes brings with it. */
static bool is_sent_prepare(bool disk_works)
{
    struct led *led = place.lead->leds;
    struct rollout_event gates = {.kind = EVENT_GATES, .gates = {.stage = 0, .pass = true}};

    hear_never("a1");
    hear_never("b2");
    led->machine.record.state = ROLLOUT_GATES; /* nobody is connected: they have said no */
    has_command("a1");
    if (!disk_works)
        break_disk();
    lead_step(place.lead, led, &gates, NULL);
    return has_command("a1");
}

static void what_cannot_be_kept_does_not_leave(void **state)
{
    (void)state;
    lead_case_start();
    assert_false(is_sent_prepare(false));
    assert_true(place.desk.failed);
}

static void what_is_kept_leaves(void **state)
{
    (void)state;
    lead_case_start();
    assert_true(is_sent_prepare(true));
}

static void refuses_an_abort_that_cannot_be_kept(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    (void)state;
    break_disk();
    expect_not_kept(lead_abort(place.lead, id, "olga", "not today", &err), &err);
}

static void refuses_a_next_that_cannot_be_kept(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet", .by = "olga"};
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    (void)state;
    lead_take_hold(place.lead, &freeze);
    assert_string_equal(rollout_waiting_for(&lead_find(place.lead, id)->machine), "next");
    break_disk();
    expect_not_kept(lead_next(place.lead, id, "olga", &err), &err);
}

static void refuses_an_emergency_that_cannot_be_kept(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    break_disk();
    expect_not_kept(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err), &err);
}

/* ---- what is found again --------------------------------------------------------------------- */

/* A rollout of the store that has nothing to do any more. */
static void add_ended(uint64_t id)
{
    AUTO_FREE struct store_rollout *ended = mem_alloc(1, sizeof(*ended));
    struct err err = ERR_INIT;

    ended->record.id = ended->record.attempt.sequence = id;
    ended->record.state = ROLLOUT_COMPLETE;
    if (!store_add_rollout(place.desk.store, ended, &err) ||
        !store_put_record(place.desk.store, &ended->record, 1, &err))
        fail_msg("%s", err.text);
}

static void an_incomplete_rollout_is_followed_up_however_old(void **state)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    (void)state;
    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_INCOMPLETE;
    assert_true(store_begin(place.desk.store, STORE_REPORT, &err));
    assert_true(store_put_record(place.desk.store, record, 1, &err));
    for (uint64_t later = id + 1; later <= id + 300; later++)
        add_ended(later);
    assert_true(store_commit(place.desk.store, &err));
    lead_case_restart();
    assert_non_null(lead_find(place.lead, id));
    assert_null(lead_find(place.lead, id + 300));
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(one_member_does_not_crowd_out_the_others),
        WITH_PLACE(only_who_is_asked_leaves_a_proof),
        WITH_PLACE(a_source_is_a_proof_once),
        WITH_PLACE(what_cannot_be_kept_does_not_leave),
        WITH_PLACE(what_is_kept_leaves),
        WITH_PLACE(refuses_an_abort_that_cannot_be_kept),
        WITH_PLACE(refuses_a_next_that_cannot_be_kept),
        WITH_PLACE(refuses_an_emergency_that_cannot_be_kept),
        WITH_PLACE(an_incomplete_rollout_is_followed_up_however_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
