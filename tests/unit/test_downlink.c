/*
 * test_downlink: agents' sessions over a real link: who is let in as whom, parked polls, reports,
 * and what the lead makes of them.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/downlink_parts.h"
#include "controller/io/store_tables.h"
#include "tests/unit/controller_place.h"

enum { ASK_MS = 40000 };

static struct place place;

/* nng frees a connection's TLS state on a thread of its own, which the end of the process may
 * overtake. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so\n";
}

/* ---- a fake agent ----------------------------------------------------------------------------
 */

/* One request under way; filled on the library's thread. */
struct answer {
    pthread_mutex_t lock;
    bool done, failed;
    struct wire_bytes bytes;
};

struct agent {
    const struct place_member *member;
    struct link_client *client;
    pthread_mutex_t lock;
    bool connected;
    struct session_reply reply;
    bool has_reply;
};

static void on_state(void *context, bool connected)
{
    struct agent *agent = context;

    pthread_mutex_lock(&agent->lock);
    agent->connected = connected;
    pthread_mutex_unlock(&agent->lock);
}

static bool is_connected(void *context)
{
    struct agent *agent = context;
    bool connected;

    pthread_mutex_lock(&agent->lock);
    connected = agent->connected;
    pthread_mutex_unlock(&agent->lock);
    return connected;
}

static void dial(struct agent *agent, unsigned index)
{
    char url[64];
    struct link_client_options options = {.url = url, .state_fn = on_state, .context = agent};
    struct err err = ERR_INIT;

    memset(agent, 0, sizeof(*agent));
    pthread_mutex_init(&agent->lock, NULL);
    agent->member = &place.members[index];
    options.tls =
        (struct link_tls){place.ca_path, agent->member->cert_path, agent->member->key_path};
    snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%u", downlink_port(place.downlink));
    agent->client = link_client_new(&options, &err);
    assert_string_equal(err.text, "");
    place_until(&place, is_connected, agent, "the agent's connection");
}

static void hang_up(struct agent *agent)
{
    link_client_free(agent->client);
    if (agent->has_reply)
        session_reply_done(&agent->reply);
    pthread_mutex_destroy(&agent->lock);
}

static void on_reply(void *context, const struct bytes *reply, const char *reason)
{
    struct answer *answer = context;

    (void)reason;
    pthread_mutex_lock(&answer->lock);
    answer->failed = reply == NULL;
    if (reply != NULL)
        answer->bytes = (struct wire_bytes){mem_copy(reply->data, reply->len), reply->len};
    answer->done = true;
    pthread_mutex_unlock(&answer->lock);
}

static bool is_done(void *context)
{
    struct answer *answer = context;
    bool done;

    pthread_mutex_lock(&answer->lock);
    done = answer->done;
    pthread_mutex_unlock(&answer->lock);
    return done;
}

static void begin(struct agent *agent, struct bytes request, struct answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    pthread_mutex_init(&answer->lock, NULL);
    link_client_ask(agent->client, request, ASK_MS, on_reply, answer);
}

/* The reply stays in agent->reply until the next one. */
static const struct session_reply *end(struct agent *agent, struct answer *answer)
{
    struct err err = ERR_INIT;

    place_until(&place, is_done, answer, "a reply");
    assert_false(answer->failed);
    if (agent->has_reply)
        session_reply_done(&agent->reply);
    agent->has_reply = wire_decode_session_reply(wire_lend(&answer->bytes), &agent->reply, &err);
    assert_string_equal(err.text, "");
    wire_bytes_done(&answer->bytes);
    pthread_mutex_destroy(&answer->lock);
    return &agent->reply;
}

static const struct session_reply *ask(struct agent *agent, const struct session_request *request)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(request);
    struct answer answer;

    begin(agent, wire_lend(&bytes), &answer);
    return end(agent, &answer);
}

static struct session_request *new_request(enum session_request_kind kind)
{
    struct session_request *request = mem_alloc(1, sizeof(*request));

    request->kind = kind;
    return request;
}

static const struct session_reply *hello_begin(struct agent *agent, const char *name)
{
    AUTO_FREE struct session_request *request = new_request(ASK_HELLO_BEGIN);

    request->protocol = WIRE_PROTOCOL;
    text_copy(request->name, sizeof(request->name), name);
    return ask(agent, request);
}

/* What a hello is made of; zeroed for the usual one. */
struct hello {
    const char *name;           /* NULL: its own */
    const struct sign_key *key; /* NULL: its own */
    struct nonce challenge;
    bool extra, guard_is_dead;
    const struct attempt *stands;
    struct bytes nonce;
};

