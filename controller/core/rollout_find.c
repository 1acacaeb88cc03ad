/*
 * rollout_find: what conditions, actions and requests ask of a rollout and its targets.
 */
#include "common/core/text.h"
#include "controller/core/rollout_table.h"

struct target *rollout_find(struct rollout *rollout, const char *node)
{
    if (node == NULL)
        return NULL;
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if (text_equal(rollout->record.targets[i].name, node))
            return &rollout->targets[i];
    }
    return NULL;
}

uint32_t rollout_index(const struct rollout *rollout, const struct target *target)
{
    return (uint32_t)(target - rollout->targets);
}

bool rollout_in_stage(const struct rollout *rollout, const struct target *target)
{
    return target->record->stage == rollout->record.stage;
}

bool rollout_is_reverting(const struct rollout *rollout)
{
    return rollout->record.state == ROLLOUT_REVERTING ||
           rollout->record.state == ROLLOUT_INCOMPLETE;
}

bool rollout_stage_done(const struct rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *target = &rollout->targets[i];

        if (target->record->stage <= rollout->record.stage && !target_is_confirmed(target))
            return false;
    }
    return true;
}

/* ---- a start -------------------------------------------------------------------------------- */

uint64_t rollout_earlier(const struct rollout *rollout, const struct target *target)
{
    uint64_t earlier = 0;

    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if (rollout->record.targets[i].stage < target->record->stage)
            earlier |= UINT64_C(1) << i;
    }
    return earlier;
}

static unsigned count_bits(uint64_t bits)
{
    unsigned count = 0;

    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

bool rollout_has_proofs(const struct rollout *rollout, const struct target *target)
{
    uint64_t earlier = rollout_earlier(rollout, target);

    return count_bits(target->baselines) >= target->plan->quorum &&
           (target->standings & earlier) == earlier;
}

/* Whoever was asked has said something: nobody is left to wait for. */
static bool all_answered(const struct target *target)
{
    return target->own_baseline && count_bits(target->answered) >= target->plan->witnesses_count;
}

static mono_t start_at(const struct target *target)
{
    mono_t linger;

    if (target->ready_at == MONO_NEVER || all_answered(target))
        return target->ready_at;
    linger = mono_add(target->ready_at, ROLLOUT_LINGER_MS);
    return mono_min(linger, mono_add(target->prepared_at, ROLLOUT_NONCE_AGE_MS - 1));
}

static bool is_gathering(const struct rollout *rollout, const struct target *target)
{
    return rollout->record.state == ROLLOUT_STAGE && rollout->offering &&
           rollout_in_stage(rollout, target) && target->record->says == SAYS_PREPARED &&
           !nonce_is_zero(&target->prepared) && !target->started;
}

bool rollout_may_start(const struct rollout *rollout, const struct target *target)
{
    return is_gathering(rollout, target) && rollout->now >= start_at(target) &&
           rollout->now < mono_add(target->prepared_at, ROLLOUT_NONCE_AGE_MS);
}

bool rollout_nonce_went_by(const struct rollout *rollout, const struct target *target)
{
    return is_gathering(rollout, target) &&
           rollout->now >= mono_add(target->prepared_at, ROLLOUT_NONCE_AGE_MS);
}

bool rollout_gates_are_old(const struct rollout *rollout, const struct target *target)
{
    return is_gathering(rollout, target) &&
           target->prepared_at >= mono_add(rollout->gates_passed_at, ROLLOUT_GATES_OLD_MS);
}

mono_t rollout_gathers_until(const struct rollout *rollout, const struct target *target)
{
    if (!is_gathering(rollout, target))
        return MONO_NEVER;
    return mono_min(start_at(target), mono_add(target->prepared_at, ROLLOUT_NONCE_AGE_MS));
}

/* ---- one target, as a question -------------------------------------------------------------- */

struct target *rollout_first(const struct rollout *rollout, rollout_question_fn *question)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if (question(rollout, &rollout->targets[i]))
            return (struct target *)&rollout->targets[i];
    }
    return NULL;
}

struct target *rollout_first_in_stage(const struct rollout *rollout, rollout_question_fn *question)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *target = &rollout->targets[i];

        if (rollout_in_stage(rollout, target) && question(rollout, target))
            return (struct target *)target;
    }
    return NULL;
}

bool rollout_owes_receipt(const struct target *target)
{
    const struct target_record *record = target->record;

    if (!target->heard || record->wants != WANTS_CHANGE)
        return false;
    if (record->says == SAYS_CONFIRMED)
        return record->receipt != RECEIPT_CONFIRMED;
    return record->in_doubt && (record->says == SAYS_NEVER || record->says == SAYS_REFUSED) &&
           !target->started;
}

bool rollout_has_failed(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target_choose(target->record->says, target->record->wants) == ACTION_FAIL;
}

bool rollout_stands_unasked(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target_choose(target->record->says, target->record->wants) == ACTION_ASK_PERSON;
}

/* What was taken back is not tried again: and it may have been. */
bool rollout_is_unknown_to_guard(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target->record->wants == WANTS_CHANGE && target_is_unknown_to_guard(target->record);
}

bool rollout_is_being_proven(const struct rollout *rollout, const struct target *target)
{
    return rollout_in_stage(rollout, target) &&
           (target->started || target->record->says == SAYS_ON_TRIAL);
}

mono_t rollout_silent_at(const struct rollout *rollout, const struct target *target)
{
    enum rollout_state state = rollout->record.state;

    if (target->asked_at == MONO_NEVER)
        return MONO_NEVER; /* it owes no answer */
    if (state == ROLLOUT_REVERTING)
        return target->record->listed || target->record->wants != WANTS_REVERT
                   ? MONO_NEVER
                   : mono_add(target->asked_at, ROLLOUT_UNREACHABLE_MS);
    if (target->silent || (state != ROLLOUT_LEARNING && state != ROLLOUT_STAGE))
        return MONO_NEVER;
    return mono_add(target->asked_at, ROLLOUT_SILENT_MS);
}

bool rollout_is_newly_silent(const struct rollout *rollout, const struct target *target)
{
    return rollout->now >= rollout_silent_at(rollout, target) && !rollout_is_reverting(rollout);
}

bool rollout_is_newly_passed(const struct rollout *rollout, const struct target *target)
{
    return rollout->record.state == ROLLOUT_REVERTING &&
           rollout->now >= rollout_silent_at(rollout, target);
}

bool rollout_was_refused_for_good(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target->record->wants == WANTS_REVERT && !target->record->listed &&
           !target_is_ended(target) && target->refusals >= ROLLOUT_REVERT_REFUSALS_MAX;
}
