/*
 * carrier_statement: the own agent's part in a trial's proof.
 */
#include "agent/io/carrier_statement.h"

#include <stdlib.h>
#include <string.h>

#include "agent/io/examination.h"
#include "agent/io/plan_kept.h"
#include "agent/io/sources.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum {
    LOOKING_MS = 35000, /* after a nonce; a prepare nonce lives 30 s */
    PROVING_MAX = 8,    /* at once */
    PENDING_MAX = 64,
};

/* One own statement in the making. */
struct proving {
    struct carrier_statement *own;
    struct statement statement; /* begun */
};

/* A witness's statement that waits for an observation. */
struct pending {
    struct pending *next;
    mono_t since;
    struct statement statement;
    bool verified;
    struct wire_bytes request; /* owned */
};

struct carrier_statement {
    const struct carrier_options *options;
    struct plan_kept plan;
    struct sources sources;
    uv_timer_t timer;
    mono_t look_until; /* 0: not looking */
    unsigned proving_count;
    struct pending *pending;
    unsigned pending_count;
};

/* ---- looking at peers ------------------------------------------------------------------------ */

static uint16_t ssh_port(const struct carrier_statement *own)
{
    return own->plan.there && own->plan.ssh.port != 0 ? own->plan.ssh.port : 22;
}

static void on_timer(uv_timer_t *timer)
{
    struct carrier_statement *own = timer->data;
    mono_t now = clock_now();

    if (now >= own->look_until)
        uv_timer_stop(timer);
    else
        sources_look(&own->sources, ssh_port(own), now);
}

static void start_looking(struct carrier_statement *own, const struct nonce *nonce)
{
    mono_t now = clock_now();

    sources_note_nonce(&own->sources, nonce, now);
    own->look_until = now + LOOKING_MS;
    if (!uv_is_active((const uv_handle_t *)&own->timer))
        uv_timer_start(&own->timer, on_timer, 0, SOURCES_LOOK_MS);
}

void carrier_statement_end(struct carrier_statement *own)
{
    own->look_until = 0;
}

/* ---- own statements -------------------------------------------------------------------------- */

/* What the plan does not name is told as it stands. */
static void add_shown(const struct carrier_statement *own, struct statement *statement)
{
    AUTO_FREE struct verdict *shown = mem_alloc(CHECKS_MAX, sizeof(*shown));
    uint32_t count = examiner_list(own->options->examiner, false, shown, CHECKS_MAX);

    for (uint32_t i = 0; i < count && statement->verdicts_count < VERDICTS_MAX; i++) {
        bool named = false;

        for (uint32_t j = 0; j < statement->verdicts_count && !named; j++)
            named = text_equal(statement->verdicts[j].check, shown[i].check);
        if (!named)
            statement->verdicts[statement->verdicts_count++] = shown[i];
    }
}

static void give_to_guard(const struct carrier_statement *own, struct wire_bytes envelope)
{
    struct guard_request request = {.kind = GUARD_STATEMENT, .envelope = envelope};
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(&request);

    guard_client_send(own->options->guard, wire_lend(&bytes));
    wire_bytes_done(&envelope);
}

static void on_examined(void *context, const struct verdict *verdicts, uint32_t count)
{
    struct proving *proving = context;
    struct carrier_statement *own = proving->own;
    struct statement *statement = &proving->statement;
    struct wire_bytes envelope;

    memcpy(statement->verdicts, verdicts, count * sizeof(*verdicts));
    statement->verdicts_count = count;
    add_shown(own, statement);
    envelope = wire_encode_statement(statement, own->options->identity->key);
    if (statement->phase == PHASE_BASELINE) {
        reporter_add_statement(own->options->reporter, envelope, 0);
        uplink_send(own->options->uplink);
    } else {
        give_to_guard(own, envelope);
    }
    own->proving_count--;
    free(proving);
}

/* The plan's checks; without one (this agent was restarted, its disk lost) those that are known. */
static uint32_t list_checks(const struct carrier_statement *own, const struct hash *body,
                            struct check *ret_checks)
{
    const struct check *known[CHECKS_MAX];
    uint32_t count;

    if (own->plan.there && hash_equal(&own->plan.body, body)) {
        memcpy(ret_checks, own->plan.checks, own->plan.checks_count * sizeof(*ret_checks));
        return own->plan.checks_count;
    }
    log_warning("a nonce for a manifest that this agent did not carry: its checks are not known");
    count = examiner_list_checks(own->options->examiner, known, CHECKS_MAX);
    for (uint32_t i = 0; i < count; i++)
        ret_checks[i] = *known[i];
    return count;
}