static const struct session_reply *hello(struct agent *agent, const struct hello *given)
{
    AUTO_FREE struct session_request *request = new_request(ASK_HELLO);
    AUTO_WIRE struct wire_bytes payload = {NULL, 0};
    AUTO_WIRE struct wire_bytes stack = {NULL, 0};
    const char *name = given->name != NULL ? given->name : agent->member->name;

    text_copy(request->name, sizeof(request->name), name);
    text_copy(request->version, sizeof(request->version), "0.1.0");
    text_copy(request->boot_id, sizeof(request->boot_id), "boot-1");
    request->challenge = given->challenge;
    request->extra = given->extra;
    request->witness_only = agent->member->guard == NULL;
    payload = wire_challenge_payload(&given->challenge, name);
    sign_make(given->key != NULL ? given->key : agent->member->agent, SIGN_CHALLENGE,
              wire_lend(&payload), &request->signature);
    if (agent->member->guard != NULL && !given->guard_is_dead)
        stack = place_make_stack(agent->member, &given->challenge, given->stands);
    request->stack = stack;
    request->nonce = (struct wire_bytes){(uint8_t *)(uintptr_t)given->nonce.data, given->nonce.len};
    return ask(agent, request);
}

static const struct session_reply *greet(struct agent *agent, struct hello *given)
{
    const struct session_reply *reply = hello_begin(agent, agent->member->name);

    assert_int_equal(reply->kind, ANSWER_CHALLENGE);
    given->challenge = reply->challenge;
    return hello(agent, given);
}

static void join(struct agent *agent, unsigned index)
{
    struct hello given = {0};

    dial(agent, index);
    assert_int_equal(greet(agent, &given)->kind, ANSWER_WELCOME);
}

static const struct session_reply *poll(struct agent *agent, uint64_t acknowledged)
{
    AUTO_FREE struct session_request *request = new_request(ASK_POLL);

    request->id = acknowledged;
    return ask(agent, request);
}

/* Takes and acknowledges commands until one of that kind comes. */
static const struct session_reply *poll_for(struct agent *agent, enum command_kind kind)
{
    const struct session_reply *reply = poll(agent, 0);

    while (reply->command != kind) {
        assert_int_equal(reply->kind, ANSWER_COMMAND);
        reply = poll(agent, reply->id);
    }
    return reply;
}

static bool audit_says_after(uint64_t index, const char *what, const char *part)
{
    AUTO_FREE struct audit_row *rows = mem_alloc(256, sizeof(*rows));
    struct err err = ERR_INIT;
    size_t count;

    assert_true(store_read_audit(place.desk.store, index, rows, 256, &count, &err));
    for (size_t i = 0; i < count; i++) {
        if (text_equal(rows[i].what, what) && strstr(rows[i].text, part) != NULL)
            return true;
    }
    return false;
}

static bool audit_says(const char *what, const char *part)
{
    return audit_says_after(0, what, part);
}

static bool audit_says_late(const char *what, const char *part)
{
    return audit_says_after(place.desk.audit.index - 100, what, part);
}

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

/* ---- who is let in ---------------------------------------------------------------------------
 */

static void welcomes_by_the_rosters_key(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct hello given = {0};
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    dial(&agent, PLACE_A1);
    reply = greet(&agent, &given);
    assert_int_equal(reply->kind, ANSWER_WELCOME);
    assert_string_equal(reply->controller, "controller");
    assert_int_equal(reply->checks_count, 3); /* ssh-reply-path, controller, database */
    assert_true(member->connected);
    assert_true(member->has_stack);
    assert_string_equal(member->boot_id, "boot-1");
    hang_up(&agent);
}

static void denies_a_bad_signature(void **state)
{
    struct hello given = {.key = place.members[PLACE_B2].agent};
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    dial(&agent, PLACE_A1);
    reply = greet(&agent, &given);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_true(audit_says("refused", "a1: the challenge is not signed by its agent key"));
    assert_false(fleet_find(&place.desk.fleet, "a1")->connected);
    hang_up(&agent);
}

static void denies_a_challenge_used_twice(void **state)
{
    struct hello given = {0};
    struct agent agent;

    (void)state;
    dial(&agent, PLACE_A1);
    assert_int_equal(greet(&agent, &given)->kind, ANSWER_WELCOME);
    assert_int_equal(hello(&agent, &given)->kind, ANSWER_DENY);
    hang_up(&agent);
}

static void denies_an_unknown_name(void **state)
{
    struct agent agent;

    (void)state;
    dial(&agent, PLACE_A1);
    assert_int_equal(hello_begin(&agent, "stranger")->kind, ANSWER_DENY);
    assert_true(audit_says("refused", "stranger is not in roster version 1"));
    hang_up(&agent);
}

static void denies_another_name_on_a_bound_connection(void **state)
{
    struct agent agent;

    (void)state;
    join(&agent, PLACE_A1);
    assert_int_equal(hello_begin(&agent, "b2")->kind, ANSWER_DENY);
    assert_true(audit_says("refused", "b2 on a connection that is bound to a1"));
    hang_up(&agent);
}

