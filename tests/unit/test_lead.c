/*
 * test_lead: what is acknowledged to people is on the disk: what cannot be kept is refused, and
 * what was promised goes on after a restart.
 */
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
#include "common/io/clock.h"
#include "common/io/file.h"
#include "controller/io/lead_parts.h"
#include "controller/io/store_tables.h"
#include "tests/unit/controller_place.h"

static struct place place;

static int open_place(void **state)
{
    (void)state;
    place_open(&place);
    return 0;
}

static int close_place(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

static uint64_t start(void)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct manifest manifest;
    struct err err = ERR_INIT;
    uint64_t id;

    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, 1);
    manifest_done(&manifest);
    if (!lead_order_decode(wire_lend(&bytes), order, &err) ||
        !lead_start(place.lead, order, "olga", (struct bytes){(const uint8_t *)"[]", 2}, &id, &err))
        fail_msg("%s", err.text);
    return id;
}

/* The store and the nodes' agents stay, the lead begins again from what is kept. */
static void restart_lead(void)
{
    struct err err = ERR_INIT;

    lead_free(place.lead);
    place_turn(&place);
    outbox_clear(place.outbox, "a1");
    outbox_clear(place.outbox, "b2");
    place.lead = place.api.lead = lead_new(&place.loop, &place.desk, place.outbox, place.fresh);
    if (!lead_resume(place.lead, &err))
        fail_msg("%s", err.text);
}

static void break_disk(void)
{
    assert_int_equal(sqlite3_exec(place.desk.store->db, "PRAGMA query_only=1", NULL, NULL, NULL),
                     SQLITE_OK);
}

/* ---- a start -------------------------------------------------------------------------------- */

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

/* How many statements the start carries that waits for a1; -1: none waits. */
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
    start();
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
    uint64_t id = start();
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
    uint64_t id = start();

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

/* ---- what cannot be kept -------------------------------------------------------------------- */

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
    start();
    assert_false(is_sent_prepare(false));
    assert_true(place.desk.failed);
}

static void what_is_kept_leaves(void **state)
{
    (void)state;
    start();
    assert_true(is_sent_prepare(true));
}

static void refuses_an_abort_that_cannot_be_kept(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = start();

    (void)state;
    break_disk();
    expect_not_kept(lead_abort(place.lead, id, "olga", "not today", &err), &err);
}

static void refuses_a_next_that_cannot_be_kept(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet", .by = "olga"};
    struct err err = ERR_INIT;
    uint64_t id = start();

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
    start();
    break_disk();
    expect_not_kept(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err), &err);
}

/* ---- what goes on --------------------------------------------------------------------------- */

static void an_emergency_is_listed_after_a_restart(void **state)
{
    const struct lead_backs *backs;
    struct err err = ERR_INIT;
    uint64_t id = start();

    (void)state;
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    restart_lead();
    backs = lead_backs(place.lead);
    assert_int_equal(backs->rollout, id);
    assert_string_equal(backs->list[0].reason, "drill");
    assert_int_equal(backs->count, 2);
    assert_string_equal(backs->list[0].name, "a1");
    assert_false(backs->list[0].done);
}

static void fill_order(struct order *order, const char *node, uint64_t sequence)
{
    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, node);
    order->down_to.attempt.sequence = sequence;
    memset(order->down_to.attempt.body.bytes, (int)sequence, HASH_SIZE);
    text_copy(order->reason, sizeof(order->reason), "drill");
}

static bool try_order(const char *node, uint64_t sequence, struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};

    fill_order(order, node, sequence);
    envelope = wire_encode_order(order, place.approver);
    return lead_pass_order(place.lead, wire_lend(&envelope), "olga", err);
}

static void pass_order(const char *node)
{
    struct err err = ERR_INIT;

    if (!try_order(node, 4, &err))
        fail_msg("%s", err.text);
}

static const struct lead_back *find_back(const char *node)
{
    const struct lead_backs *backs = lead_backs(place.lead);

    for (uint32_t i = 0; i < backs->count; i++) {
        if (text_equal(backs->list[i].name, node))
            return &backs->list[i];
    }
    fail_msg("%s is not asked to come back", node);
    return NULL;
}

static bool is_asked(void *context)
{
    AUTO_WIRE struct wire_bytes reply = {NULL, 0};

    return outbox_next(place.outbox, context, clock_now(), &reply);
}

