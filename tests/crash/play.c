/*
 * play: reads what the guard says and answers it.
 */
#include "tests/crash/play.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/packet.h"
#include "common/io/wire_guard.h"
#include "tests/crash/real.h"
#include "tests/crash/shim.h"
#include "tests/crash/turns.h"
#include "tests/crash/world.h"

enum { PATIENCE_MS = 120000, ASK_PACE_MS = 1000, STANDS_STILL_MS = 12000 };

static struct {
    enum play play;
    const struct plans *plans;
    const struct plan *plan;
    int fd;
    bool began, wants_end, is_over, is_late;
    struct generation_id prepared;
    mono_t begun, asked_at, idle_since, stays_until;
} player = {.fd = -1};

/* ---- saying --------------------------------------------------------------------------------- */

static void say(const struct guard_request *request)
{
    AUTO_WIRE struct wire_bytes encoded = wire_encode_guard_request(request);
    struct err err = ERR_INIT;

    if (!packet_send(player.fd, wire_lend(&encoded), &err))
        fprintf(stderr, "player: %s\n", err.text);
}

static void say_prepare(void)
{
    struct guard_request request = {
        .kind = GUARD_PREPARE, .body = player.plan->body, .envelope = player.plan->approval};

    say(&request);
}

static void say_stack(void)
{
    struct guard_request request = {.kind = GUARD_STACK};

    memset(&request.challenge, 7, sizeof(request.challenge));
    say(&request);
}

static struct wire_bytes make_statement(int witness, const struct nonce *nonce, enum phase phase)
{
    struct statement *statement = mem_alloc(1, sizeof(*statement));
    const struct plans *plans = player.plans;
    struct wire_bytes encoded;

    statement->body = player.plan->attempt.body;
    statement->nonce = *nonce;
    statement->phase = phase;
    text_copy(statement->subject, sizeof(statement->subject), "subject");
    text_copy(statement->signer, sizeof(statement->signer),
              witness < 0 ? "subject" : plan_witnesses[witness]);
    if (witness >= 0) {
        statement->verdicts_count = 1;
        text_copy(statement->verdicts[0].check, NAME_SIZE, "ssh");
        verdict_set(&statement->verdicts[0], VERDICT_PASS, "a banner", "a banner");
    }
    encoded =
        wire_encode_statement(statement, witness < 0 ? plans->agent : plans->witness[witness]);
    free(statement);
    return encoded;
}

static void say_start(const struct guard_report *report)
{
    struct wire_bytes statements[1 + PLAN_WITNESSES];
    struct guard_request request = {.kind = GUARD_START,
                                    .id = report->id,
                                    .statements_count = 1 + PLAN_WITNESSES,
                                    .statements = statements};

    for (int i = -1; i < PLAN_WITNESSES; i++)
        statements[i + 1] = make_statement(i, &report->id.start, PHASE_BASELINE);
    shim_set_phase(PHASE_APPLY);
    say(&request);
    for (int i = 0; i < 1 + PLAN_WITNESSES; i++)
        wire_bytes_done(&statements[i]);
}

static void say_source(int witness, const struct nonce *nonce)
{
    struct guard_request request = {.kind = GUARD_SOURCE_SEEN, .nonce = *nonce, .counts = true};

    text_copy(request.name, sizeof(request.name), plan_witnesses[witness]);
    text_copy(request.reason, sizeof(request.reason), "seen from 198.18.0.10");
    say(&request);
}

static void say_renewal(const struct guard_report *report)
{
    for (int i = -1; i < PLAN_WITNESSES; i++) {
        struct guard_request request = {.kind = GUARD_STATEMENT};

        if (i >= 0)
            say_source(i, &report->nonce);
        request.envelope = make_statement(i, &report->nonce, PHASE_RENEWAL);
        say(&request);
        wire_bytes_done(&request.envelope);
    }
}

static void say_abort(const struct stack *stack)
{
    struct guard_request request = {
        .kind = GUARD_ABORT, .id = stack->trial, .nonce = stack->nonce, .reason = "a drill"};

    player.wants_end = false;
    shim_set_phase(PHASE_REVERT);
    say(&request);
}

/* By its attempt: its start may not have been. */
static void bury(const struct stack *stack)
{
    struct stack own = *stack;

    own.trial = (struct generation_id){.attempt = player.plan->attempt};
    say_abort(&own);
}