static void denies_before_hello(void **state)
{
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    dial(&agent, PLACE_A1);
    reply = poll(&agent, 0);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_true(reply->hello_again);
    hang_up(&agent);
}

static char lost_name[] = "a1";

static bool is_lost(void *context)
{
    const char *name = context;

    return !fleet_find(&place.desk.fleet, name)->connected;
}

static void nonsense_ends_that_connection_only(void **state)
{
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff};
    struct agent bad;
    struct agent good;
    struct answer answer;

    (void)state;
    join(&good, PLACE_B2);
    join(&bad, PLACE_A1);
    begin(&bad, (struct bytes){nonsense, sizeof(nonsense)}, &answer);
    place_until(&place, is_done, &answer, "an answer or the end");
    wire_bytes_done(&answer.bytes);
    place_until(&place, is_lost, lost_name, "the connection's end");
    assert_int_equal(poll_for(&good, COMMAND_CHECKS)->kind, ANSWER_COMMAND);
    hang_up(&bad);
    hang_up(&good);
}

static void a_second_connection_is_fine_and_the_last_one_counts(void **state)
{
    struct hello given = {.extra = true};
    struct agent first;
    struct agent second;

    (void)state;
    join(&first, PLACE_A1);
    dial(&second, PLACE_A1);
    assert_int_equal(greet(&second, &given)->kind, ANSWER_WELCOME);
    hang_up(&first);
    for (unsigned i = 0; i < 50; i++)
        place_turn(&place);
    assert_true(fleet_find(&place.desk.fleet, "a1")->connected);
    hang_up(&second);
    place_until(&place, is_lost, lost_name, "both gone");
}

/* What stands is known for people; nothing goes ahead on what its guard said in another session. */
static void a_stack_is_good_for_its_session(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct hello beside = {.extra = true, .guard_is_dead = true};
    struct hello again = {.guard_is_dead = true};
    static char name[] = "a1";
    struct agent first;
    struct agent second;
    struct agent third;

    (void)state;
    join(&first, PLACE_A1);
    assert_true(member->stack_is_of_session);
    dial(&second, PLACE_A1);
    assert_int_equal(greet(&second, &beside)->kind, ANSWER_WELCOME);
    assert_true(member->stack_is_of_session);
    assert_int_equal(greet(&second, &again)->kind, ANSWER_WELCOME);
    assert_false(member->stack_is_of_session);
    join(&third, PLACE_A1);
    assert_true(member->stack_is_of_session);
    hang_up(&first);
    hang_up(&second);
    hang_up(&third);
    place_until(&place, is_lost, name, "all gone");
    assert_false(member->stack_is_of_session);
    assert_true(member->has_stack);
}

static unsigned count_bound(const char *name)
{
    unsigned count = 0;

    for (const struct pipe *pipe = place.downlink->pipes; pipe != NULL; pipe = pipe->next)
        count += pipe->bound && text_equal(pipe->name, name);
    return count;
}

static bool has_no_more_than_its_places(void *context)
{
    return count_bound(context) <= NAME_PIPES_MAX;
}

/* Whatever its agent does: the oldest goes, the newest is answered, and the others keep theirs. */
static void one_name_has_few_connections(void **state)
{
    static char name[] = "a1";
    struct agent agents[NAME_PIPES_MAX + 2];
    struct hello again = {.extra = true};
    struct agent other;

    (void)state;
    join(&other, PLACE_B2);
    for (unsigned i = 0; i < NAME_PIPES_MAX + 2; i++) {
        dial(&agents[i], PLACE_A1);
        assert_int_equal(greet(&agents[i], &again)->kind, ANSWER_WELCOME);
        place_until(&place, has_no_more_than_its_places, name, "the oldest to be closed");
    }
    assert_int_equal(count_bound(name), NAME_PIPES_MAX);
    assert_int_equal(count_bound("b2"), 1);
    assert_true(fleet_find(&place.desk.fleet, name)->connected);
    for (unsigned i = 0; i < NAME_PIPES_MAX + 2; i++)
        hang_up(&agents[i]);
    hang_up(&other);
}

/* ---- polls -----------------------------------------------------------------------------------
 */

static void a_parked_poll_is_answered_when_a_command_exists(void **state)
{
    AUTO_FREE struct session_request *request = new_request(ASK_POLL);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    const struct session_reply *reply;
    struct agent agent;
    struct answer answer;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_A1);
    reply = poll_for(&agent, COMMAND_CHECKS);
    assert_int_equal(reply->watches_count, 1);
    assert_string_equal(reply->watches[0].node, "b2");
    reply = poll(&agent, reply->id);
    assert_int_equal(reply->command, COMMAND_SNAPSHOT);
    id = reply->id;

    request->id = id;
    bytes = wire_encode_session_request(request);
    begin(&agent, wire_lend(&bytes), &answer);
    for (unsigned i = 0; i < 20; i++)
        place_turn(&place);
    assert_false(is_done(&answer));
    outbox_put_snapshot(place.outbox, "a1");
    reply = end(&agent, &answer);
    assert_int_equal(reply->command, COMMAND_SNAPSHOT);
    assert_true(reply->id > id);
    hang_up(&agent);
}

