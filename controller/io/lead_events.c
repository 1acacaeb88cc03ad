/*
 * lead_events: what comes from agents and their guards, verified by the roster's keys, as events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/lead_parts.h"

const struct public_key *lead_guard_key(const struct lead *lead, const char *node, struct err *err)
{
    const struct roster_entry *entry = roster_find(lead->desk->roster, node);

    if (entry != NULL && !entry->witness_only)
        return &entry->guard_key;
    err_set(err, ERR_DENIED, "%s has no guard in roster version %llu", node,
            (unsigned long long)lead->desk->roster->version);
    return NULL;
}

/* ---- stacks ----------------------------------------------------------------------------------
 */

void lead_take_stack(struct lead *lead, const char *node, const struct stack *stack,
                     mono_t asked_at)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    struct rollout_event ev = {.kind = EVENT_HELLO, .node = node, .hello = {stack, asked_at}};

    if (member == NULL)
        return;
    if (!fleet_take_stack(member, stack, asked_at, clock_now())) {
        log_debug("%s: a stack that its guard signed before its last receipt, asking again", node);
        fleet_refuse_stack(member, "it is older than its last receipt");
        outbox_put_stack(lead->outbox, node);
        return;
    }
    lead_give(lead, &ev, NULL, NULL);
    lead_backs_stack(lead, node, stack);
    lead_voids_stack(lead, node, stack);
}

void lead_take_lost(struct lead *lead, const char *node)
{
    struct rollout_event ev = {.kind = EVENT_LOST, .node = node};

    lead_give(lead, &ev, NULL, NULL);
}

static bool verify_stack(const struct lead *lead, const char *node, struct bytes envelope,
                         struct stack *ret_stack, struct err *err)
{
    const struct public_key *key = lead_guard_key(lead, node, err);

    if (key == NULL || !wire_verify(envelope, SIGN_STACK, key, err) ||
        !wire_decode_stack(envelope, ret_stack, err))
        return false;
    return text_equal(ret_stack->node, node) ||
           err_set(err, ERR_DENIED, "a stack of %s came from %s", ret_stack->node, node);
}

static bool take_stack(struct lead *lead, const char *node, struct bytes envelope, struct err *err)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    mono_t asked_at;

    if (!verify_stack(lead, node, envelope, stack, err)) {
        if (member != NULL)
            fleet_refuse_stack(member, err->text);
        return false;
    }
    if (!outbox_take_challenge(lead->outbox, node, &stack->challenge, &asked_at)) {
        log_debug("%s: a stack over a challenge that is not out, ignoring", node);
        return true;
    }
    lead_take_stack(lead, node, stack, asked_at);
    return true;
}

/* ---- statements ------------------------------------------------------------------------------
 */

static struct led *find_body(struct lead *lead, const struct hash *body)
{
    struct led *led = lead->leds;

    while (led != NULL && !hash_equal(&led->machine.record.attempt.body, body))
        led = led->next;
    return led;
}

static bool passes(const struct statement *statement)
{
    enum verdict_value worst = VERDICT_PASS;

    for (uint32_t i = 0; i < statement->verdicts_count; i++)
        worst = verdict_worst(worst, statement->verdicts[i].value);
    return !statement->own_failing && worst == VERDICT_PASS &&
           (statement->verdicts_count > 0 || statement->phase == PHASE_STANDING);
}

/* What no start would carry is not kept: a member may sign as much as it likes. */
static void keep_statement(struct led *led, const struct statement *statement,
                           struct bytes envelope)
{
    struct led_carried *carried = &led->carried;
    struct carry kept = {
        .nonce = statement->nonce, .phase = statement->phase, .passes = passes(statement)};
    int place;

    text_copy(kept.subject, sizeof(kept.subject), statement->subject);
    text_copy(kept.signer, sizeof(kept.signer), statement->signer);
    place = carry_place(&led->machine, carried->list, carried->count, &kept);
    if (place < 0)
        return;
    if ((uint32_t)place == carried->count)
        carried->count++;
    carried->list[place] = kept;
    wire_bytes_done(&carried->envelopes[place]);
    carried->envelopes[place] =
        (struct wire_bytes){mem_copy(envelope.data, envelope.len), envelope.len};
}

static void give_statement(struct lead *lead, const struct statement *statement,
                           struct bytes envelope)
{
    struct led *led = find_body(lead, &statement->body);
    struct rollout_event ev = {.kind = EVENT_STATEMENT, .node = statement->subject};