void carrier_statement_prove(struct carrier_statement *own, const struct hash *body,
                             const struct nonce *nonce, enum phase phase)
{
    AUTO_FREE struct check *checks = mem_alloc(CHECKS_MAX, sizeof(*checks));
    struct examination_question question = {.loop = own->options->loop,
                                            .observer = own->options->observer,
                                            .examiner = own->options->examiner,
                                            .tailscale_socket =
                                                own->options->config->tailscale_socket,
                                            .checks = checks};
    struct proving *proving;

    start_looking(own, nonce);
    if (own->proving_count == PROVING_MAX) {
        log_warning("%d own statements are in the making, passing over a nonce", PROVING_MAX);
        return;
    }
    own->proving_count++;
    proving = mem_alloc(1, sizeof(*proving));
    proving->own = own;
    text_copy(proving->statement.signer, NAME_SIZE, own->options->identity->name);
    text_copy(proving->statement.subject, NAME_SIZE, own->options->identity->name);
    proving->statement.body = *body;
    proving->statement.nonce = *nonce;
    proving->statement.phase = phase;
    question.checks_count = list_checks(own, body, checks);
    examination_start(&question, on_examined, proving);
}

/* ---- witnesses that pass through ------------------------------------------------------------- */

static void tell_guard(const struct carrier_statement *own, const struct source_seen *seen)
{
    struct guard_request request = {
        .kind = GUARD_SOURCE_SEEN, .nonce = seen->nonce, .counts = seen->counts};

    text_copy(request.name, sizeof(request.name), seen->witness);
    text_copy(request.reason, sizeof(request.reason), seen->why);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(&request);
    guard_client_send(own->options->guard, wire_lend(&bytes));
}

static bool is_verified(const struct carrier_statement *own, const struct statement *statement,
                        struct bytes envelope)
{
    return plan_kept_verify(&own->plan, own->options->identity->name, statement, envelope);
}

static bool passes(const struct statement *statement)
{
    return statement->verdicts_count > 0 && statement->verdicts[0].value == VERDICT_PASS;
}

/* Of a verified statement. A witness that cannot connect is not seen either: its failure stands as
 * it is. */
static void judge_source(struct carrier_statement *own, const struct statement *statement)
{
    const struct observation *now = observer_now(own->options->observer);
    struct source_seen seen;

    if (now == NULL || !passes(statement) ||
        text_equal(statement->signer, own->options->identity->name))
        return;
    sources_look(&own->sources, ssh_port(own), clock_now());
    if (sources_judge(&own->sources, now->fib, &own->plan.ssh, statement, clock_now(), &seen))
        tell_guard(own, &seen);
    log_debug("witness %s %s: %s", seen.witness, seen.counts ? "counts" : "does not count",
              seen.why);
    reporter_add_source(own->options->reporter, &seen);
    uplink_send(own->options->uplink);
}

static void pass_on(struct carrier_statement *own, struct pending *pending)
{
    if (pending->verified)
        judge_source(own, &pending->statement);
    guard_client_send(own->options->guard, wire_lend(&pending->request));
    wire_bytes_done(&pending->request);
    free(pending);
}

void carrier_statement_take_witness(struct carrier_statement *own, struct bytes request,
                                    struct bytes envelope)
{
    struct pending *pending = mem_alloc(1, sizeof(*pending));
    struct pending **end = &own->pending;
    struct err err = ERR_INIT;

    if (own->pending_count == PENDING_MAX ||
        !wire_decode_statement(envelope, &pending->statement, &err)) {
        log_warning("a witness's statement: %s, ignoring",
                    err.kind != ERR_NONE ? err.text : "too many at once");
        free(pending);
        return;
    }
    pending->request = (struct wire_bytes){mem_copy(request.data, request.len), request.len};
    pending->since = clock_now();
    pending->verified = is_verified(own, &pending->statement, envelope);
    sources_look(&own->sources, ssh_port(own), pending->since); /* while it is still there */
    if (own->pending == NULL && observer_is_current(own->options->observer)) {
        pass_on(own, pending);
        return;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = pending;
    own->pending_count++;
}

void carrier_statement_observed(struct carrier_statement *own)
{
    const struct observation *now = observer_now(own->options->observer);
    bool current = observer_is_current(own->options->observer);

    while (own->pending != NULL && (current || now->kernel_at >= own->pending->since)) {
        struct pending *pending = own->pending;

        own->pending = pending->next;
        own->pending_count--;
        pass_on(own, pending);
    }
}

void carrier_statement_take_start(struct carrier_statement *own, const struct guard_request *start)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));

    for (uint32_t i = 0; i < start->statements_count; i++) {
        struct err err = ERR_INIT;

        if (wire_decode_statement(wire_lend(&start->statements[i]), statement, &err) &&
            statement->phase == PHASE_BASELINE &&
            is_verified(own, statement, wire_lend(&start->statements[i])))
            judge_source(own, statement);
    }
}

void carrier_statement_take_body(struct carrier_statement *own, struct bytes body)
{
    struct err err = ERR_INIT;

    if (!plan_kept_take(&own->plan, body, own->options->identity->name, own->options->config->state,
                        &err))
        log_warning("a manifest to be prepared: %s", err.text); /* the guard will say so too */
}

struct carrier_statement *carrier_statement_new(const struct carrier_options *options)
{
    struct carrier_statement *own = mem_alloc(1, sizeof(*own));

    own->options = options;
    uv_timer_init(options->loop, &own->timer);
    own->timer.data = own;
    plan_kept_load(&own->plan, options->identity->name, options->config->state);
    return own;
}
