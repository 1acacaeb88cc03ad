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
    lead_take_stack(place.lead, node, &stack, clock_now());
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

/* Whether a1 is told to prepare, as the step says that the gates' yes brings with it. */
static bool is_sent_prepare(bool disk_works)
{
    struct led *led = place.lead->leds;
    struct rollout_event gates = {.kind = EVENT_GATES, .gates = {.stage = 0, .pass = true}};

    hear_never("a1");
    hear_never("b2");
    led->machine.record.state = ROLLOUT_GATES; /* nobody is connected: they have said no */
    outbox_clear(place.outbox, "a1");
    if (!disk_works)
        break_disk();
    lead_step(place.lead, led, &gates, NULL);
    return lead_case_has_command("a1", GUARD_PREPARE);
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

/* What a1's guard signed when it had taken it back. */
static void hear_popped(const struct attempt *attempt)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct guard_report report = {.kind = REPORT_RECEIPT};
    struct err err = ERR_INIT;

    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->generation = (struct generation_id){*attempt, {.bytes = {7}}};
    receipt->kind = RECEIPT_POPPED;
    receipt->cause = CAUSE_ORDERED;
    receipt->index = 10;
    report.envelope = wire_encode_receipt(receipt, place.members[PLACE_A1].guard);
    bytes = wire_encode_guard_report(&report);
    wire_bytes_done(&report.envelope);
    if (!lead_take_report(place.lead, "a1", wire_lend(&bytes), &err))
        fail_msg("%s", err.text);
}

/* ---- how it is kept ----------------------------------------------------------------------------
 */

/* Whether all that was kept since was kept in full (test_store_disk: so it is on the disk). */
static bool was_kept_in_full(void)
{
    sqlite3 *db = place.desk.store->db;
    sqlite3_stmt *statement;
    struct err err = ERR_INIT;
    int synchronous;

    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA synchronous", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    synchronous = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    assert_true(store_begin(place.desk.store, STORE_REPORT, &err)); /* as the next report would */
    assert_true(store_commit(place.desk.store, &err));
    return synchronous == 2;
}

static void what_is_promised_is_kept_in_full(void **state)
{
    struct attempt forwarding = {.sequence = 1};
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    was_kept_in_full();
    id = lead_case_start();
    forwarding.body = lead_find(place.lead, id)->machine.record.attempt.body;
    assert_true(was_kept_in_full());
    assert_false(was_kept_in_full());
    hear_never("a1");
    hear_never("b2");
    assert_true(was_kept_in_full());
    assert_true(lead_abort(place.lead, id, "olga", "not today", &err));
    assert_true(was_kept_in_full());
    hear_popped(&forwarding);
    assert_true(was_kept_in_full());
    assert_true(lead_case_take_back("b2", "drill", &err));
    assert_true(was_kept_in_full());
    assert_true(lead_case_try_order("a1", 4, &err));
    assert_true(was_kept_in_full());
}

/* ---- beside incomplete ones -------------------------------------------------------------------
 */

/* Taken back, but for a1, which has not answered. */
static void put_incomplete(struct rollout_record *record)
{
    struct err err = ERR_INIT;

    record->state = ROLLOUT_INCOMPLETE;
    record->targets[0].wants = record->targets[1].wants = WANTS_REVERT;
    record->targets[0].says = SAYS_CONFIRMED;
    record->targets[0].receipt = RECEIPT_CONFIRMED;
    record->targets[0].generation.start.bytes[0] = 7;
    record->targets[0].listed = true;
    record->targets[1].says = SAYS_ENDED;
    record->targets[1].receipt = RECEIPT_POPPED;
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
}

static struct attempt leave_incomplete(uint64_t id)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));

    *record = lead_find(place.lead, id)->machine.record;
    put_incomplete(record);
    lead_case_restart();
    return record->attempt;
}

/* Its guard says that the change stands there. */
static void hear_standing(const struct attempt *attempt)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), "a1");
    text_copy(stack->trial_state, sizeof(stack->trial_state), "idle");
    stack->nonce.bytes[0] = 9;
    stack->generations_count = 1;
    stack->generations[0].id = (struct generation_id){*attempt, {.bytes = {7}}};
    lead_take_stack(place.lead, "a1", stack, clock_now());
}

/* It holds nobody up, and is followed up all the same. */
static void a_rollout_goes_on_beside_an_incomplete_one(void **state)
{
    struct attempt incomplete = leave_incomplete(lead_case_start());
    const struct rollout *machine;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    assert_null(lead_find_open(place.lead));
    if (!lead_case_try_start(2, &id, &err))
        fail_msg("%s", err.text);
    machine = &lead_find(place.lead, id)->machine;
    hear_standing(&incomplete);
    assert_true(lead_case_has_command("a1", GUARD_POP));
    hear_popped(&incomplete);
    assert_int_equal(lead_find(place.lead, 1)->machine.record.state, ROLLOUT_REVERTED);
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    assert_int_equal(machine->record.targets[0].receipt, RECEIPT_KIND_COUNT);
    hear_never("b2");
    assert_int_equal(machine->record.state, ROLLOUT_PAUSED); /* nobody is connected for the gates */
    assert_false(lead_case_try_start(3, &id, &err));
    assert_non_null(strstr(err.text, "rollout 2, forwarding, is open"));
}

/* As many as are led at once; the last of them is of sequence LED_MAX. */
static struct attempt fill_with_incomplete(void)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct attempt first = leave_incomplete(lead_case_start());
    struct err err = ERR_INIT;

    assert_true(store_read_rollout(place.desk.store, 1, stored, &err));
    for (uint64_t i = 2; i <= LED_MAX; i++) {
        stored->record.id = stored->record.attempt.sequence = i;
        assert_true(store_add_rollout(place.desk.store, stored, &err));
        put_incomplete(&stored->record);
    }
    store_rollout_done(stored);
    lead_case_restart();
    first.sequence = LED_MAX;
    return first;
}

/* Refused by its number before anything is kept; the first that ends makes room. */
static void no_rollout_is_led_beyond_the_room(void **state)
{
    struct attempt last = fill_with_incomplete();
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    assert_false(lead_case_try_start(100, &id, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "16 incomplete rollouts still follow up: accepted before"));
    assert_null(lead_find_open(place.lead));
    hear_popped(&last);
    err = (struct err)ERR_INIT;
    if (!lead_case_try_start(100, &id, &err))
        fail_msg("%s", err.text);
    assert_int_equal(id, LED_MAX + 1);
    assert_null(lead_find(place.lead, LED_MAX));
    assert_non_null(lead_find(place.lead, 1));
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
        WITH_PLACE(what_is_promised_is_kept_in_full),
        WITH_PLACE(a_rollout_goes_on_beside_an_incomplete_one),
        WITH_PLACE(no_rollout_is_led_beyond_the_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