    if (led == NULL) {
        log_debug("%s: a statement on %s over a manifest that is not led, ignoring",
                  statement->signer, statement->subject);
        return;
    }
    keep_statement(led, statement, envelope);
    lead_note_statement(lead, led, statement);
    ev.statement.signer = statement->signer;
    ev.statement.body = statement->body;
    ev.statement.nonce = statement->nonce;
    ev.statement.phase = statement->phase;
    ev.statement.passes = passes(statement);
    lead_step(lead, led, &ev, &envelope);
}

static bool check_signer(const struct statement *statement, const char *node, bool is_guard,
                         struct err *err)
{
    if (!text_equal(statement->signer, node))
        return err_set(err, ERR_DENIED, "a statement of %s came from %s", statement->signer, node);
    if ((statement->phase == PHASE_STANDING) != is_guard)
        return err_set(err, ERR_DENIED, "a %s statement came from the %s of %s",
                       phase_name(statement->phase), is_guard ? "guard" : "agent", node);
    return true;
}

static bool take_statement(struct lead *lead, const char *node, struct bytes envelope,
                           bool is_guard, struct err *err)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    const struct roster_entry *entry = roster_find(lead->desk->roster, node);
    const struct public_key *key = is_guard        ? lead_guard_key(lead, node, err)
                                   : entry != NULL ? &entry->agent_key
                                                   : NULL;

    if (key == NULL)
        return err->kind != ERR_NONE ? false
                                     : err_set(err, ERR_DENIED, "%s is not in the roster", node);
    if (!wire_verify(envelope, SIGN_STATEMENT, key, err) ||
        !wire_decode_statement(envelope, statement, err) ||
        !check_signer(statement, node, is_guard, err))
        return false;
    give_statement(lead, statement, envelope);
    return true;
}

bool lead_take_statement(struct lead *lead, const char *node, struct bytes envelope,
                         struct err *err)
{
    return take_statement(lead, node, envelope, false, err);
}

/* ---- what is not signed ----------------------------------------------------------------------
 */

static struct led_words *find_words(struct lead *lead, const char *node,
                                    const struct attempt *attempt)
{
    for (struct led *led = lead->leds; led != NULL; led = led->next) {
        if (!attempt_equal(&led->machine.record.attempt, attempt))
            continue;
        for (uint32_t i = 0; i < led->machine.record.targets_count; i++) {
            if (text_equal(led->machine.record.targets[i].name, node))
                return &led->words[i];
        }
    }
    return NULL;
}

static void take_prepared(struct lead *lead, const char *node, const struct guard_report *report)
{
    struct rollout_event ev = {.kind = EVENT_PREPARED, .node = node, .prepared = report->id};

    if (report->rehearsal != NULL)
        lead_take_prepared(lead, node, report);
    lead_give(lead, &ev, &report->id.attempt, NULL);
}

static const char *recorded_reason(const struct lead *lead, const char *node,
                                   const struct attempt *attempt)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        const struct rollout_record *record = &led->machine.record;

        for (uint32_t i = 0; i < record->targets_count; i++) {
            if (attempt_equal(&record->attempt, attempt) &&
                text_equal(record->targets[i].name, node))
                return record->targets[i].reason;
        }
    }
    return "";
}

/* Its reason, unless reasons have changed too often to be written down: then it stays as it was. */
static const char *choose_reason(struct lead *lead, const char *node,
                                 const struct guard_report *report)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    const char *recorded = recorded_reason(lead, node, &report->id.attempt);

    if (member == NULL || text_equal(report->reason, recorded) ||
        desk_may_note(lead->desk, member, NOTE_ROW))
        return report->reason;
    return recorded[0] != '\0' ? recorded : "refused";
}

static void take_refused(struct lead *lead, const char *node, const struct guard_report *report)
{
    char reason[REASON_SIZE];
    struct rollout_event ev = {.kind = EVENT_REFUSED, .node = node, .reason = reason};

    text_copy(reason, sizeof(reason), choose_reason(lead, node, report));

    ev.refused.attempt = report->id.attempt;
    ev.refused.expired = report->expired;
    ev.refused.lasting = report->lasting;
    log_info("%s: its guard refuses: %s", node, report->reason);
    lead_give(lead, &ev, &report->id.attempt, NULL);
    lead_backs_refused(lead, node, &report->id.attempt, report->reason);
    lead_voids_refused(lead, node, &report->id.attempt, report->reason);
}

static void note_soak(struct lead *lead, const char *node, const struct guard_report *report)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    struct led_words *words = find_words(lead, node, &report->id.attempt);

    if (member != NULL)
        member->soak_left_s = report->soak_left_s;
    if (words != NULL)
        words->soak_left_s = report->soak_left_s;
}

