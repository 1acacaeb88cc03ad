/*
 * uplink: this agent's way to a controller.
 */
#include "agent/io/uplink.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/schedule.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum {
    SESSIONS_MAX = 5,
    LINGER_MS = 25000, /* a poll is answered every 20 s */
    REPORT_TRIAL_MS = 5000,
};

struct uplink {
    struct uplink_options options;
    struct inbox inbox;
    uv_timer_t timer;
    uint64_t last_number;
    uint32_t sessions_count;
    struct session *sessions[SESSIONS_MAX]; /* oldest first */
    struct session *main;                   /* welcomed: reports and polls go here. NULL: none */
    uint32_t controller;                    /* index of the one that is dialled */
    unsigned dials;                         /* in vain, or since the last welcome */
    mono_t dial_at;                         /* MONO_NEVER: nothing is to be dialled */
    mono_t trial_until;
    uint64_t acknowledged;
    bool full_wanted; /* a hello was welcomed: everything is told again */
};

static void go_on(struct uplink *uplink);

/* ---- sessions -------------------------------------------------------------------------------- */

static struct session *find(struct uplink *uplink, uint64_t number)
{
    for (uint32_t i = 0; i < uplink->sessions_count; i++) {
        if (uplink->sessions[i]->number == number)
            return uplink->sessions[i];
    }
    return NULL;
}

static void remove_at(struct uplink *uplink, uint32_t index)
{
    struct session *session = uplink->sessions[index];

    if (session == uplink->main) {
        uplink->main = NULL;
        reporter_lose(uplink->options.reporter);
    }
    uplink->sessions_count--;
    memmove(&uplink->sessions[index], &uplink->sessions[index + 1],
            (uplink->sessions_count - index) * sizeof(uplink->sessions[0]));
    session_free(session, uplink->options.loop);
}

/* The oldest that is not the main one gives way. */
static void make_room(struct uplink *uplink)
{
    if (uplink->sessions_count == SESSIONS_MAX)
        remove_at(uplink, uplink->sessions[0] == uplink->main ? 1 : 0);
}

static void dial(struct uplink *uplink, struct wire_bytes nonce, bool beside)
{
    const struct identity *identity = uplink->options.identity;
    struct session_options options = {.number = ++uplink->last_number,
                                      .identity = identity,
                                      .inbox = &uplink->inbox,
                                      .url = identity->controllers[uplink->controller],
                                      .nonce = nonce,
                                      .beside = beside};

    make_room(uplink);
    uplink->sessions[uplink->sessions_count++] = session_new(&options, clock_now());
}

static bool is_on_trial(const struct uplink *uplink, mono_t now)
{
    return now < uplink->trial_until;
}

static void plan_dial(struct uplink *uplink, mono_t now)
{
    uint32_t random;

    clock_random(&random, sizeof(random));
    uplink->dial_at = now + schedule_dial_ms(uplink->dials, is_on_trial(uplink, now), random);
    uplink->dials++;
}

/* A main session that is lost is dialled again where it was; a dial in vain tries the next. */
static void note_loss(struct uplink *uplink, const struct session *session)
{
    const struct identity *identity = uplink->options.identity;
    const char *url = identity->controllers[uplink->controller];

    if (session == uplink->main || (uplink->main == NULL && uplink->dials <= 1))
        log_warning("controller %s: %s, dialling again", url, session->why);
    else
        log_debug("a connection to %s ends: %s", url, session->why);
    if (uplink->main == NULL)
        uplink->controller = (uplink->controller + 1) % identity->controllers_count;
}

/* Takes out what is lost, and plans the next dial when nothing is left to hope for. */
static void sweep(struct uplink *uplink, mono_t now)
{
    for (uint32_t i = uplink->sessions_count; i-- > 0;) {
        struct session *session = uplink->sessions[i];
        char why[sizeof(session->why)];

        if (session->state != SESSION_LOST)
            continue;
        text_copy(why, sizeof(why), session->why);
        note_loss(uplink, session);
        remove_at(uplink, i);
        if (uplink->main == NULL)
            uplink->options.calls.heard(uplink->options.context, false, why);
    }
    if (uplink->main == NULL && uplink->sessions_count == 0 && uplink->dial_at == MONO_NEVER)
        plan_dial(uplink, now);
}

/* ---- asks ------------------------------------------------------------------------------------ */

