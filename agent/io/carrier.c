/*
 * carrier: between controller and guard.
 */
#include "agent/io/carrier.h"

#include <stdlib.h>
#include <string.h>

#include "agent/io/carrier_drift.h"
#include "agent/io/carrier_statement.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum {
    ASKED_MAX = 16,
    TRIAL_MS = 60000, /* without another word of the guard it is over */
};

/* A command that was passed on, for telling which one a report answers. */
struct asked {
    uint64_t command;
    enum guard_request_kind kind;
    struct attempt attempt; /* prepare, start, abort, pop */
    struct nonce nonce;     /* stack: the challenge; standing, rehearse: the nonce */
};

struct carrier {
    struct carrier_options options;
    struct carrier_statement *statement;
    uint32_t asked_count; /* ever */
    struct asked asked[ASKED_MAX];
    mono_t trial_until;
    struct carrier_drift *drift;
};

/* ---- to the guard ---------------------------------------------------------------------------- */

static void note_asked(struct carrier *carrier, uint64_t command,
                       const struct guard_request *request)
{
    struct asked *to = &carrier->asked[carrier->asked_count++ % ASKED_MAX];

    *to = (struct asked){.command = command, .kind = request->kind, .attempt = request->id.attempt};
    to->nonce = request->kind == GUARD_STACK ? request->challenge : request->nonce;
    if (request->kind == GUARD_PREPARE)
        sign_hash(request->body.data, request->body.len, &to->attempt.body);
}

static void expect_trial(struct carrier *carrier)
{
    carrier->trial_until = clock_now() + TRIAL_MS;
    uplink_expect_trial(carrier->options.uplink, carrier->trial_until);
}

/* What only this agent, or root, may say to the guard is not taken from a controller. */
static bool may_pass(const struct guard_request *request)
{
    if (request->kind != GUARD_SOURCE_SEEN && request->kind != GUARD_FENCE)
        return true;
    log_warning("the controller sends the guard '%s', which is not its to say, ignoring",
                guard_request_kind_name(request->kind));
    return false;
}

static void prepare_for(struct carrier *carrier, const struct guard_request *request)
{
    switch (request->kind) {
    case GUARD_PREPARE:
        carrier_statement_take_body(carrier->statement, wire_lend(&request->body));
        break;
    case GUARD_START:
        carrier_statement_take_start(carrier->statement, request);
        expect_trial(carrier);
        break;
    case GUARD_STATEMENT:
    case GUARD_ABORT:
    case GUARD_POP:
    case GUARD_STACK:
    case GUARD_STANDING:
    case GUARD_ORDER:
    case GUARD_SOURCE_SEEN:
    case GUARD_FENCE:
    case GUARD_REHEARSE:
    case GUARD_REQUEST_COUNT:
        break;
    }
}

void carrier_take_command(struct carrier *carrier, const struct session_reply *command)
{
    struct guard_request request;
    struct err err = ERR_INIT;

    if (!wire_decode_guard_request(wire_lend(&command->guard), &request, &err)) {
        log_warning("a command for the guard: %s, ignoring", err.text);
        return;
    }
    if (may_pass(&request)) {
        note_asked(carrier, command->id, &request);
        prepare_for(carrier, &request);
        if (request.kind == GUARD_STATEMENT)
            carrier_statement_take_witness(carrier->statement, wire_lend(&command->guard),
                                           wire_lend(&request.envelope));
        else if (!guard_client_send(carrier->options.guard, wire_lend(&command->guard)))
            log_warning("'%s' for the guard, which does not answer; it will be asked again",
                        guard_request_kind_name(request.kind));
    }
    guard_request_done(&request);
}

bool carrier_ask_stack(struct carrier *carrier, const struct nonce *challenge)
{
    struct guard_request request = {.kind = GUARD_STACK, .challenge = *challenge, .hello = true};
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(&request);

    return guard_client_send(carrier->options.guard, wire_lend(&bytes));
}

/* ---- from the guard -------------------------------------------------------------------------- */

static bool answers(const struct asked *asked, const struct guard_report *report,
                    const struct attempt *attempt, const struct nonce *nonce)
{
    switch (report->kind) {
    case REPORT_STACK:
        return asked->kind == GUARD_STACK && nonce_equal(&asked->nonce, nonce);
    case REPORT_STATEMENT:
        return asked->kind == GUARD_STANDING && nonce_equal(&asked->nonce, nonce);
    case REPORT_PREPARED:
        return asked->kind == GUARD_PREPARE && hash_equal(&asked->attempt.body, &attempt->body);
    case REPORT_RECEIPT:
    case REPORT_REFUSED:
        return hash_equal(&asked->attempt.body, &attempt->body);
    case REPORT_REHEARSAL:
        return asked->kind == GUARD_REHEARSE && nonce_equal(&asked->nonce, nonce);
    case REPORT_NONCE:
    case REPORT_PROGRESS:
    case REPORT_DRIFT:
    case GUARD_REPORT_COUNT:
        break;
    }
    return false;
}

/* The newest command that this answers; 0: none that is known. */
static uint64_t find_asked(const struct carrier *carrier, const struct guard_report *report,
                           const struct attempt *attempt, const struct nonce *nonce)
{
    uint32_t count = carrier->asked_count < ASKED_MAX ? carrier->asked_count : ASKED_MAX;

    for (uint32_t i = 1; i <= count; i++) {
        const struct asked *at = &carrier->asked[(carrier->asked_count - i) % ASKED_MAX];

        if (answers(at, report, attempt, nonce))
            return at->command;
    }
    return 0;
}