static void say_pop(const struct stack *stack)
{
    struct guard_request request = {.kind = GUARD_POP,
                                    .id = stack->generations[stack->generations_count - 1].id,
                                    .nonce = stack->nonce,
                                    .reason = "a drill"};

    player.wants_end = false;
    shim_set_phase(PHASE_REVERT);
    say(&request);
}

static void say_order(const struct stack *stack)
{
    struct order *order = mem_alloc(1, sizeof(*order));
    struct guard_request request = {.kind = GUARD_ORDER};

    order->nodes_count = 1;
    text_copy(order->nodes[0], sizeof(order->nodes[0]), "subject");
    text_copy(order->reason, sizeof(order->reason), "a drill");
    order->down_to = stack->generations[stack->generations_count - 1].id;
    request.envelope = wire_encode_order(order, player.plans->approver);
    player.wants_end = false;
    shim_set_phase(PHASE_REVERT);
    say(&request);
    wire_bytes_done(&request.envelope);
    free(order);
}

/* ---- hearing -------------------------------------------------------------------------------- */

/* By the nonce that was out before: a late start finds the tombstone (docs/protocol.md rule 5). */
static void start_late(void)
{
    const struct guard_report report = {.kind = REPORT_PREPARED, .id = player.prepared};

    player.is_late = false;
    say_start(&report);
}

static void hear_receipt(const struct guard_report *report)
{
    struct told *told = &world->told;
    struct receipt *receipt = &told->receipts[told->receipts_count];
    struct err err = ERR_INIT;

    if (!wire_decode_receipt(wire_lend(&report->envelope), receipt, &err))
        world_give_up(err.text);
    if (!attempt_equal(&receipt->generation.attempt, &player.plan->attempt))
        return;
    fprintf(stderr, "player: receipt %s (%s) %s\n", receipt_kind_name(receipt->kind),
            end_cause_name(receipt->cause), receipt->reason);
    if (told->receipts_count + 1 < TOLD_MAX)
        told->receipts_count++;
    told->is_asked = true;
    if (player.play == PLAY_TOMBSTONE && player.is_late)
        start_late();
    else if (receipt->kind != RECEIPT_INCOMPLETE && player.play != PLAY_ASK)
        player.is_over = true;
    /* What the change moved of what stands below it, and was not put back at once, is soon. */
    if (receipt->kind == RECEIPT_CONFIRMED)
        player.stays_until = clock_now() + STANDS_STILL_MS;
}

/* The change stands already: nothing is prepared. */
static bool ends_standing(enum play play)
{
    return play == PLAY_ORDER || play == PLAY_POP || play == PLAY_LATE_ABORT;
}

static void say_end(const struct stack *stack)
{
    if (player.play == PLAY_ABORT)
        say_abort(stack);
    else if (player.play == PLAY_TOMBSTONE || player.play == PLAY_LATE_ABORT)
        bury(stack);
    else if (stack->generations_count < 2)
        say_prepare(); /* it is done: the answer is its receipt */
    else if (player.play == PLAY_POP)
        say_pop(stack);
    else
        say_order(stack);
}

static void hear_stack(const struct guard_report *report)
{
    struct stack *stack = &world->told.stack;
    struct err err = ERR_INIT;
    bool idle;

    if (!wire_decode_stack(wire_lend(&report->envelope), stack, &err))
        world_give_up(err.text);
    world->told.has_stack = true;
    if (player.wants_end)
        say_end(stack);
    idle = !stack->trial_open && text_equal(stack->trial_state, "idle");
    if (!idle)
        player.idle_since = MONO_NEVER;
    else if (player.idle_since == MONO_NEVER)
        player.idle_since = clock_now();
}

static void hear_nonce(const struct guard_report *report)
{
    shim_set_phase(PHASE_CONFIRM);
    if (player.play == PLAY_ABORT && !player.wants_end) {
        player.wants_end = true;
        say_stack();
    }
    say_renewal(report);
}

static void hear_prepared(const struct guard_report *report)
{
    world->told.prepared = true;
    world->told.is_asked = true;
    if (player.play == PLAY_TOMBSTONE) {
        player.prepared = report->id;
        player.is_late = player.wants_end = true;
        say_stack();
    } else if (player.play != PLAY_ASK) {
        say_start(report);
    }
}