static void an_unacknowledged_command_comes_again(void **state)
{
    const struct session_reply *reply;
    struct agent agent;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_A1);
    id = poll(&agent, 0)->id;
    reply = poll(&agent, 0);
    while (reply->command == COMMAND_NOTHING) /* a beat came before */
        reply = poll(&agent, 0);
    assert_int_equal(reply->id, id);
    hang_up(&agent);
}

static void numbers_of_an_earlier_life_are_passed(void **state)
{
    const struct session_reply *reply;
    struct agent agent;

    (void)state;
    join(&agent, PLACE_A1);
    reply = poll(&agent, (uint64_t)1 << 60);
    assert_int_equal(reply->command, COMMAND_CHECKS);
    assert_true(reply->id > (uint64_t)1 << 60);
    hang_up(&agent);
}

/* ---- reports ---------------------------------------------------------------------------------
 */

static void set_verdict(struct session_request *report, const char *check, enum verdict_value value)
{
    struct verdict *verdict = &report->verdicts[report->verdicts_count++];

    text_copy(verdict->check, sizeof(verdict->check), check);
    verdict->severity = SEVERITY_CRITICAL;
    verdict_set(verdict, value, "it connects", "as the test says");
}

static void a_report_lands_in_the_fleet(void **state)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    const struct session_reply *reply;
    struct verdict verdict;
    struct agent agent;

    (void)state;
    join(&agent, PLACE_A1);
    report->id = 5;
    report->full = true;
    set_verdict(report, "database", VERDICT_FAIL);
    set_verdict(report, "ssh:b2", VERDICT_PASS);
    report->has_snapshot = true;
    snapshot_init(&report->snapshot);
    text_copy(snapshot_add_link(&report->snapshot)->name, DEVICE_SIZE, "eth0");
    reply = ask(&agent, report);
    snapshot_done(&report->snapshot);
    assert_int_equal(reply->kind, ANSWER_ACK);
    assert_int_equal(reply->id, 5);
    fleet_verdict_now(member, "database", clock_now(), &verdict);
    assert_int_equal(verdict.value, VERDICT_FAIL);
    fleet_reach(&place.desk.fleet, "a1", "b2", clock_now(), &verdict);
    assert_int_equal(verdict.value, VERDICT_PASS);
    assert_true(member->has_snapshot);
    assert_int_equal(member->snapshot.links_count, 1);
    hang_up(&agent);
}

/* What the gates would go by. */
static void look_at_database(void *context, bool cancelled)
{
    struct verdict *verdict = context;

    assert_false(cancelled);
    fleet_verdict_now(fleet_find(&place.desk.fleet, "a1"), "database", clock_now(), verdict);
}

/* Whoever waited for its snapshot is told in the midst of the report: its verdicts count then. */
static void gates_see_the_verdicts_beside_a_snapshot(void **state)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    char names[1][NAME_SIZE] = {"a1"};
    struct verdict verdict = {.value = VERDICT_UNKNOWN};
    struct agent agent;

    (void)state;
    join(&agent, PLACE_A1);
    report->full = true;
    set_verdict(report, "database", VERDICT_PASS);
    ask(&agent, report);
    fresh_want(place.fresh, names, 1, look_at_database, &verdict);
    assert_int_equal(verdict.value, VERDICT_UNKNOWN);
    report->verdicts_count = 0;
    set_verdict(report, "database", VERDICT_FAIL);
    report->has_snapshot = true;
    snapshot_init(&report->snapshot);
    ask(&agent, report);
    snapshot_done(&report->snapshot);
    hang_up(&agent);
    assert_int_equal(verdict.value, VERDICT_FAIL);
}

static void begin_database(struct agent *agent, enum verdict_value value, bool urgent,
                           struct answer *answer)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    set_verdict(report, "database", value);
    if (urgent) { /* as one that brings a witness's word: it does not wait */
        report->sources_count = 1;
        text_copy(report->sources[0].witness, NAME_SIZE, "w1");
    }
    bytes = wire_encode_session_request(report);
    begin(agent, wire_lend(&bytes), answer);
}

static bool waits(void *context)
{
    (void)context;
    return place.downlink->waiting != NULL;
}

