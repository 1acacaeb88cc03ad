/*
 * rollout_tend: what each target is asked now. Every request is idempotent: it is repeated until
 * its answer is there, and no time-out ever decides anything.
 */
#include "common/core/text.h"
#include "controller/core/rollout_table.h"

enum owed {
    OWED_NOTHING,
    OWED_STACK,
    OWED_STACK_LATER,      /* if it says nothing for a while */
    OWED_PREPARE,          /* an offer; of what it knows already, it answers with the receipt */
    OWED_STATEMENTS_LATER, /* again, from those who have not answered */
    OWED_ABORT,
    OWED_POP,
};

/* ---- ahead ---------------------------------------------------------------------------------- */

static enum owed owe_end(const struct target *target, enum owed end)
{
    return nonce_is_zero(&target->stack_nonce) ? OWED_STACK : end;
}

static enum owed owe_offer(const struct rollout *rollout, const struct target *target)
{
    if (rollout_owes_receipt(target))
        return OWED_PREPARE;
    if (rollout->record.state != ROLLOUT_STAGE)
        return OWED_NOTHING;
    if (target->started)
        return OWED_STACK_LATER;
    if (!rollout->offering || !rollout_in_stage(rollout, target))
        return OWED_NOTHING;
    return nonce_is_zero(&target->prepared) ? OWED_PREPARE : OWED_STATEMENTS_LATER;
}

static enum owed owe_ahead(const struct rollout *rollout, const struct target *target)
{
    if (!target->heard)
        return OWED_STACK;
    switch (target_choose(target->record->says, target->record->wants)) {
    case ACTION_LEARN:
    case ACTION_GO_ON:
        return OWED_STACK_LATER;
    case ACTION_OFFER:
        return owe_offer(rollout, target);
    case ACTION_RECORD:
        return rollout_owes_receipt(target) ? OWED_PREPARE : OWED_NOTHING;
    case ACTION_END:
        return owe_end(target, OWED_ABORT);
    case ACTION_NONE:
    case ACTION_FAIL:
    case ACTION_TOMBSTONE:
    case ACTION_POP:
    case ACTION_ASK_PERSON:
    case ACTION_COUNT:
        break;
    }
    return OWED_NOTHING;
}

/* ---- back ----------------------------------------------------------------------------------- */

/* Listed ones are; when only they are left, whoever has come back is waited for, as long as it
 * neither refuses for good nor says that it needs longer. */
static bool is_passed(const struct rollout *rollout, const struct target *target)
{
    bool is_back = rollout->record.state == ROLLOUT_INCOMPLETE && target->heard &&
                   target->record->receipt != RECEIPT_INCOMPLETE &&
                   target->refusals < ROLLOUT_REVERT_REFUSALS_MAX;

    return target->record->listed && !is_back;
}

/* While this one is being taken back, no confirmed one is popped beside it. One that stands, and
 * only its receipt is not known here, waits for its turn. */
static bool is_under_way(const struct rollout *rollout, const struct target *target)
{
    const struct target_record *record = target->record;

    if (record->wants != WANTS_REVERT || is_passed(rollout, target) || target_is_ended(target))
        return false;
    return target->at_once || record->says == SAYS_ON_TRIAL || record->says == SAYS_REVERTING ||
           (record->in_doubt && record->says != SAYS_CONFIRMED);
}

/* The newest confirmed one that is not passed, once nothing else is being taken back. */
static bool is_its_turn(const struct rollout *rollout, const struct target *target)
{
    if (rollout->record.emergency || target->at_once)
        return true;
    if (rollout->record.state != ROLLOUT_INCOMPLETE && target->record->listed)
        return true; /* it refused: asked again, slowly */
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *other = &rollout->targets[i];

        if (other != target && is_under_way(rollout, other))
            return false;
        if (other > target && !is_passed(rollout, other) && other->record->wants == WANTS_REVERT &&
            other->record->says == SAYS_CONFIRMED)
            return false;
    }
    return true;
}

static enum owed owe_back(const struct rollout *rollout, const struct target *target)
{
    if (target->record->wants != WANTS_REVERT)
        return OWED_NOTHING;
    switch (target_choose(target->record->says, WANTS_REVERT)) {
    case ACTION_LEARN:
        return target->heard ? OWED_STACK_LATER : OWED_STACK;
    case ACTION_TOMBSTONE:
    case ACTION_END:
        return owe_end(target, OWED_ABORT);
    case ACTION_POP:
        if (!target->heard)
            return OWED_STACK;
        return is_its_turn(rollout, target) ? owe_end(target, OWED_POP) : OWED_NOTHING;
    case ACTION_NONE:
    case ACTION_OFFER:
    case ACTION_GO_ON:
    case ACTION_RECORD:
    case ACTION_FAIL:
    case ACTION_ASK_PERSON:
    case ACTION_COUNT:
        break;
    }
    return OWED_NOTHING;
}

bool rollout_awaits_turn(const struct rollout *rollout, const struct target *target)
{
    return rollout_is_reverting(rollout) && target->heard && !target_is_ended(target) &&
           target_choose(target->record->says, target->record->wants) == ACTION_POP &&
           !is_its_turn(rollout, target);
}