static void report(struct uplink *uplink, mono_t now)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    uint64_t id;

    if (uplink->main->report_out ||
        !reporter_next(uplink->options.reporter, uplink->full_wanted, &bytes, &id))
        return;
    uplink->full_wanted = false;
    session_report(uplink->main, wire_lend(&bytes), id,
                   is_on_trial(uplink, now) ? REPORT_TRIAL_MS : SESSION_REPORT_MS);
}

static bool has_session(const struct uplink *uplink)
{
    return uplink->main != NULL && uplink->main->state == SESSION_WELCOMED;
}

static void ask_main(struct uplink *uplink, mono_t now)
{
    if (!has_session(uplink))
        return;
    report(uplink, now);
    if (!uplink->main->poll_out)
        session_poll(uplink->main, uplink->acknowledged);
}

/* ---- what came ------------------------------------------------------------------------------- */

/* The newest welcomed one is the main one; the old one stays until its poll is answered. */
static void promote(struct uplink *uplink, struct session *session, mono_t now)
{
    if (uplink->main == session)
        return;
    if (uplink->main != NULL) {
        reporter_lose(uplink->options.reporter);
        uplink->main->deadline = now + LINGER_MS;
    } else {
        uplink->acknowledged = 0; /* ids are the controller's, and it may be another one */
    }
    uplink->main = session;
    uplink->dial_at = MONO_NEVER;
    for (uint32_t i = 0; i < uplink->sessions_count; i++) {
        struct session *other = uplink->sessions[i];

        if (other->state == SESSION_DIALLING && other->nonce.len == 0)
            session_lose(other, "its place is taken");
    }
}

static void take_greeting(struct uplink *uplink, struct session *session,
                          const struct letter *letter, mono_t now)
{
    struct session_reply welcome;

    if (session_greeted(session, letter, now, &welcome)) {
        if (uplink->main != session)
            log_info("welcomed by %s", welcome.controller);
        promote(uplink, session, now);
        uplink->full_wanted = true;
        uplink->options.calls.heard(uplink->options.context, true, "");
        uplink->options.calls.welcomed(uplink->options.context, &welcome);
        session_reply_done(&welcome);
    } else if (session->state == SESSION_AWAITS_STACK &&
               !uplink->options.calls.ask_stack(uplink->options.context, &session->challenge)) {
        session_give_stack(session, (struct bytes){NULL, 0}, now);
    }
}

static void take_command(struct uplink *uplink, const struct session_reply *reply)
{
    if (reply->id == 0)
        return;
    uplink->options.calls.command(uplink->options.context, reply);
    if (reply->id > uplink->acknowledged)
        uplink->acknowledged = reply->id;
}

/* A report that is refused for itself would be refused again: it is not repeated. */
static void take_deny(struct uplink *uplink, struct session *session, int ask,
                      const struct session_reply *reply, mono_t now)
{
    bool is_report = ask == ASK_REPORT && session == uplink->main;

    if (is_report && reply->hello_again)
        reporter_lose(uplink->options.reporter);
    else if (is_report)
        reporter_acknowledge(uplink->options.reporter, session->report_id);
    if (reply->hello_again) {
        session_greet_again(session, now);
        return;
    }
    log_warning("the controller refuses a %s: %s", ask == ASK_REPORT ? "report" : "poll",
                reply->reason);
    if (ask == ASK_POLL)
        session_lose(session, reply->reason);
}

/* What a report or a poll came to. */
static void take_answer(struct uplink *uplink, struct session *session, int ask,
                        const struct session_reply *reply, mono_t now)
{
    bool is_report = ask == ASK_REPORT && session == uplink->main;

    if (reply->kind == ANSWER_DENY) {
        take_deny(uplink, session, ask, reply, now);
        return;
    }
    uplink->dials = 0;
    uplink->options.calls.heard(uplink->options.context, true, "");
    if (reply->kind == ANSWER_ACK && is_report)
        reporter_acknowledge(uplink->options.reporter, reply->id);
    else if (reply->kind == ANSWER_COMMAND && ask == ASK_POLL)
        take_command(uplink, reply);
    else if (reply->kind != ANSWER_ACK)
        session_lose(session, "the controller answered with something that was not asked");
}

/* Nothing is on its way to us: nng 1.5 to 1.10 can hang for good when a connection is closed
 * between two parts of a message (tlstran: the second part's receive is begun on an aio that was
 * closed meanwhile, and nobody ends the one that waits for it). */
