/*
 * session: one connection to a controller.
 */
#include "agent/io/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

void session_lose(struct session *session, const char *why)
{
    if (session->state == SESSION_LOST)
        return;
    session->state = SESSION_LOST;
    session->deadline = MONO_NEVER;
    text_copy(session->why, sizeof(session->why), why);
}

struct session *session_new(const struct session_options *options, mono_t now)
{
    struct session *session = mem_alloc(1, sizeof(*session));
    struct link_client_options client = {
        .url = options->url, .tls = identity_tls(options->identity), .state_fn = inbox_on_state};
    struct err err = ERR_INIT;

    session->number = options->number;
    session->identity = options->identity;
    session->inbox = options->inbox;
    session->nonce = options->nonce;
    session->beside = options->beside;
    session->greet_until = now + SESSION_GREET_MS;
    session->deadline = session->greet_until;
    session->line = inbox_line_new(options->inbox, options->number);
    client.context = session->line;
    session->client = link_client_new(&client, &err);
    if (session->client == NULL)
        session_lose(session, err.text);
    return session;
}

struct closing {
    uv_work_t work;
    struct link_client *client;
    struct inbox_line *line; /* lives as long as the client may call */
};

static void close_client(uv_work_t *work)
{
    struct closing *closing = work->data;

    link_client_free(closing->client);
}

static void after_close(uv_work_t *work, int status)
{
    struct closing *closing = work->data;

    (void)status; /* never cancelled */
    free(closing->line);
    free(closing);
}

void session_free(struct session *session, uv_loop_t *loop)
{
    struct closing *closing = mem_alloc(1, sizeof(*closing));

    closing->client = session->client;
    closing->line = session->line;
    closing->work.data = closing;
    uv_queue_work(loop, &closing->work, close_client, after_close);
    wire_bytes_done(&session->nonce);
    free(session);
}

static void ask(struct session *session, enum session_request_kind kind, struct bytes request,
                int timeout_ms)
{
    link_client_ask(session->client, request, timeout_ms, inbox_on_reply,
                    inbox_question_new(session->inbox, session->number, kind));
}

static void ask_encoded(struct session *session, const struct session_request *request,
                        int timeout_ms)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(request);

    ask(session, request->kind, wire_lend(&bytes), timeout_ms);
}

/* ---- hello ----------------------------------------------------------------------------------- */

static void begin(struct session *session, mono_t now)
{
    AUTO_FREE struct session_request *request = mem_alloc(1, sizeof(*request));

    request->kind = ASK_HELLO_BEGIN;
    request->protocol = WIRE_PROTOCOL;
    text_copy(request->name, sizeof(request->name), session->identity->name);
    session->state = SESSION_BEGINNING;
    session->deadline = session->greet_until;
    ask_encoded(session, request, (int)(session->greet_until - now));
}

void session_connected(struct session *session, bool connected, mono_t now)
{
    if (connected && session->state == SESSION_DIALLING)
        begin(session, now);
    else if (!connected && session->state != SESSION_DIALLING)
        session_lose(session, "the connection is gone");
}

void session_greet_again(struct session *session, mono_t now)
{
    if (session->state != SESSION_WELCOMED)
        return;
    session->greet_until = now + SESSION_GREET_MS;
    begin(session, now);
}

void session_give_stack(struct session *session, struct bytes envelope, mono_t now)
{
    AUTO_FREE struct session_request *request = mem_alloc(1, sizeof(*request));
    const struct identity *identity = session->identity;
    AUTO_WIRE struct wire_bytes payload =
        wire_challenge_payload(&session->challenge, identity->name);

    if (session->state != SESSION_AWAITS_STACK)
        return;
    request->kind = ASK_HELLO;
    text_copy(request->name, sizeof(request->name), identity->name);
    request->challenge = session->challenge;
    sign_make(identity->key, SIGN_CHALLENGE, wire_lend(&payload), &request->signature);
    request->stack = (struct wire_bytes){mem_copy(envelope.data, envelope.len), envelope.len};
    request->nonce = session->nonce; /* lent */
    text_copy(request->version, sizeof(request->version), OCEANID_VERSION);
    text_copy(request->boot_id, sizeof(request->boot_id), identity->boot_id);
    request->witness_only = identity->witness_only;
    request->extra = session->beside;
    session->had_stack = envelope.len > 0;
    session->state = SESSION_GREETING;
    session->deadline = session->greet_until;
    ask_encoded(session, request,
                now < session->greet_until ? (int)(session->greet_until - now) : 1);
    wire_bytes_done(&request->stack);
}

/* What hello begin came to: the challenge is there, the stack is to be fetched. */
static void take_challenge(struct session *session, const struct session_reply *reply, mono_t now)
{
    session->challenge = reply->challenge;
    session->state = SESSION_AWAITS_STACK;
    session->deadline = mono_min(now + SESSION_STACK_MS, session->greet_until);
}

static void refuse(struct session *session, const struct session_reply *reply)
{
    char why[sizeof(session->why)];

    if (reply->kind == ANSWER_DENY)
        snprintf(why, sizeof(why), "the controller says: %.120s", reply->reason);
    else
        snprintf(why, sizeof(why), "the controller answered a hello with something else");
    session_lose(session, why);
}

bool session_greeted(struct session *session, const struct letter *letter, mono_t now,
                     struct session_reply *ret_welcome)
{
    struct err err = ERR_INIT;
    bool begins = letter->ask == ASK_HELLO_BEGIN;

    if (session->state != (begins ? SESSION_BEGINNING : SESSION_GREETING))
        return false;
    if (letter->kind == LETTER_NO_REPLY) {
        session_lose(session, letter->why);
        return false;
    }
    if (!wire_decode_session_reply((struct bytes){letter->data, letter->len}, ret_welcome, &err)) {
        session_lose(session, err.text);
        return false;
    }
    if (!begins && ret_welcome->kind == ANSWER_WELCOME) {
        session->state = SESSION_WELCOMED;
        session->deadline = MONO_NEVER;
        session->beside = false;
        wire_bytes_done(&session->nonce); /* it has arrived; a later hello does not repeat it */
        return true;
    }
    if (begins && ret_welcome->kind == ANSWER_CHALLENGE)
        take_challenge(session, ret_welcome, now);
    else
        refuse(session, ret_welcome);
    session_reply_done(ret_welcome);
    return false;
}

void session_late(struct session *session, mono_t now)
{
    static const struct bytes nothing = {NULL, 0};

    if (session->state == SESSION_AWAITS_STACK && now < session->greet_until)
        session_give_stack(session, nothing, now);
    else
        session_lose(session, session->state == SESSION_WELCOMED   ? "its place is taken"
                              : session->state == SESSION_DIALLING ? "no connection in time"
                                                                   : "no welcome in time");
}

/* ---- asks ------------------------------------------------------------------------------------ */

void session_poll(struct session *session, uint64_t acknowledged)
{
    AUTO_FREE struct session_request *request = mem_alloc(1, sizeof(*request));

    request->kind = ASK_POLL;
    request->id = acknowledged;
    session->poll_out = true;
    ask_encoded(session, request, SESSION_POLL_MS);
}

void session_report(struct session *session, struct bytes report, uint64_t id, int timeout_ms)
{
    session->report_out = true;
    session->report_id = id;
    ask(session, ASK_REPORT, report, timeout_ms);
}