/* The node was away: its order waits for it, whatever becomes of the controller meanwhile. */
static void an_order_is_passed_on_after_a_restart(void **state)
{
    const struct lead_back *back;
    char node[] = "a1";

    (void)state;
    pass_order(node);
    restart_lead();
    back = find_back(node);
    assert_int_equal(back->attempt.sequence, 4);
    assert_true(back->order.len > 0);
    assert_false(back->done);
    place_until(&place, is_asked, node, "a1's guard is asked again");
}

static void an_order_that_was_obeyed_is_not_asked_again(void **state)
{
    struct stack stack = {.node = "a1"};

    (void)state;
    pass_order("a1");
    lead_backs_stack(place.lead, "a1", &stack);
    assert_true(find_back("a1")->done);
    restart_lead();
    assert_true(find_back("a1")->done);
    assert_string_equal(find_back("a1")->state, "popped");
}

/* What was promised of an earlier day is not forgotten for a later emergency. */
static void an_order_outlives_a_later_emergency(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    start();
    pass_order("w1");
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    assert_int_equal(lead_backs(place.lead)->count, 3);
    assert_int_equal(find_back("w1")->attempt.sequence, 4);
}

/* ---- several of one node -------------------------------------------------------------------- */

static bool is_owed(const char *node, uint64_t sequence, bool is_signed)
{
    const struct lead_backs *backs = lead_backs(place.lead);

    for (uint32_t i = 0; i < backs->count; i++) {
        const struct lead_back *back = &backs->list[i];

        if (text_equal(back->name, node) && back->attempt.sequence == sequence &&
            (back->order.len > 0) == is_signed && !back->done)
            return true;
    }
    return false;
}

/* What it names may lie below what the emergency takes back. */
static void an_order_outlives_an_emergency_on_its_node(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    start();
    pass_order("a1");
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lead_backs(place.lead)->count, 3);
        assert_true(is_owed("a1", 4, true));
        assert_true(is_owed("a1", 1, false));
        restart_lead();
    }
}

/* Which of two lies deeper only the guard knows for sure. */
static void an_order_outlives_another_one_on_its_node(void **state)
{
    struct stack stack = {.node = "a1", .generations_count = 1};
    struct err err = ERR_INIT;

    (void)state;
    pass_order("a1");
    assert_true(try_order("a1", 5, &err));
    assert_true(try_order("a1", 5, &err)); /* again is the same one */
    assert_int_equal(lead_backs(place.lead)->count, 2);
    stack.generations[0].id.attempt = lead_backs(place.lead)->list[0].attempt;
    lead_backs_stack(place.lead, "a1", &stack);
    restart_lead();
    assert_true(is_owed("a1", 4, true));
    assert_false(is_owed("a1", 5, true)); /* nothing of it stands */
}

static void add_nodes(unsigned count)
{
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < count; i++) {
        struct roster_entry entry = {.witness_only = false};

        snprintf(entry.name, sizeof(entry.name), "n%u", i);
        memset(entry.agent_key.bytes, (int)i + 1, KEY_SIZE);
        memset(entry.guard_key.bytes, (int)i + 1, KEY_SIZE);
        if (!roster_put(place.desk.roster, &entry, &err))
            fail_msg("%s", err.text);
    }
}

