/*
 * rollout_act: what the rollout machine does on the way ahead.
 */
#include <string.h>

#include "common/core/text.h"
#include "controller/core/rollout_table.h"

void rollout_do_nothing(struct rollout_move *move)
{
    (void)move;
}

/* "a1: text" */
static void say_of(struct rollout_move *move, const struct target *target, const char *text)
{
    struct text out = TEXT_IN(move->detail);

    text_add(&out, "%s%s%s", target->record->name, text[0] != '\0' ? ": " : "", text);
}

/* The next time that they wait they have their whole time again. */
static void forget_awaited(struct rollout *rollout)
{
    rollout->awaited[0] = '\0';
    rollout->awaits_since = MONO_NEVER;
}

/* ---- learning ------------------------------------------------------------------------------- */

void rollout_do_learn_all(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;

    rollout->offering = false;
    forget_awaited(rollout);
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        struct target *target = &rollout->targets[i];

        target->heard = false;
        target->retry_at = target->asked_at = MONO_NEVER;
        target->refusals = 0;
    }
}

/* An earlier guard that does not say that it stands is asked what does stand there. */
void rollout_do_learn_one(struct rollout_move *move)
{
    say_of(move, move->target, move->ev->reason != NULL ? move->ev->reason : "");
}

void rollout_do_go_on(struct rollout_move *move)
{
    move->rollout->record.advanced = rollout_stage_done(move->rollout);
    rollout_do_learn_all(move);
}

/* A person takes as good what stands unasked. */
void rollout_do_try_again(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;
    struct target *target;

    while ((target = rollout_first(rollout, rollout_stands_unasked)) != NULL)
        target->record->wants = WANTS_CHANGE;
    rollout_do_learn_all(move);
}

/* Nothing more is offered; what was prepared lets its 30 s pass. */
void rollout_do_withdraw(struct rollout_move *move)
{
    move->rollout->offering = false;
}

void rollout_do_say_unasked(struct rollout_move *move)
{
    say_of(move, rollout_first(move->rollout, rollout_stands_unasked), "");
}

/* It does not say that it stands, and what it says of the change is not asked of it: nothing more
 * is offered. */
void rollout_do_say_unknown(struct rollout_move *move)
{
    move->rollout->offering = false;
    say_of(move, rollout_first(move->rollout, rollout_is_unknown_to_guard), "");
}

/* ---- gates ---------------------------------------------------------------------------------- */

void rollout_do_ask_gates(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;
    struct rollout_effect *effect = rollout_effects_add(move->effects, EFFECT_GATES, NULL);
    struct text out = TEXT_IN(move->detail);

    effect->stage = rollout->record.stage;
    rollout->ask_gates_at = mono_add(rollout->now, ROLLOUT_GATES_MS);
    text_add(&out, "stage %u of %u", rollout->record.stage + 1, rollout->manifest->stages_count);
}

/* Nothing is offered on what they said before. */
void rollout_do_ask_gates_again(struct rollout_move *move)
{
    rollout_do_ask_gates(move);
    move->rollout->offering = false;
    if (move->ev->kind == EVENT_CHECK_FAILING)
        rollout_say_event(move);
}

void rollout_do_next_stage(struct rollout_move *move)
{
    struct rollout_record *record = &move->rollout->record;

    record->stage++;
    record->advanced = false;
    rollout_do_ask_gates(move);
}

/* They are asked again, less and less often: each time the nodes are asked for what they know. */
void rollout_do_await_facts(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;

    text_copy(rollout->awaited, sizeof(rollout->awaited),
              move->ev->reason != NULL ? move->ev->reason : "");
    text_copy(move->detail, sizeof(move->detail), rollout->awaited);
    if (rollout->awaits_since == MONO_NEVER) {
        rollout->awaits_since = rollout->now;
        rollout->await_ms = ROLLOUT_AWAIT_MS;
    }
    rollout->ask_gates_at = mono_add(rollout->now, rollout->await_ms);
    rollout->await_ms = mono_min(2 * rollout->await_ms, ROLLOUT_AWAIT_SLOW_MS);
}

void rollout_do_say_no(struct rollout_move *move)
{
    text_copy(move->detail, sizeof(move->detail), move->ev->reason != NULL ? move->ev->reason : "");
}

static void say_stage_nodes(struct rollout_move *move)
{
    const struct rollout *rollout = move->rollout;
    struct text out = TEXT_IN(move->detail);
    const char *separator = "";

    text_add(&out, "stage %u of %u: ", rollout->record.stage + 1, rollout->manifest->stages_count);
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if (!rollout_in_stage(rollout, &rollout->targets[i]))
            continue;
        text_add(&out, "%s%s", separator, rollout->record.targets[i].name);
        separator = ", ";
    }
}

void rollout_do_say_stage(struct rollout_move *move)
{
    say_stage_nodes(move);
}

void rollout_do_prepare_stage(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;

    rollout->offering = true;
    rollout->gates_passed_at = rollout->now;
    forget_awaited(rollout);
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        struct target *target = &rollout->targets[i];

        if (!rollout_in_stage(rollout, target))
            continue;
        target->record->wants = WANTS_CHANGE;
        target->retry_at = rollout->now; /* one that has prepared already: its statements */
        target->refusals = 0;
    }
    say_stage_nodes(move);
}