/* One waits, as behind many of others, when its agent says more that may not wait. */
static void reports_of_one_agent_keep_their_order(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct answer first;
    struct answer second;
    struct verdict verdict;
    struct agent agent;

    (void)state;
    join(&agent, PLACE_A1);
    begin_database(&agent, VERDICT_PASS, false, &first);
    place_until(&place, waits, NULL, "the first report");
    uv_idle_stop(&place.downlink->idle); /* the loop has something else to do */
    begin_database(&agent, VERDICT_FAIL, true, &second);
    end(&agent, &second);
    if (waits(NULL))
        uv_idle_start(&place.downlink->idle, place.downlink->idle.idle_cb);
    end(&agent, &first);
    fleet_verdict_now(member, "database", clock_now(), &verdict);
    hang_up(&agent);
    assert_int_equal(verdict.value, VERDICT_FAIL);
}

static struct wire_bytes make_receipt(const struct place_member *member, const struct sign_key *key,
                                      enum end_cause cause)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));

    text_copy(receipt->node, sizeof(receipt->node), member->name);
    memset(receipt->generation.attempt.body.bytes, 9, HASH_SIZE);
    receipt->generation.attempt.sequence = 3;
    receipt->kind = RECEIPT_REVERTED;
    receipt->cause = cause;
    receipt->index = 2;
    receipt->at = clock_unix();
    receipt->objects_count = 1;
    text_copy(receipt->objects[0], sizeof(receipt->objects[0]), "sysctl net.ipv4.ip_forward");
    return wire_encode_receipt(receipt, key);
}

static void report_guard(struct agent *agent, const struct guard_report *said)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    AUTO_WIRE struct wire_bytes guard = wire_encode_guard_report(said);

    report->guard_count = 1;
    report->guard = &guard;
    assert_int_equal(ask(agent, report)->kind, ANSWER_ACK);
}

static void receipts_are_kept_and_quarantine(void **state)
{
    AUTO_WIRE struct wire_bytes forged =
        make_receipt(&place.members[PLACE_A1], place.members[PLACE_A1].agent, CAUSE_PROOF_FAILED);
    AUTO_WIRE struct wire_bytes good =
        make_receipt(&place.members[PLACE_A1], place.members[PLACE_A1].guard, CAUSE_PROOF_FAILED);
    struct guard_report said = {.kind = REPORT_RECEIPT, .envelope = forged};
    struct agent agent;

    (void)state;
    join(&agent, PLACE_A1);
    report_guard(&agent, &said);
    assert_int_equal(place.desk.holds.count, 0);
    assert_true(audit_says("refused", "a guard's report of a1"));
    said.envelope = good;
    report_guard(&agent, &said);
    report_guard(&agent, &said);
    assert_int_equal(place.desk.holds.count, 1);
    assert_string_equal(place.desk.holds.list[0].scope, "a1");
    assert_string_equal(place.desk.holds.list[0].object, "sysctl net.ipv4.ip_forward");
    assert_true(audit_says("receipt", "a1: reverted, the proof failed"));
    hang_up(&agent);
}

/* ---- a rollout -------------------------------------------------------------------------------
 */

/* receipt: is named with a reason; NULL: none is. */
static void start_lifting(uint64_t sequence, const struct hash *receipt, uint64_t *ret_id)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct manifest manifest;
    struct err err = ERR_INIT;

    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, sequence);
    manifest_done(&manifest);
    if (!lead_order_decode(wire_lend(&bytes), order, &err))
        fail_msg("%s", err.text);
    if (receipt != NULL) {
        order->approval.lifts_count = 1;
        order->approval.lifts[0].receipt = *receipt;
        text_copy(order->approval.lifts[0].reason, REASON_SIZE, "the relay was down");
    }
    if (!lead_start(place.lead, order, "olga", (struct bytes){(const uint8_t *)"[]", 2}, ret_id,
                    &err))
        fail_msg("%s", err.text);
}

static void start(uint64_t sequence, uint64_t *ret_id)
{
    start_lifting(sequence, NULL, ret_id);
}

static bool is_paused(void *context)
{
    const struct led *led = lead_find(place.lead, *(const uint64_t *)context);

    return led != NULL && led->machine.record.state == ROLLOUT_PAUSED;
}