/* What is answered with a yes is kept; there is always room for an emergency. */
static void an_order_that_finds_no_room_is_refused(void **state)
{
    struct stack stack = {.node = "n7"};
    struct err err = ERR_INIT;
    char node[NAME_SIZE];

    (void)state;
    add_nodes(129);
    start();
    for (unsigned i = 0; i < 128; i++) {
        snprintf(node, sizeof(node), "n%u", i);
        pass_order(node);
        assert_true(is_owed(node, 4, true));
    }
    assert_false(try_order("n128", 4, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    pass_order("n7"); /* has its place */
    lead_backs_stack(place.lead, "n7", &stack);
    pass_order("n128"); /* n7 is back: its place is free */
    assert_true(is_owed("n128", 4, true));
    err = (struct err)ERR_INIT;
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    assert_true(is_owed("a1", 1, false));
    assert_true(is_owed("n0", 4, true));
}

/* ---- several emergencies -------------------------------------------------------------------- */

static unsigned count_open(void)
{
    const struct lead_backs *backs = lead_backs(place.lead);
    unsigned open = 0;

    for (uint32_t i = 0; i < backs->count; i++)
        open += !backs->list[i].done;
    return open;
}

static bool take_back(const char *node, const char *reason, struct err *err)
{
    char names[1][NAME_SIZE] = {""};

    text_copy(names[0], NAME_SIZE, node);
    return lead_emergency(place.lead, names, node[0] != '\0' ? 1 : 0, "olga", reason, err);
}

/* Whoever waits for the first one waits on. */
static void an_emergency_is_not_forgotten_for_a_later_one(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    start();
    assert_true(take_back("", "first", &err));
    assert_int_equal(count_open(), 2);
    assert_true(take_back("b2", "second", &err));
    assert_int_equal(count_open(), 2);
    assert_string_equal(find_back("a1")->reason, "first");
    assert_string_equal(find_back("b2")->reason, "second");
    restart_lead();
    assert_int_equal(count_open(), 2);
    assert_string_equal(find_back("a1")->reason, "first");
}

static void an_emergency_of_unknown_nodes_changes_nothing(void **state)
{
    char names[2][NAME_SIZE] = {"b2", "nobody"};
    struct err err = ERR_INIT;

    (void)state;
    start();
    assert_true(take_back("a1", "drill", &err));
    assert_false(take_back("nobody", "typo", &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.text, "has no node nobody"));
    err = (struct err)ERR_INIT;
    assert_false(lead_emergency(place.lead, names, 2, "olga", "typo", &err));
    assert_int_equal(count_open(), 1);
    restart_lead();
    assert_int_equal(count_open(), 1);
    assert_string_equal(find_back("a1")->reason, "drill");
}

/* A rollout of a1 that is not led any more. */
static void add_standing(uint64_t id, enum target_says says)
{
    AUTO_FREE struct store_rollout *ended = mem_alloc(1, sizeof(*ended));
    struct target_record *target = &ended->record.targets[0];
    struct err err = ERR_INIT;

    ended->record.id = id;
    ended->record.attempt.sequence = 100 + id;
    ended->record.state = ROLLOUT_REVERTED;
    ended->record.targets_count = 1;
    text_copy(target->name, sizeof(target->name), "a1");
    target->says = says;
    if (!store_add_rollout(place.desk.store, ended, &err) ||
        !store_put_record(place.desk.store, &ended->record, 1, &err))
        fail_msg("%s", err.text);
}

static void a_guard_that_was_asked_is_asked_after_a_later_emergency(void **state)
{
    struct err err = ERR_INIT;
    char node[] = "a1";

    (void)state;
    add_standing(1, SAYS_CONFIRMED); /* its guard confirmed it all the same */
    assert_true(take_back("a1", "first", &err));
    assert_int_equal(find_back("a1")->rollout, 0);
    start();
    assert_true(take_back("b2", "second", &err));
    outbox_clear(place.outbox, node);
    place_until(&place, is_asked, node, "a1's guard is asked again");
    assert_string_equal(find_back("a1")->reason, "first");
}

/* However many have come and gone since. */
static void finds_what_stands_behind_many_that_do_not(void **state)
{
    struct stack stack = {.node = "a1"};
    struct err err = ERR_INIT;

    (void)state;
    add_standing(1, SAYS_CONFIRMED);
    for (uint64_t id = 2; id <= 300; id++)
        add_standing(id, SAYS_ENDED);
    assert_true(take_back("a1", "drill", &err));
    assert_int_equal(find_back("a1")->attempt.sequence, 101);
    lead_backs_stack(place.lead, "a1", &stack);
    assert_true(find_back("a1")->done);
}

/* ---- nodes that left ------------------------------------------------------------------------ */

/* The rollout has ended and is not led any more: a1 left the roster with the change, b2 is back. */
static void end_without_a1(uint64_t id)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;

    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_REVERTED;
    record->targets[0].wants = WANTS_NOTHING;
    record->targets[0].says = SAYS_CONFIRMED;
    record->targets[1].wants = WANTS_REVERT;
    record->targets[1].says = SAYS_ENDED;
    record->targets[1].receipt = RECEIPT_POPPED;
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
    assert_true(roster_remove(place.desk.roster, "a1"));
    restart_lead();
}

static void a_node_that_left_is_not_said_to_be_back(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = start();

    (void)state;
    assert_true(take_back("", "drill", &err));
    end_without_a1(id);
    assert_string_equal(find_back("b2")->state, "popped");
    assert_true(find_back("b2")->done);
    assert_string_equal(find_back("a1")->state, "left");
    assert_true(find_back("a1")->left);
    assert_non_null(strstr(find_back("a1")->sentence, "left the roster, may still stand"));
    assert_false(find_back("a1")->done);
}

/* All have confirmed. */
static uint64_t complete_rollout(void)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id = start();

    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_COMPLETE;
    for (uint32_t i = 0; i < record->targets_count; i++) {
        record->targets[i].wants = WANTS_CHANGE;
        record->targets[i].says = SAYS_CONFIRMED;
        record->targets[i].receipt = RECEIPT_CONFIRMED;
    }
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
    restart_lead();
    return id;
}

