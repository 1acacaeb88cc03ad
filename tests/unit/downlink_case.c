/*
 * downlink_case: what the tests of the downlink share: one place that is open, fake agents that
 * dial it, and what they say.
 */
#include "tests/unit/downlink_case.h"

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

struct place place;

/* nng frees a connection's TLS state on a thread of its own, which the end of the process may
 * overtake. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so\n";
}

int downlink_case_open(void **state)
{
    (void)state;
    place_open(&place);
    return 0;
}

/* ---- what outlives a test that fails ----------------------------------------------------------
 */

struct line {
    struct link_client *client;
    pthread_mutex_t lock;
    bool connected;
    unsigned losses; /* how often it was not any more */
    struct line *next;
};

struct asked {
    pthread_mutex_t lock;
    bool done, failed;
    struct wire_bytes bytes;
    struct asked *next;
};

static struct line *lines;
static struct asked *all_asked;

static struct line *add_line(void)
{
    struct line *line = mem_alloc(1, sizeof(*line));

    pthread_mutex_init(&line->lock, NULL);
    line->next = lines;
    lines = line;
    return line;
}

/* What was asked over it is told so, and done. */
static void free_line(struct line *line)
{
    struct line **at = &lines;

    while (*at != line)
        at = &(*at)->next;
    *at = line->next;
    link_client_free(line->client);
    pthread_mutex_destroy(&line->lock);
    free(line);
}

static struct asked *add_asked(void)
{
    struct asked *asked = mem_alloc(1, sizeof(*asked));

    pthread_mutex_init(&asked->lock, NULL);
    asked->next = all_asked;
    all_asked = asked;
    return asked;
}

static void free_asked(struct asked *asked)
{
    struct asked **at = &all_asked;

    while (*at != asked)
        at = &(*at)->next;
    *at = asked->next;
    wire_bytes_done(&asked->bytes);
    pthread_mutex_destroy(&asked->lock);
    free(asked);
}

int downlink_case_close(void **state)
{
    (void)state;
    while (lines != NULL)
        free_line(lines);
    while (all_asked != NULL)
        free_asked(all_asked);
    place_close(&place);
    return 0;
}

/* ---- a fake agent ---------------------------------------------------------------------------- */

static void on_state(void *context, bool connected)
{
    struct line *line = context;

    pthread_mutex_lock(&line->lock);
    line->connected = connected;
    line->losses += !connected;
    pthread_mutex_unlock(&line->lock);
}

static bool is_connected(void *context)
{
    struct line *line = context;
    bool connected;

    pthread_mutex_lock(&line->lock);
    connected = line->connected;
    pthread_mutex_unlock(&line->lock);
    return connected;
}

void downlink_case_dial(struct agent *agent, unsigned index)
{
    char url[64];
    struct line *line = add_line();
    struct link_client_options options = {.url = url, .state_fn = on_state, .context = line};
    struct err err = ERR_INIT;

    memset(agent, 0, sizeof(*agent));
    agent->line = line;
    agent->member = &place.members[index];
    options.tls =
        (struct link_tls){place.ca_path, agent->member->cert_path, agent->member->key_path};
    snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%u", downlink_port(place.downlink));
    line->client = link_client_new(&options, &err);
    assert_string_equal(err.text, "");
    place_until(&place, is_connected, line, "the agent's connection");
}

void downlink_case_hang_up(struct agent *agent)
{
    free_line(agent->line);
    if (agent->has_reply)
        session_reply_done(&agent->reply);
}

bool downlink_case_has_lost(void *context)
{
    struct line *line = ((struct agent *)context)->line;
    bool lost;

    pthread_mutex_lock(&line->lock);
    lost = line->losses > 0;
    pthread_mutex_unlock(&line->lock);
    return lost;
}

bool downlink_case_is_lost(void *context)
{
    const char *name = context;

    return !fleet_find(&place.desk.fleet, name)->connected;
}

static void on_reply(void *context, const struct bytes *reply, const char *reason)
{
    struct asked *asked = context;

    (void)reason;
    pthread_mutex_lock(&asked->lock);
    asked->failed = reply == NULL;
    if (reply != NULL)
        asked->bytes = (struct wire_bytes){mem_copy(reply->data, reply->len), reply->len};
    asked->done = true;
    pthread_mutex_unlock(&asked->lock);
}

bool downlink_case_is_done(void *context)
{
    struct asked *asked = ((struct answer *)context)->asked;
    bool done;

    pthread_mutex_lock(&asked->lock);
    done = asked->done;
    pthread_mutex_unlock(&asked->lock);
    return done;
}

void downlink_case_begin(struct agent *agent, struct bytes request, struct answer *answer)
{
    answer->asked = add_asked();
    link_client_ask(agent->line->client, request, ASK_MS, on_reply, answer->asked);
}

bool downlink_case_drop(struct answer *answer)
{
    bool failed;

    assert_true(downlink_case_is_done(answer));
    failed = answer->asked->failed;
    free_asked(answer->asked);
    return failed;
}