/* Everything is asked of the nodes; the gates, evaluated over what they said, say no. */
static void a_rollout_learns_and_asks_the_gates(void **state)
{
    struct agent a1;
    struct agent b2;
    const struct led *led;
    uint64_t id;

    (void)state;
    join(&a1, PLACE_A1);
    join(&b2, PLACE_B2);
    start(1, &id);
    for (struct agent *agent = &a1; agent != NULL; agent = agent == &a1 ? &b2 : NULL) {
        struct guard_report said = {.kind = REPORT_STACK};
        struct guard_request asked;
        struct err err = ERR_INIT;
        const struct session_reply *reply = poll_for(agent, COMMAND_GUARD);

        assert_true(wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err));
        assert_int_equal(asked.kind, GUARD_STACK);
        said.envelope = place_make_stack(agent->member, &asked.challenge, NULL);
        report_guard(agent, &said);
        wire_bytes_done(&said.envelope);
        guard_request_done(&asked);
    }
    place_until(&place, is_paused, &id, "the gates' no");
    led = lead_find(place.lead, id);
    assert_string_equal(rollout_waiting_for(&led->machine), "next");
    assert_non_null(strstr(led->machine.record.sentence, "a gate says no"));
    assert_true(led->stored.gates.len > 2);
    assert_true(audit_says("rollout", "a gate says no"));
    assert_true(
        audit_says("gate", "rollout 1, stage 1: documented pass; reason pass: forwarding is"));
    assert_true(audit_says("gate", "rollout 1, stage 1: working unknown; a1 "));
    hang_up(&a1);
    hang_up(&b2);
}

/* The approval names it; the node refuses that approval first, and begins it later. */
static void a_quarantine_is_lifted_when_its_node_has_begun(void **state)
{
    AUTO_WIRE struct wire_bytes failed =
        make_receipt(&place.members[PLACE_A1], place.members[PLACE_A1].guard, CAUSE_PROOF_FAILED);
    struct guard_report said = {.kind = REPORT_RECEIPT, .envelope = failed};
    struct guard_report refused = {.kind = REPORT_REFUSED, .reason = "not here"};
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct agent agent;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_A1);
    report_guard(&agent, &said);
    assert_int_equal(place.desk.holds.count, 1);
    start_lifting(2, &place.desk.holds.list[0].receipt, &id);
    assert_false(place.desk.holds.list[0].lifted);
    refused.id.attempt = lead_find(place.lead, id)->machine.record.attempt;
    report_guard(&agent, &refused);
    assert_false(place.desk.holds.list[0].lifted);
    text_copy(stack->node, sizeof(stack->node), "a1");
    stack->trial_open = true;
    stack->trial.attempt = refused.id.attempt;
    stack->nonce.bytes[0] = 1;
    stack->receipt_index = 9;
    stack->trial.start.bytes[0] = 1;
    text_copy(stack->trial_state, sizeof(stack->trial_state), "soaking");
    lead_take_stack(place.lead, "a1", stack);
    assert_true(place.desk.holds.list[0].lifted);
    hang_up(&agent);
}

/* One is open: the second is refused with the first's name. */
static bool is_silent(void *context)
{
    return fleet_find(&place.desk.fleet, context)->silent;
}

/* Polls are answered by a beat; who does not ask again is known to be silent, and nothing follows
 * from it: his rollout stands where it stood. */
static void who_does_not_ask_again_is_silent(void **state)
{
    static char name[] = "a1";
    struct rollout_record before;
    struct agent agent;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_A1);
    start(1, &id);
    poll_for(&agent, COMMAND_NOTHING);
    assert_false(is_silent(name));
    before = lead_find(place.lead, id)->machine.record;
    place_until(&place, is_silent, name, "its silence");
    assert_true(fleet_find(&place.desk.fleet, name)->connected);
    assert_int_equal(fleet_health(fleet_find(&place.desk.fleet, name), clock_now()),
                     VERDICT_UNKNOWN);
    assert_memory_equal(&lead_find(place.lead, id)->machine.record, &before, sizeof(before));
    poll_for(&agent, COMMAND_NOTHING);
    assert_false(is_silent(name));
    hang_up(&agent);
}

static void report_database(struct agent *agent, enum verdict_value value)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);

    report->full = true;
    set_verdict(report, "database", value);
    assert_int_equal(ask(agent, report)->kind, ANSWER_ACK);
}

static void put_on_trial(const char *node, uint64_t id)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), node);
    stack->trial_open = true;
    stack->trial.attempt = lead_find(place.lead, id)->machine.record.attempt;
    stack->trial.start.bytes[0] = stack->nonce.bytes[0] = 1;
    text_copy(stack->trial_state, sizeof(stack->trial_state), "soaking");
    lead_take_stack(place.lead, node, stack);
}

/* The trial breaks the node's DNS first: the check cannot be made, and then it fails. */
static void a_check_newly_fails_behind_unknown(void **state)
{
    struct agent agent;
    const struct rollout *machine;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_B2);
    start(1, &id);
    machine = &lead_find(place.lead, id)->machine;
    report_database(&agent, VERDICT_FAIL);
    put_on_trial("a1", id);
    report_database(&agent, VERDICT_UNKNOWN);
    report_database(&agent, VERDICT_FAIL); /* as before */
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    report_database(&agent, VERDICT_PASS);
    report_database(&agent, VERDICT_UNKNOWN);
    report_database(&agent, VERDICT_UNKNOWN);
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    report_database(&agent, VERDICT_FAIL);
    hang_up(&agent);
    assert_int_equal(machine->record.state, ROLLOUT_REVERTING);
}