/* It left when all had confirmed: nobody told the rollout, which was over. */
static void an_emergency_does_not_wait_for_who_left_before(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    complete_rollout();
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(take_back("", "drill", &err));
    lead_backs(place.lead);
    assert_true(find_back("a1")->left);
    assert_false(find_back("b2")->left);
}

/* Asked back alone: that it cannot be asked does not take the change from the others. */
static void an_emergency_of_who_left_leaves_the_others(void **state)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct err err = ERR_INIT;
    uint64_t id = complete_rollout();

    (void)state;
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(take_back("a1", "drill", &err));
    assert_true(store_read_rollout(place.desk.store, id, stored, &err));
    assert_int_equal(stored->record.state, ROLLOUT_ABORTED);
    assert_non_null(strstr(stored->record.sentence, "only root there can take back: a1"));
    assert_int_equal(stored->record.targets[1].wants, WANTS_CHANGE);
    store_rollout_done(stored);
    lead_sweep(place.lead);
    assert_true(take_back("", "drill", &err)); /* and they can still be taken back */
    assert_int_equal(place.lead->leds->machine.record.targets[1].wants, WANTS_REVERT);
}

static void a_node_that_left_is_not_asked_any_more(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    add_standing(1, SAYS_CONFIRMED); /* its guard confirmed it all the same */
    assert_true(take_back("a1", "drill", &err));
    assert_true(lead_backs_deadline(place.lead) != MONO_NEVER);
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(lead_backs_deadline(place.lead) == MONO_NEVER);
    assert_string_equal(find_back("a1")->state, "left");
    assert_false(find_back("a1")->done);
}

/* Its rollout has let go of it for good: nobody else asks its guard. */
static void a_node_that_left_is_asked_when_it_is_admitted_again(void **state)
{
    const struct roster_entry entry = *roster_find(place.desk.roster, "a1");
    struct stack stack = {.node = "a1"};
    struct err err = ERR_INIT;
    uint64_t id = start();
    char node[] = "a1";

    (void)state;
    assert_true(take_back("", "drill", &err));
    end_without_a1(id);
    assert_true(lead_backs_deadline(place.lead) == MONO_NEVER);
    assert_true(roster_put(place.desk.roster, &entry, &err));
    lead_take_roster(place.lead);
    place_until(&place, is_asked, node, "a1's guard is asked");
    assert_false(find_back("a1")->done);
    lead_backs_stack(place.lead, "a1", &stack);
    assert_true(find_back("a1")->done);
    restart_lead();
    assert_string_equal(find_back("a1")->state, "popped");
    assert_true(find_back("a1")->done);
}

/* ---- failed proofs -------------------------------------------------------------------------- */

static void take_failed(unsigned who, uint64_t sequence, uint32_t objects)
{
    AUTO_FREE struct receipt *failed = mem_alloc(1, sizeof(*failed));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct guard_report report = {.kind = REPORT_RECEIPT};
    struct err err = ERR_INIT;

    text_copy(failed->node, sizeof(failed->node), place.members[who].name);
    failed->generation.attempt.sequence = failed->index = sequence;
    failed->kind = RECEIPT_REVERTED;
    failed->cause = CAUSE_PROOF_FAILED;
    failed->objects_count = objects;
    for (uint32_t i = 0; i < objects; i++)
        snprintf(failed->objects[i], sizeof(failed->objects[i]), "rule %u", i);
    report.envelope = wire_encode_receipt(failed, place.members[who].guard);
    bytes = wire_encode_guard_report(&report);
    wire_bytes_done(&report.envelope);
    if (!lead_take_report(place.lead, place.members[who].name, wire_lend(&bytes), &err))
        fail_msg("%s", err.text);
}