static void hear_refused(const struct guard_report *report)
{
    fprintf(stderr, "player: refused: %s\n", report->reason);
    world->told.refused = true;
    text_copy(world->told.refusal, sizeof(world->told.refusal), report->reason);
    world->told.is_asked = true;
    if (player.play != PLAY_ASK)
        player.is_over = true;
}

static void hear_progress(const struct guard_report *report)
{
    fprintf(stderr, "player: %s: %s\n", report->state, report->sentence);
    if (text_equal(report->state, "reverting") && player.play != PLAY_ASK)
        shim_set_phase(PHASE_REVERT);
    if (player.play == PLAY_SOAK && text_equal(report->state, "soaking"))
        player.is_over = true;
}

static void hear(const struct guard_report *report)
{
    switch (report->kind) {
    case REPORT_PREPARED:
        hear_prepared(report);
        break;
    case REPORT_NONCE:
        hear_nonce(report);
        break;
    case REPORT_RECEIPT:
        hear_receipt(report);
        break;
    case REPORT_REFUSED:
        hear_refused(report);
        break;
    case REPORT_STACK:
        hear_stack(report);
        break;
    case REPORT_PROGRESS:
        hear_progress(report);
        break;
    case REPORT_STATEMENT:
    case REPORT_REHEARSAL:
    case REPORT_DRIFT:
    case GUARD_REPORT_COUNT:
        break;
    }
}

/* ---- turns ---------------------------------------------------------------------------------- */

/* An agent dials again and asks again; what it asked for is under way, or has ended. */
static void hang_up(void)
{
    __real_close(player.fd);
    player.fd = -1;
    player.began = false;
    player.asked_at = 0;
}

/* False: there is nothing to hear now. */
static bool hear_one(void)
{
    struct guard_report report;
    AUTO_FREE uint8_t *data = NULL;
    struct err err = ERR_INIT;
    size_t len = 0;

    if (!packet_receive(player.fd, &data, &len, &err)) {
        if (err.kind == ERR_TIMEOUT)
            return false;
        hang_up();
        return true;
    }
    if (!wire_decode_guard_report((struct bytes){data, len}, &report, &err))
        world_give_up(err.text);
    hear(&report);
    guard_report_done(&report);
    return true;
}

static bool dial(void)
{
    char path[2 * PATH_LINE];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/guard.sock", world->run);
    player.fd = packet_connect(path, &err);
    if (player.fd < 0)
        world_give_up(err.text);
    fcntl(player.fd, F_SETFL, fcntl(player.fd, F_GETFL) | O_NONBLOCK);
    return true;
}

/* What has stood still for a while, and was asked about at the end, is how it is. */
static bool ask(void)
{
    mono_t now = clock_now();

    if (player.idle_since != MONO_NEVER && now >= player.idle_since + STANDS_STILL_MS) {
        if (player.began && world->told.is_asked)
            player.is_over = true;
        if (player.began)
            return false;
        player.began = true;
        world->told.is_asked = false;
        say_prepare();
        return true;
    }
    if (player.asked_at != 0 && now < player.asked_at + ASK_PACE_MS)
        return false;
    player.asked_at = now;
    say_stack();
    return true;
}

static bool act(void)
{
    if (player.fd < 0)
        return dial();
    if (hear_one())
        return true;
    if (player.play == PLAY_ASK)
        return ask();
    if (player.began)
        return false;
    player.began = true;
    player.wants_end |= ends_standing(player.play);
    if (!ends_standing(player.play)) {
        if (world->phase < PHASE_PREPARE)
            shim_set_phase(PHASE_PREPARE);
        say_prepare();
    }
    if (player.wants_end)
        say_stack();
    return true;
}

static bool play(void)
{
    bool acted;

    shim_pause();
    acted = act();
    if (!acted && ((player.is_over && clock_now() >= player.stays_until) ||
                   clock_now() > player.begun + PATIENCE_MS)) {
        world->unsettled = !player.is_over;
        fflush(NULL);
        _exit(EXIT_PLAYED);
    }
    shim_resume();
    return acted;
}

void play_begin(enum play how, const struct plans *plans, int plan)
{
    player.play = how;
    player.plans = plans;
    player.plan = &plans->plan[plan];
    player.begun = clock_now();
    player.idle_since = MONO_NEVER;
    turns_set_player(play);
}