static void report_full(struct agent *agent)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    char name[NAME_SIZE];

    report->full = true;
    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        snprintf(name, sizeof(name), "check-%u", i);
        set_verdict(report, name, VERDICT_PASS);
    }
    assert_int_equal(ask(agent, report)->kind, ANSWER_ACK);
}

static void report_late(struct agent *agent, enum verdict_value value)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);

    set_verdict(report, "late", value);
    assert_int_equal(ask(agent, report)->kind, ANSWER_ACK);
}

/* Its agent has more verdicts than find room in one report. */
static void a_check_behind_a_full_report_newly_fails(void **state)
{
    const struct rollout *machine;
    struct agent agent;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_B2);
    start(1, &id);
    machine = &lead_find(place.lead, id)->machine;
    report_full(&agent);
    report_late(&agent, VERDICT_PASS);
    put_on_trial("a1", id);
    report_full(&agent);
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    report_late(&agent, VERDICT_FAIL);
    hang_up(&agent);
    assert_int_equal(machine->record.state, ROLLOUT_REVERTING);
}

static void turn_until_failed(void)
{
    mono_t deadline = clock_now() + ASK_MS;

    while (!place.desk.failed && clock_now() < deadline)
        uv_run(&place.loop, UV_RUN_ONCE);
    assert_true(place.desk.failed);
}

/* The disk takes the revert, and not what it follows from: said again, it is still new. */
static void what_follows_from_a_failing_check_is_kept_first(void **state)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct answer answer;
    struct agent agent;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_B2);
    start(1, &id);
    report_database(&agent, VERDICT_PASS);
    put_on_trial("a1", id);
    assert_int_equal(sqlite3_exec(place.desk.store->db, "DROP TABLE verdicts", NULL, NULL, NULL),
                     SQLITE_OK);
    set_verdict(report, "database", VERDICT_FAIL);
    bytes = wire_encode_session_request(report);
    begin(&agent, wire_lend(&bytes), &answer);
    turn_until_failed();
    hang_up(&agent);
    assert_true(store_read_rollout(place.desk.store, id, stored, &err));
    assert_int_equal(stored->record.state, ROLLOUT_REVERTING);
    store_rollout_done(stored);
}

/* Drift that changes with each report is shown as it is, and written down for a while only. */
static void what_one_agent_says_fills_no_disk(void **state)
{
    AUTO_FREE struct session_request *report = new_request(ASK_REPORT);
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "b2");
    AUTO_WIRE struct wire_bytes receipt =
        make_receipt(&place.members[PLACE_B2], place.members[PLACE_B2].guard, CAUSE_PROOF_FAILED);
    const struct guard_report end = {.kind = REPORT_RECEIPT, .envelope = receipt};
    struct guard_report refused = {.kind = REPORT_REFUSED};
    char drift[1][SENTENCE_SIZE];
    struct agent agent;
    struct agent other;
    uint64_t rows;
    uint64_t id;

    (void)state;
    join(&agent, PLACE_B2);
    join(&other, PLACE_A1);
    start(1, &id);
    refused.id.attempt = lead_find(place.lead, id)->machine.record.attempt;
    rows = place.desk.audit.index;
    report->drift_count = 1;
    report->drift = drift;
    for (unsigned i = 0; i < 600; i++) {
        snprintf(drift[0], SENTENCE_SIZE, "rule %u is gone", i);
        assert_int_equal(ask(&agent, report)->kind, ANSWER_ACK);
    }
    assert_in_range(place.desk.audit.index - rows, 500, 520);
    assert_true(
        audit_says_late("refused", "its words came to more rows of the audit than one may cause"));
    for (unsigned i = 0; i < 50; i++) {
        snprintf(refused.reason, sizeof(refused.reason), "not %u", i);
        report_guard(&agent, &refused);
    }
    assert_in_range(place.desk.audit.index - rows, 500, 525);
    report_database(&agent, VERDICT_PASS); /* what it observes still counts, */
    assert_int_equal(fleet_health(member, clock_now()), VERDICT_PASS);
    assert_int_equal(member->drift_count, 0); /* what it says is shown, */
    report_guard(&agent, &end);               /* and its guard's receipts are kept */
    assert_true(audit_says_late("receipt", "b2: reverted, the proof failed"));
    rows = place.desk.audit.index;
    text_copy(drift[0], SENTENCE_SIZE, "another one's");
    assert_int_equal(ask(&other, report)->kind, ANSWER_ACK);
    assert_int_equal(place.desk.audit.index, rows + 1);
    hang_up(&agent);
    hang_up(&other);
}