static bool is_quiet(const struct session *session)
{
    return !session->poll_out && !session->report_out;
}

static void take_reply(struct uplink *uplink, struct session *session, const struct letter *letter,
                       mono_t now)
{
    struct err err = ERR_INIT;
    struct session_reply reply;

    if (letter->ask == ASK_REPORT)
        session->report_out = false;
    else
        session->poll_out = false;
    if (letter->kind == LETTER_NO_REPLY) {
        session_lose(session, letter->why);
        return;
    }
    if (!wire_decode_session_reply((struct bytes){letter->data, letter->len}, &reply, &err)) {
        session_lose(session, err.text);
        return;
    }
    take_answer(uplink, session, letter->ask, &reply, now);
    session_reply_done(&reply);
    if (session != uplink->main && session->state == SESSION_WELCOMED && is_quiet(session))
        session_lose(session, "its place is taken");
}

static void on_letter(void *context, const struct letter *letter)
{
    struct uplink *uplink = context;
    struct session *session = find(uplink, letter->session);
    mono_t now = clock_now();

    if (session == NULL)
        return;
    if (letter->kind == LETTER_CONNECTED || letter->kind == LETTER_DISCONNECTED)
        session_connected(session, letter->kind == LETTER_CONNECTED, now);
    else if (letter->ask == ASK_HELLO_BEGIN || letter->ask == ASK_HELLO)
        take_greeting(uplink, session, letter, now);
    else
        take_reply(uplink, session, letter, now);
    go_on(uplink);
}

/* ---- when ------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void look_at_clock(struct uplink *uplink, mono_t now)
{
    for (uint32_t i = 0; i < uplink->sessions_count; i++) {
        if (uplink->sessions[i]->deadline <= now)
            session_late(uplink->sessions[i], now);
    }
    sweep(uplink, now);
    if (uplink->dial_at <= now) {
        uplink->dial_at = MONO_NEVER;
        dial(uplink, (struct wire_bytes){NULL, 0}, false);
        sweep(uplink, now); /* one that cannot even be tried */
    }
}

static void go_on(struct uplink *uplink)
{
    mono_t now = clock_now();
    mono_t next;

    look_at_clock(uplink, now);
    ask_main(uplink, now);
    next = uplink->dial_at;
    for (uint32_t i = 0; i < uplink->sessions_count; i++)
        next = mono_min(next, uplink->sessions[i]->deadline);
    if (next == MONO_NEVER)
        uv_timer_stop(&uplink->timer);
    else
        uv_timer_start(&uplink->timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

/* ---- asked by others ------------------------------------------------------------------------- */

/* Never polls: it may be called while a command is carried out that is not acknowledged yet, and a
 * poll that acknowledges the one before has it sent again two seconds later. */
void uplink_send(struct uplink *uplink)
{
    if (has_session(uplink))
        report(uplink, clock_now());
}

bool uplink_take_stack(struct uplink *uplink, const struct nonce *challenge, struct bytes envelope)
{
    for (uint32_t i = 0; i < uplink->sessions_count; i++) {
        struct session *session = uplink->sessions[i];

        if (session->state != SESSION_AWAITS_STACK || !nonce_equal(&session->challenge, challenge))
            continue;
        session_give_stack(session, envelope, clock_now());
        go_on(uplink);
        return true;
    }
    return false;
}

void uplink_dial_beside(struct uplink *uplink, struct wire_bytes report_bytes)
{
    dial(uplink, report_bytes, uplink->main != NULL);
    go_on(uplink);
}

void uplink_greet_again(struct uplink *uplink)
{
    if (uplink->main != NULL)
        session_greet_again(uplink->main, clock_now());
    go_on(uplink);
}

void uplink_expect_trial(struct uplink *uplink, mono_t until)
{
    uplink->trial_until = until;
}

struct uplink *uplink_new(const struct uplink_options *options)
{
    struct uplink *uplink = mem_alloc(1, sizeof(*uplink));

    uplink->options = *options;
    uplink->dial_at = clock_now();
    inbox_init(&uplink->inbox, options->loop, on_letter, uplink);
    uv_timer_init(options->loop, &uplink->timer);
    uplink->timer.data = uplink;
    go_on(uplink);
    return uplink;
}