static enum owed owe(const struct rollout *rollout, const struct target *target)
{
    if (rollout_is_reverting(rollout))
        return owe_back(rollout, target);
    if (rollout_is_ended(rollout) || rollout->record.state == ROLLOUT_DRAFTED)
        return OWED_NOTHING;
    return owe_ahead(rollout, target);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* docs/protocol.md rule 17: after its not-after a guard pops only with a fellow's signed end. That
 * is by its own clock, which nobody else knows: the receipt goes along as soon as there is one. */
static const char *find_fellow(const struct rollout *rollout, const struct target *target)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target_record *record = &rollout->record.targets[i];

        if (record != target->record &&
            (record->receipt == RECEIPT_REVERTED || record->receipt == RECEIPT_TOMBSTONE))
            return record->name;
    }
    return "";
}

/* docs/protocol.md rule 14: each quotes the latest hello, and is good once. */
static void fill_end(struct rollout *rollout, struct target *target, enum rollout_send request,
                     struct rollout_effect *effect)
{
    effect->send.id.attempt = rollout->record.attempt;
    effect->send.id.start = target->record->generation.start;
    effect->send.stack_nonce = target->stack_nonce;
    effect->send.emergency = rollout->record.emergency || target->at_once;
    if (target->record->wants == WANTS_NOTHING)
        text_copy(effect->send.reason, REASON_SIZE, "no rollout wants it");
    else
        text_copy(effect->send.reason, REASON_SIZE,
                  rollout->why[0] != '\0' ? rollout->why : "the rollout is taken back");
    if (request == SEND_POP)
        text_copy(effect->send.fellow, NAME_SIZE, find_fellow(rollout, target));
    target->quoted = target->stack_nonce;
    target->stack_nonce = (struct nonce){0};
}

static void send(struct rollout_move *move, struct target *target, enum rollout_send request)
{
    struct rollout *rollout = move->rollout;
    struct rollout_effect *effect =
        rollout_effects_add(move->effects, EFFECT_SEND, target->record->name);

    effect->send.request = request;
    if (request == SEND_PREPARE)
        effect->send.id.attempt = rollout->record.attempt;
    if (request == SEND_ABORT || request == SEND_POP)
        fill_end(rollout, target, request, effect);
    if (target->asked_at == MONO_NEVER)
        target->asked_at = rollout->now;
    target->retry_at =
        mono_add(rollout->now, target->record->listed ? ROLLOUT_SLOW_RETRY_MS : ROLLOUT_RETRY_MS);
}

static void carry_out(struct rollout_move *move, struct target *target, enum owed owed)
{
    switch (owed) {
    case OWED_STACK:
    case OWED_STACK_LATER:
        send(move, target, SEND_STACK);
        break;
    case OWED_PREPARE:
        send(move, target, SEND_PREPARE);
        break;
    case OWED_STATEMENTS_LATER:
        rollout_ask_statements(move, target);
        break;
    case OWED_ABORT:
        send(move, target, SEND_ABORT);
        break;
    case OWED_POP:
        send(move, target, SEND_POP);
        break;
    case OWED_NOTHING:
        break;
    }
}

/* On trial, a nonce comes each period: silence is only what is longer than two. */
static int64_t later_ms(const struct rollout *rollout, const struct target *target)
{
    if (target->record->says == SAYS_ON_TRIAL && target->record->wants == WANTS_CHANGE)
        return 2000 * (int64_t)rollout->manifest->period_s + ROLLOUT_RETRY_MS;
    return target->record->listed ? ROLLOUT_SLOW_RETRY_MS : ROLLOUT_RETRY_MS;
}

static void tend_target(struct rollout_move *move, struct target *target)
{
    struct rollout *rollout = move->rollout;
    enum owed owed = owe(rollout, target);

    if (owed == OWED_NOTHING) {
        target->retry_at = target->asked_at = MONO_NEVER;
        return;
    }
    if (target->retry_at == MONO_NEVER &&
        (owed == OWED_STACK_LATER || owed == OWED_STATEMENTS_LATER)) {
        target->retry_at = mono_add(rollout->now, later_ms(rollout, target));
        return;
    }
    if (target->retry_at != MONO_NEVER && rollout->now < target->retry_at)
        return;
    if (rollout_has_room(move->effects, owed == OWED_STATEMENTS_LATER ? 2 * NODES_MAX : 1))
        carry_out(move, target, owed);
    else
        target->retry_at = rollout->now;
}

/* It had come back, and was lost again: as before, the way back goes past it. */
static void note_lost_again(const struct rollout *rollout, struct target *target)
{
    if (target->record->listed && target->heard && target->asked_at != MONO_NEVER &&
        rollout->now >= mono_add(target->asked_at, ROLLOUT_UNREACHABLE_MS))
        target->heard = false;
}

void rollout_tend(struct rollout_move *move)
{
    for (uint32_t i = 0; i < move->rollout->record.targets_count; i++)
        note_lost_again(move->rollout, &move->rollout->targets[i]);
    for (uint32_t i = 0; i < move->rollout->record.targets_count; i++)
        tend_target(move, &move->rollout->targets[i]);
}