static void put_freezes(unsigned count)
{
    const struct hold wanted = {
        .kind = HOLD_FREEZE, .scope = "fleet", .reason = "incident", .by = "olga"};
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < count; i++) {
        if (holds_add(&place.desk.holds, &wanted, clock_unix(), &err) == NULL)
            fail_msg("%s", err.text);
    }
}

static void a_node_that_fails_often_leaves_room_for_others(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 80; i++)
        take_failed(PLACE_B2, 1000 + i, 15);
    take_failed(PLACE_A1, 7, 2);
    assert_non_null(holds_find_quarantine(&place.desk.holds, "a1", "rule 1", NULL));
    assert_null(holds_find_quarantine(&place.desk.holds, "a1", "rule 2", NULL));
    put_freezes(1);
}

/* Its guard bars it all the same; here nobody would know. */
static void a_failed_proof_that_finds_no_room_is_audited(void **state)
{
    (void)state;
    put_freezes(HOLDS_MAX);
    take_failed(PLACE_A1, 7, 2);
    assert_null(holds_find_quarantine(&place.desk.holds, "a1", "rule 1", NULL));
    assert_string_equal(place.desk.audit.subject, "a1");
    assert_non_null(strstr(place.desk.audit.text, "no room"));
}

/* ---- who may sign --------------------------------------------------------------------------- */

/* As every guard judges: it would be kept and never obeyed. */
static void an_order_needs_an_operators_key(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    place.desk.trust->keys[0].roles = TRUST_APPROVER;
    assert_false(try_order("a1", 4, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "signed by olga (approver): accepted is an operator"));
    assert_int_equal(lead_backs(place.lead)->count, 0);
    place.desk.trust->keys[0].roles = TRUST_OPERATOR;
    assert_true(try_order("a1", 4, &err));
}

/* As oceanidctl judges. */
static void a_roster_needs_an_approvers_key(void **state)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    (void)state;
    *roster = *place.desk.roster;
    roster->version = 2;
    envelope = wire_encode_roster(roster, place.approver);
    place.desk.trust->keys[0].roles = TRUST_OPERATOR;
    assert_false(desk_put_roster(&place.desk, wire_lend(&envelope), &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "signed by olga (operator): accepted is an approver"));
    assert_int_equal(place.desk.roster->version, 1);
    place.desk.trust->keys[0].roles = TRUST_APPROVER;
    assert_true(desk_put_roster(&place.desk, wire_lend(&envelope), &err));
}

/* The roster on the disk is signed by place.approver. */
static bool open_with_trust(const struct sign_key *key, const char *roles, struct err *err)
{
    struct public_key olga, anna;
    struct desk desk;
    char hex[2][2 * KEY_SIZE + 1];
    char path[PATH_SIZE], text[768];
    bool opened;

    sign_key_public(key, &olga);
    sign_key_public(place.members[PLACE_W1].agent, &anna);
    bytes_format_hex(olga.bytes, KEY_SIZE, hex[0]);
    bytes_format_hex(anna.bytes, KEY_SIZE, hex[1]);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 300s\nkeys:\n"
             "  - { name: olga, roles: [%s], key: %s }\n"
             "  - { name: anna, roles: [approver], key: %s }\n",
             roles, hex[0], hex[1]);
    assert_true(file_join(path, sizeof(path), place.directory, "trust.yaml", err));
    assert_true(file_write(path, (const uint8_t *)text, strlen(text), 0600, err));
    opened = desk_open(&desk, place.directory, place.desk.fleet_path, ":memory:", err);
    if (opened) {
        assert_int_equal(desk.roster->entries_count, PLACE_MEMBERS);
        assert_string_equal(desk.roster_by, "olga");
        desk_close(&desk);
    }
    return opened;
}

/* An earlier controller took it, or its signer has another role by now: the fleet is led on. */
static void a_kept_roster_needs_any_key(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    if (!open_with_trust(place.approver, "operator", &err))
        fail_msg("%s", err.text);
    assert_true(open_with_trust(place.approver, "approver", &err));
    assert_false(open_with_trust(place.ca, "approver, operator", &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "not signed by a key of"));
}

static void nobody_elses_key_signs(void **state)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    (void)state;
    fill_order(order, "a1", 4);
    envelope = wire_encode_order(order, place.members[PLACE_A1].guard);
    assert_false(lead_pass_order(place.lead, wire_lend(&envelope), "olga", &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "not signed by a key of"));
}