/* ---- prepared, started ---------------------------------------------------------------------- */

static void ask(struct rollout_move *move, const char *whom, const struct target *subject,
                const struct nonce *nonce, enum phase phase)
{
    struct rollout_effect *effect = rollout_effects_add(move->effects, EFFECT_ASK, whom);

    text_copy(effect->ask.subject, sizeof(effect->ask.subject), subject->record->name);
    effect->ask.nonce = *nonce;
    effect->ask.phase = phase;
}

/* Whoever has not answered yet: docs/protocol.md rule 2. */
void rollout_ask_statements(struct rollout_move *move, struct target *target)
{
    struct rollout *rollout = move->rollout;
    const struct manifest_plan *plan = target->plan;
    uint64_t missing = rollout_earlier(rollout, target) & ~target->standings;

    for (uint32_t i = 0; i < plan->witnesses_count; i++) {
        if ((target->answered & UINT64_C(1) << i) == 0)
            ask(move, plan->witnesses[i], target, &target->prepared, PHASE_BASELINE);
    }
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if ((missing & UINT64_C(1) << i) != 0)
            ask(move, rollout->record.targets[i].name, target, &target->prepared, PHASE_STANDING);
    }
    target->retry_at = mono_add(rollout->now, ROLLOUT_RETRY_MS);
}

void rollout_do_ask_statements(struct rollout_move *move)
{
    rollout_ask_statements(move, move->target);
}

/* It is in doubt on the disk before the start leaves. */
void rollout_do_start(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;
    struct target *target = rollout_first(rollout, rollout_may_start);
    struct rollout_effect *effect =
        rollout_effects_add(move->effects, EFFECT_SEND, target->record->name);

    target->record->generation = (struct generation_id){rollout->record.attempt, target->prepared};
    target->record->in_doubt = true;
    target->started = true;
    target->asked_at = rollout->now;
    target->retry_at = mono_add(rollout->now, ROLLOUT_RETRY_MS);
    effect->send.request = SEND_START;
    effect->send.id = target->record->generation;
    say_of(move, target, "");
}

static unsigned count_bits(uint64_t bits)
{
    unsigned count = 0;

    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/* Whom it waits for. */
void rollout_say_missing(const struct rollout *rollout, const struct target *target,
                         struct text *out)
{
    uint64_t missing = rollout_earlier(rollout, target) & ~target->standings;

    text_add(out, "%s: %u witnesses see it and are well, %u are needed", target->record->name,
             count_bits(target->baselines), target->plan->quorum);
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if ((missing & UINT64_C(1) << i) != 0)
            text_add(out, ", %s's guard does not say that it stands",
                     rollout->record.targets[i].name);
    }
}

void rollout_do_forget_nonce(struct rollout_move *move)
{
    struct target *target = rollout_first(move->rollout, rollout_nonce_went_by);
    struct text out = TEXT_IN(move->detail);

    rollout_say_missing(move->rollout, target, &out);
    target->prepared = (struct nonce){0};
    target->ready_at = target->retry_at = MONO_NEVER;
    target->record->says = SAYS_NEVER;
}

/* ---- proof ---------------------------------------------------------------------------------- */

void rollout_do_ask_renewals(struct rollout_move *move)
{
    const struct manifest_plan *plan = move->target->plan;

    for (uint32_t i = 0; i < plan->witnesses_count; i++)
        ask(move, plan->witnesses[i], move->target, &move->ev->nonce.nonce, PHASE_RENEWAL);
}

void rollout_do_forward(struct rollout_move *move)
{
    rollout_effects_add(move->effects, EFFECT_FORWARD, move->target->record->name);
}

void rollout_do_note_trial(struct rollout_move *move)
{
    move->newly_on_trial = false;
    say_of(move, move->target, "");
}

void rollout_do_note_answer(struct rollout_move *move)
{
    move->answers_again = false;
    say_of(move, move->target, "");
}

void rollout_do_say_silent(struct rollout_move *move)
{
    struct target *target = rollout_first(move->rollout, rollout_is_newly_silent);

    target->silent = true;
    if (target_is_open(target))
        say_of(move, target, "in doubt, only its guard can tell");
    else
        say_of(move, target, target->unheard[0] != '\0' ? target->unheard : "not connected?");
}

/* docs/protocol.md rule 18: what failed its proof is a quarantine from here on. */
void rollout_do_note_receipt(struct rollout_move *move)
{
    const struct receipt *receipt = move->ev->receipt;
    struct text out = TEXT_IN(move->detail);

    if (receipt_quarantines(receipt))
        rollout_effects_add(move->effects, EFFECT_HOLD, receipt->node);
    text_add(&out, "%s %s", receipt->node, receipt_kind_name(receipt->kind));
    if (receipt->cause != CAUSE_NONE)
        text_add(&out, ", %s", end_cause_name(receipt->cause));
    if (receipt->reason[0] != '\0')
        text_add(&out, ": %s", receipt->reason);
}