const struct session_reply *downlink_case_end(struct agent *agent, struct answer *answer)
{
    struct asked *asked = answer->asked;
    struct err err = ERR_INIT;

    place_until(&place, downlink_case_is_done, answer, "a reply");
    assert_false(asked->failed);
    if (agent->has_reply)
        session_reply_done(&agent->reply);
    agent->has_reply = wire_decode_session_reply(wire_lend(&asked->bytes), &agent->reply, &err);
    assert_string_equal(err.text, "");
    free_asked(asked);
    return &agent->reply;
}

const struct session_reply *downlink_case_ask(struct agent *agent,
                                              const struct session_request *request)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(request);
    struct answer answer;

    downlink_case_begin(agent, wire_lend(&bytes), &answer);
    return downlink_case_end(agent, &answer);
}

struct session_request *downlink_case_request(enum session_request_kind kind)
{
    struct session_request *request = mem_alloc(1, sizeof(*request));

    request->kind = kind;
    return request;
}

const struct session_reply *downlink_case_hello_begin(struct agent *agent, const char *name)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_HELLO_BEGIN);

    request->protocol = WIRE_PROTOCOL;
    text_copy(request->name, sizeof(request->name), name);
    return downlink_case_ask(agent, request);
}

const struct session_reply *downlink_case_hello(struct agent *agent, const struct hello *given)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_HELLO);
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
    return downlink_case_ask(agent, request);
}

const struct session_reply *downlink_case_greet(struct agent *agent, struct hello *given)
{
    const struct session_reply *reply = downlink_case_hello_begin(agent, agent->member->name);

    assert_int_equal(reply->kind, ANSWER_CHALLENGE);
    given->challenge = reply->challenge;
    return downlink_case_hello(agent, given);
}

void downlink_case_join(struct agent *agent, unsigned index)
{
    struct hello given = {0};

    downlink_case_dial(agent, index);
    assert_int_equal(downlink_case_greet(agent, &given)->kind, ANSWER_WELCOME);
}

const struct session_reply *downlink_case_poll(struct agent *agent, uint64_t acknowledged)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_POLL);

    request->id = acknowledged;
    return downlink_case_ask(agent, request);
}

const struct session_reply *downlink_case_poll_for(struct agent *agent, enum command_kind kind)
{
    const struct session_reply *reply = downlink_case_poll(agent, 0);

    while (reply->command != kind) {
        assert_int_equal(reply->kind, ANSWER_COMMAND);
        reply = downlink_case_poll(agent, reply->id);
    }
    return reply;
}

void downlink_case_expect_losses_noticed(void)
{
    static char name[] = "b2";
    struct agent agent;

    downlink_case_join(&agent, PLACE_B2);
    assert_true(fleet_find(&place.desk.fleet, name)->connected);
    downlink_case_hang_up(&agent);
    place_until(&place, downlink_case_is_lost, name, "its loss");
}

/* ---- what it says ---------------------------------------------------------------------------- */

void downlink_case_set_verdict(struct session_request *report, const char *check,
                               enum verdict_value value)
{
    struct verdict *verdict = &report->verdicts[report->verdicts_count++];

    text_copy(verdict->check, sizeof(verdict->check), check);
    verdict->severity = SEVERITY_CRITICAL;
    verdict_set(verdict, value, "it connects", "as the test says");
}

void downlink_case_report_database(struct agent *agent, enum verdict_value value)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);

    report->full = true;
    downlink_case_set_verdict(report, "database", value);
    assert_int_equal(downlink_case_ask(agent, report)->kind, ANSWER_ACK);
}

struct wire_bytes downlink_case_make_receipt(const struct place_member *member,
                                             const struct sign_key *key, enum end_cause cause)
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

void downlink_case_report_guard(struct agent *agent, const struct guard_report *said)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    AUTO_WIRE struct wire_bytes guard = wire_encode_guard_report(said);

    report->guard_count = 1;
    report->guard = &guard;
    assert_int_equal(downlink_case_ask(agent, report)->kind, ANSWER_ACK);
}

/* ---- a rollout ------------------------------------------------------------------------------- */

void downlink_case_start_lifting(uint64_t sequence, const struct hash *receipt, uint64_t *ret_id)
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

void downlink_case_start(uint64_t sequence, uint64_t *ret_id)
{
    downlink_case_start_lifting(sequence, NULL, ret_id);
}

void downlink_case_put_on_trial(const char *node, uint64_t id)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), node);
    stack->trial_open = true;
    stack->trial.attempt = lead_find(place.lead, id)->machine.record.attempt;
    stack->trial.start.bytes[0] = stack->nonce.bytes[0] = 1;
    text_copy(stack->trial_state, sizeof(stack->trial_state), "soaking");
    lead_take_stack(place.lead, node, stack, clock_now());
}

/* ---- the audit ------------------------------------------------------------------------------- */

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

bool downlink_case_audit_says(const char *what, const char *part)
{
    return audit_says_after(0, what, part);
}

bool downlink_case_audit_says_late(const char *what, const char *part)
{
    return audit_says_after(place.desk.audit.index - 100, what, part);
}