/* ---- what is found again -------------------------------------------------------------------- */

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
    uint64_t id = start();

    (void)state;
    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_INCOMPLETE;
    assert_true(store_begin(place.desk.store, STORE_REPORT, &err));
    assert_true(store_put_record(place.desk.store, record, 1, &err));
    for (uint64_t later = id + 1; later <= id + 300; later++)
        add_ended(later);
    assert_true(store_commit(place.desk.store, &err));
    restart_lead();
    assert_non_null(lead_find(place.lead, id));
    assert_null(lead_find(place.lead, id + 300));
}

/* Puts a hold as the API does, and dies before the rollout hears of it. */
static void put_hold_and_die(enum hold_kind kind, const char *scope)
{
    struct hold wanted = {.kind = kind, .reason = "incident", .by = "olga"};
    const struct hold *hold;
    struct err err = ERR_INIT;

    text_copy(wanted.scope, sizeof(wanted.scope), scope);
    hold = holds_add(&place.desk.holds, &wanted, clock_unix(), &err);
    if (hold == NULL || !store_put_hold(place.desk.store, hold, &err))
        fail_msg("%s", err.text);
    restart_lead();
}

/* a1 was started, and no receipt has said how it ended. */
static uint64_t start_trial(void)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id = start();

    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_STAGE;
    record->targets[0].in_doubt = true;
    if (!store_put_record(place.desk.store, record, 0, &err))
        fail_msg("%s", err.text);
    restart_lead();
    return id;
}

static enum rollout_state state_of(uint64_t id)
{
    return lead_find(place.lead, id)->machine.record.state;
}

static void a_freeze_takes_the_trial_back_after_a_restart(void **state)
{
    uint64_t id = start_trial();

    (void)state;
    assert_int_equal(state_of(id), ROLLOUT_LEARNING);
    put_hold_and_die(HOLD_FREEZE, "a1");
    assert_int_equal(state_of(id), ROLLOUT_REVERTING);
    restart_lead(); /* once more is not worse */
    assert_int_equal(state_of(id), ROLLOUT_REVERTING);
}

static void a_freeze_that_is_not_its_own_leaves_a_trial_alone(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = start_trial();

    (void)state;
    put_hold_and_die(HOLD_FREEZE, "w1");
    put_hold_and_die(HOLD_PAUSE, "fleet");
    assert_int_equal(state_of(id), ROLLOUT_LEARNING);
    assert_true(holds_lift(&place.desk.holds, 1, &err));
    restart_lead();
    assert_int_equal(state_of(id), ROLLOUT_LEARNING);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

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
        WITH_PLACE(an_emergency_is_listed_after_a_restart),
        WITH_PLACE(an_order_is_passed_on_after_a_restart),
        WITH_PLACE(an_order_that_was_obeyed_is_not_asked_again),
        WITH_PLACE(an_order_outlives_a_later_emergency),
        WITH_PLACE(an_emergency_is_not_forgotten_for_a_later_one),
        WITH_PLACE(an_emergency_of_unknown_nodes_changes_nothing),
        WITH_PLACE(finds_what_stands_behind_many_that_do_not),
        WITH_PLACE(a_guard_that_was_asked_is_asked_after_a_later_emergency),
        WITH_PLACE(an_order_outlives_an_emergency_on_its_node),
        WITH_PLACE(an_order_outlives_another_one_on_its_node),
        WITH_PLACE(an_order_that_finds_no_room_is_refused),
        WITH_PLACE(a_node_that_left_is_not_said_to_be_back),
        WITH_PLACE(an_emergency_does_not_wait_for_who_left_before),
        WITH_PLACE(an_emergency_of_who_left_leaves_the_others),
        WITH_PLACE(a_node_that_left_is_not_asked_any_more),
        WITH_PLACE(a_node_that_left_is_asked_when_it_is_admitted_again),
        WITH_PLACE(a_node_that_fails_often_leaves_room_for_others),
        WITH_PLACE(a_failed_proof_that_finds_no_room_is_audited),
        WITH_PLACE(an_order_needs_an_operators_key),
        WITH_PLACE(a_roster_needs_an_approvers_key),
        WITH_PLACE(a_kept_roster_needs_any_key),
        WITH_PLACE(nobody_elses_key_signs),
        WITH_PLACE(an_incomplete_rollout_is_followed_up_however_old),
        WITH_PLACE(a_freeze_takes_the_trial_back_after_a_restart),
        WITH_PLACE(a_freeze_that_is_not_its_own_leaves_a_trial_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