static void one_rollout_at_a_time(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct manifest manifest;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    start(1, &id);
    place_make_manifest(&place, "another", &manifest);
    bytes = place_sign_manifest(&place, &manifest, 2);
    manifest_done(&manifest);
    assert_true(lead_order_decode(wire_lend(&bytes), order, &err));
    assert_false(lead_check(place.lead, order, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "rollout 1, forwarding, is open"));
    lead_order_done(order);
}

/* What stands of an unknown body is popped only when its rollout says so: nothing is there. */
static void emergency_needs_a_rollout(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_false(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    assert_int_equal(err.kind, ERR_MISSING);
}

static void emergency_takes_the_open_rollout_back(void **state)
{
    struct err err = ERR_INIT;
    const struct lead_backs *backs;
    uint64_t id;

    (void)state;
    start(1, &id);
    assert_true(lead_emergency(place.lead, NULL, 0, "olga", "drill", &err));
    backs = lead_backs(place.lead);
    assert_int_equal(backs->rollout, id);
    assert_int_equal(backs->count, 2);
    assert_true(audit_says("emergency", "emergency rollback of rollout 1, all nodes: drill"));
}

static void a_signed_order_is_passed_to_the_guard(void **state)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    AUTO_WIRE struct wire_bytes forged = {NULL, 0};
    struct attempt stands = {.sequence = 4};
    struct guard_report said = {.kind = REPORT_STACK};
    struct guard_request asked;
    const struct session_reply *reply;
    struct err err = ERR_INIT;
    struct agent agent;

    (void)state;
    memset(stands.body.bytes, 4, HASH_SIZE);
    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, "a1");
    order->down_to.attempt = stands;
    text_copy(order->reason, sizeof(order->reason), "drill");
    forged = wire_encode_order(order, place.members[PLACE_A1].agent);
    envelope = wire_encode_order(order, place.approver);
    assert_false(lead_pass_order(place.lead, wire_lend(&forged), "olga", &err));
    assert_int_equal(err.kind, ERR_DENIED);
    err = (struct err)ERR_INIT;

    join(&agent, PLACE_A1);
    assert_true(lead_pass_order(place.lead, wire_lend(&envelope), "olga", &err));
    reply = poll_for(&agent, COMMAND_GUARD);
    assert_true(wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err));
    assert_int_equal(asked.kind, GUARD_STACK);
    said.envelope = place_make_stack(agent.member, &asked.challenge, &stands);
    guard_request_done(&asked);
    report_guard(&agent, &said);
    wire_bytes_done(&said.envelope);
    reply = poll_for(&agent, COMMAND_GUARD);
    while (wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err) &&
           asked.kind != GUARD_ORDER) {
        guard_request_done(&asked);
        reply = poll(&agent, reply->id);
    }
    assert_int_equal(asked.envelope.len, envelope.len);
    assert_memory_equal(asked.envelope.data, envelope.data, envelope.len);
    guard_request_done(&asked);
    hang_up(&agent);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(welcomes_by_the_rosters_key),
        WITH_PLACE(denies_a_bad_signature),
        WITH_PLACE(denies_a_challenge_used_twice),
        WITH_PLACE(denies_an_unknown_name),
        WITH_PLACE(denies_another_name_on_a_bound_connection),
        WITH_PLACE(denies_before_hello),
        WITH_PLACE(nonsense_ends_that_connection_only),
        WITH_PLACE(a_second_connection_is_fine_and_the_last_one_counts),
        WITH_PLACE(a_stack_is_good_for_its_session),
        WITH_PLACE(one_name_has_few_connections),
        WITH_PLACE(a_parked_poll_is_answered_when_a_command_exists),
        WITH_PLACE(an_unacknowledged_command_comes_again),
        WITH_PLACE(numbers_of_an_earlier_life_are_passed),
        WITH_PLACE(a_report_lands_in_the_fleet),
        WITH_PLACE(gates_see_the_verdicts_beside_a_snapshot),
        WITH_PLACE(reports_of_one_agent_keep_their_order),
        WITH_PLACE(receipts_are_kept_and_quarantine),
        WITH_PLACE(a_quarantine_is_lifted_when_its_node_has_begun),
        WITH_PLACE(a_rollout_learns_and_asks_the_gates),
        WITH_PLACE(who_does_not_ask_again_is_silent),
        WITH_PLACE(a_check_newly_fails_behind_unknown),
        WITH_PLACE(a_check_behind_a_full_report_newly_fails),
        WITH_PLACE(what_follows_from_a_failing_check_is_kept_first),
        WITH_PLACE(what_one_agent_says_fills_no_disk),
        WITH_PLACE(one_rollout_at_a_time),
        WITH_PLACE(emergency_needs_a_rollout),
        WITH_PLACE(emergency_takes_the_open_rollout_back),
        WITH_PLACE(a_signed_order_is_passed_to_the_guard),
    };

    return cmocka_run_group_tests_name("downlink", tests, NULL, NULL);
}