static void take_nonce(struct lead *lead, const char *node, const struct guard_report *report)
{
    struct rollout_event ev = {.kind = EVENT_NONCE, .node = node};

    ev.nonce.id = report->id;
    ev.nonce.nonce = report->nonce;
    ev.nonce.last = report->last;
    note_soak(lead, node, report);
    lead_give(lead, &ev, &report->id.attempt, NULL);
}

/* For people only. What is still there when a trial has ended comes with a new stack. */
static void take_progress(struct lead *lead, const char *node, const struct guard_report *report)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    struct led_words *words = find_words(lead, node, &report->id.attempt);

    note_soak(lead, node, report);
    if (member != NULL && member->stack_is_of_session && member->stack.trial_open)
        text_copy(member->stack.trial_state, sizeof(member->stack.trial_state), report->state);
    else if (member != NULL)
        outbox_put_stack(lead->outbox, node);
    if (words == NULL)
        return;
    text_copy(words->sentence, sizeof(words->sentence), report->sentence);
    words->open_count = 0;
    for (uint32_t i = 0; i < report->lines_count && i < LED_OPEN_MAX; i++)
        text_copy(words->open[words->open_count++], SENTENCE_SIZE, report->lines[i]);
}

static bool take_report(struct lead *lead, const char *node, const struct guard_report *report,
                        struct err *err)
{
    switch (report->kind) {
    case REPORT_PREPARED:
        take_prepared(lead, node, report);
        break;
    case REPORT_NONCE:
        take_nonce(lead, node, report);
        break;
    case REPORT_RECEIPT:
        return lead_take_receipt(lead, node, wire_lend(&report->envelope), err);
    case REPORT_REFUSED:
        take_refused(lead, node, report);
        break;
    case REPORT_STACK:
        return take_stack(lead, node, wire_lend(&report->envelope), err);
    case REPORT_STATEMENT:
        return take_statement(lead, node, wire_lend(&report->envelope), true, err);
    case REPORT_PROGRESS:
        take_progress(lead, node, report);
        break;
    case REPORT_REHEARSAL:
        lead_take_rehearsal(lead, node, report);
        break;
    case REPORT_DRIFT: /* the agent has it among its own */
    case GUARD_REPORT_COUNT:
        break;
    }
    return true;
}

bool lead_take_report(struct lead *lead, const char *node, struct bytes from, struct err *err)
{
    struct guard_report report;
    bool good;

    if (!wire_decode_guard_report(from, &report, err))
        return false;
    good = take_report(lead, node, &report, err);
    guard_report_done(&report);
    return good;
}

bool lead_take_nonce(struct lead *lead, const char *node, struct bytes from, struct err *err)
{
    struct guard_report report;
    bool good;

    if (!wire_decode_guard_report(from, &report, err))
        return false;
    good = report.kind == REPORT_NONCE ||
           err_set(err, ERR_INPUT, "another report than a nonce: accepted is a nonce alone");
    if (good)
        take_nonce(lead, node, &report);
    guard_report_done(&report);
    return good;
}

/* On trial itself: its own guard judges that, with its grace (docs/protocol.md rule 11). */
static bool is_on_trial(const struct led *led, const char *node)
{
    for (uint32_t i = 0; i < led->machine.record.targets_count; i++) {
        if (text_equal(led->machine.record.targets[i].name, node))
            return target_is_open(&led->machine.targets[i]);
    }
    return false;
}

/* Under maintenance a node is silenced: somebody works on it, and knows. */
static bool is_silenced(const struct lead *lead, const char *node)
{
    return holds_find(&lead->desk->holds, HOLD_MAINTENANCE, node, clock_unix()) != NULL;
}

/* An open trial is taken back however often; without one the gates are only asked again, which one
 * node has done for it so often and no more. */
static bool may_ask_again(struct lead *lead, const struct led *led, const char *node)
{
    return lead_is_closed(&led->machine) || rollout_has_open_trial(&led->machine) ||
           lead_may_note(lead, node, NOTE_ASKING);
}

void lead_take_failing(struct lead *lead, const char *node, const struct verdict *verdict)
{
    char reason[REASON_SIZE];
    char observed[120];
    struct rollout_event ev = {.kind = EVENT_CHECK_FAILING, .node = node, .reason = reason};

    if (is_silenced(lead, node)) {
        log_info("%s: %s fails, and it is under maintenance: ignoring", node, verdict->check);
        return;
    }
    text_shorten(observed, sizeof(observed), verdict->observed);
    snprintf(reason, sizeof(reason), "%s fails on %s: %s", verdict->check, node, observed);
    for (struct led *led = lead->leds; led != NULL; led = led->next) {
        if (is_on_trial(led, node) || !may_ask_again(lead, led, node))
            continue;
        lead_step(lead, led, &ev, NULL);
    }
}