static void forward(struct carrier *carrier, struct bytes bytes, uint64_t command)
{
    struct wire_bytes copy = {mem_copy(bytes.data, bytes.len), bytes.len};

    reporter_add_guard(carrier->options.reporter, copy, command);
    uplink_send(carrier->options.uplink);
}

static void take_stack(struct carrier *carrier, const struct guard_report *report,
                       struct bytes bytes)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct err err = ERR_INIT;

    if (!wire_decode_stack(wire_lend(&report->envelope), stack, &err)) {
        log_warning("the guard's stack: %s, ignoring", err.text);
        return;
    }
    carrier_drift_take_stack(carrier->drift, stack);
    if (!uplink_take_stack(carrier->options.uplink, &stack->challenge,
                           wire_lend(&report->envelope)))
        forward(carrier, bytes,
                find_asked(carrier, report, &stack->trial.attempt, &stack->challenge));
}

static void take_receipt(struct carrier *carrier, const struct guard_report *report,
                         struct bytes bytes)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    struct err err = ERR_INIT;

    if (wire_decode_receipt(wire_lend(&report->envelope), receipt, &err)) {
        log_info("the guard: %s%s%s", receipt_kind_name(receipt->kind),
                 receipt->reason[0] != '\0' ? ": " : "", receipt->reason);
        if (receipt->kind != RECEIPT_INCOMPLETE) {
            carrier->trial_until = 0;
            uplink_expect_trial(carrier->options.uplink, 0);
            carrier_statement_end(carrier->statement);
            carrier_drift_take_receipt(carrier->drift, receipt);
        }
    }
    forward(carrier, bytes,
            find_asked(carrier, report, &receipt->generation.attempt, &receipt->generation.start));
}

static void take_standing(struct carrier *carrier, const struct guard_report *report,
                          struct bytes bytes)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    struct err err = ERR_INIT;

    if (wire_decode_statement(wire_lend(&report->envelope), statement, &err))
        forward(carrier, bytes,
                find_asked(carrier, report, &report->id.attempt, &statement->nonce));
    else
        log_warning("the guard's statement: %s, ignoring", err.text);
}

/* docs/protocol.md rules 8 and 9: first and last travel only in the hello of a new connection. */
static void take_nonce(struct carrier *carrier, const struct guard_report *report,
                       struct bytes bytes)
{
    expect_trial(carrier);
    if (report->fresh_connection)
        uplink_dial_beside(carrier->options.uplink,
                           (struct wire_bytes){mem_copy(bytes.data, bytes.len), bytes.len});
    else
        forward(carrier, bytes, 0);
    carrier_statement_prove(carrier->statement, &report->id.attempt.body, &report->nonce,
                            PHASE_RENEWAL);
}

/* ---- drift ---------------------------------------------------------------------------------- */

static void look_for_drift(struct carrier *carrier)
{
    if (clock_now() >= carrier->trial_until)
        carrier_drift_look(carrier->drift);
}

/* A trial that began meanwhile has the guard say it anew when it is over. */
static void take_drift(struct carrier *carrier, const struct guard_report *report)
{
    carrier_drift_take_lines(carrier->drift, report);
    look_for_drift(carrier);
    uplink_send(carrier->options.uplink);
}

void carrier_take_report(struct carrier *carrier, struct bytes bytes)
{
    struct guard_report report;
    struct err err = ERR_INIT;

    if (!wire_decode_guard_report(bytes, &report, &err)) {
        log_warning("a report of the guard: %s, ignoring", err.text);
        return;
    }
    switch (report.kind) {
    case REPORT_PREPARED:
        forward(carrier, bytes, find_asked(carrier, &report, &report.id.attempt, &report.id.start));
        carrier_statement_prove(carrier->statement, &report.id.attempt.body, &report.id.start,
                                PHASE_BASELINE);
        break;
    case REPORT_NONCE:
        take_nonce(carrier, &report, bytes);
        break;
    case REPORT_RECEIPT:
        take_receipt(carrier, &report, bytes);
        break;
    case REPORT_STACK:
        take_stack(carrier, &report, bytes);
        break;
    case REPORT_STATEMENT:
        take_standing(carrier, &report, bytes);
        break;
    case REPORT_PROGRESS:
        log_info("the guard: %s, %s", report.state, report.sentence);
        forward(carrier, bytes, 0);
        break;
    case REPORT_REFUSED:
        log_info("the guard refuses: %s", report.reason);
        forward(carrier, bytes, find_asked(carrier, &report, &report.id.attempt, &report.id.start));
        break;
    case REPORT_REHEARSAL:
        forward(carrier, bytes, find_asked(carrier, &report, &report.id.attempt, &report.nonce));
        break;
    case REPORT_DRIFT:
        take_drift(carrier, &report);
        break;
    case GUARD_REPORT_COUNT:
        break;
    }
    guard_report_done(&report);
}

/* ---- the rest -------------------------------------------------------------------------------- */

void carrier_observed(struct carrier *carrier)
{
    carrier_statement_observed(carrier->statement);
    look_for_drift(carrier);
}

struct carrier *carrier_new(const struct carrier_options *options)
{
    struct carrier *carrier = mem_alloc(1, sizeof(*carrier));

    carrier->options = *options;
    carrier->drift = carrier_drift_new(options->observer, options->reporter);
    carrier->statement = carrier_statement_new(&carrier->options);
    return carrier;
}
