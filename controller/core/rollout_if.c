/*
 * rollout_if: the conditions of the rollout machine's rows, one question each.
 */
#include <stddef.h>

#include "controller/core/rollout_table.h"

static const struct target_record *record_of(const struct rollout_move *move)
{
    return move->target != NULL ? move->target->record : NULL;
}

static bool is_this_attempt(const struct rollout_move *move, const struct attempt *attempt)
{
    return move->target != NULL && attempt_equal(attempt, &move->rollout->record.attempt);
}

bool rollout_if_always(const struct rollout_move *move)
{
    (void)move;
    return true;
}

/* ---- a person, a hold, a check -------------------------------------------------------------- */

bool rollout_if_names_target(const struct rollout_move *move)
{
    return move->target != NULL;
}

bool rollout_if_names_wanted_back(const struct rollout_move *move)
{
    return move->target != NULL && move->target->record->wants == WANTS_REVERT;
}

bool rollout_if_names_all(const struct rollout_move *move)
{
    return move->ev->node == NULL;
}

static bool stands(const struct target *target)
{
    return target->record->wants == WANTS_CHANGE && target->record->says == SAYS_CONFIRMED;
}

bool rollout_if_names_standing(const struct rollout_move *move)
{
    return move->target != NULL && stands(move->target);
}

static bool question_stands(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return stands(target);
}

bool rollout_if_all_and_some_stand(const struct rollout_move *move)
{
    return move->ev->node == NULL && rollout_first(move->rollout, question_stands) != NULL;
}

bool rollout_if_has_open_trial(const struct rollout_move *move)
{
    return rollout_has_open_trial(move->rollout);
}

bool rollout_if_freezes_trial(const struct rollout_move *move)
{
    if (move->ev->node == NULL)
        return rollout_if_has_open_trial(move);
    return move->target != NULL && target_is_open(move->target);
}

/* One that is still to be changed. */
bool rollout_if_freezes_target(const struct rollout_move *move)
{
    return move->ev->node == NULL || (move->target != NULL && !target_is_confirmed(move->target));
}

/* It touches what is still to be changed, and nothing is on trial. */
bool rollout_if_holds_next_stage(const struct rollout_move *move)
{
    return rollout_if_freezes_target(move) && !rollout_if_has_open_trial(move);
}

bool rollout_if_holds_rest(const struct rollout_move *move)
{
    return rollout_if_freezes_target(move) && rollout_if_has_open_trial(move);
}

/* It would still start something. */
bool rollout_if_offers(const struct rollout_move *move)
{
    return move->rollout->offering;
}

/* ---- gates, prepare, start ------------------------------------------------------------------ */

static bool is_this_stage(const struct rollout_move *move)
{
    return move->ev->gates.stage == move->rollout->record.stage;
}

bool rollout_if_gates_pass(const struct rollout_move *move)
{
    return is_this_stage(move) && move->ev->gates.pass;
}

bool rollout_if_gates_await(const struct rollout_move *move)
{
    const struct rollout *rollout = move->rollout;

    return is_this_stage(move) && !move->ev->gates.pass && move->ev->gates.awaits &&
           rollout->now < mono_add(rollout->awaits_since, ROLLOUT_AWAIT_MAX_MS);
}

bool rollout_if_gates_say_no(const struct rollout_move *move)
{
    return is_this_stage(move) && !move->ev->gates.pass;
}

bool rollout_if_gates_are_slow(const struct rollout_move *move)
{
    return move->rollout->now >= move->rollout->ask_gates_at;
}

bool rollout_if_gates_are_old(const struct rollout_move *move)
{
    return rollout_first_in_stage(move->rollout, rollout_gates_are_old) != NULL;
}

bool rollout_if_gates_are_old_on_trial(const struct rollout_move *move)
{
    return rollout_if_gates_are_old(move) && rollout_if_has_open_trial(move);
}

bool rollout_if_is_offered(const struct rollout_move *move)
{
    return is_this_attempt(move, &move->ev->prepared.attempt) && move->rollout->offering &&
           rollout_in_stage(move->rollout, move->target) && !move->target->started &&
           record_of(move)->says == SAYS_PREPARED &&
           !rollout_gates_are_old(move->rollout, move->target) &&
           nonce_equal(&move->ev->prepared.start, &move->target->prepared);
}

bool rollout_if_may_start(const struct rollout_move *move)
{
    return rollout_first_in_stage(move->rollout, rollout_may_start) != NULL;
}

bool rollout_if_nonce_went_by(const struct rollout_move *move)
{
    return rollout_first_in_stage(move->rollout, rollout_nonce_went_by) != NULL;
}

/* The facts have made it on trial; the nonce is of what is wanted. */
bool rollout_if_is_on_trial(const struct rollout_move *move)
{
    return is_this_attempt(move, &move->ev->nonce.id.attempt) &&
           record_of(move)->wants == WANTS_CHANGE && record_of(move)->says == SAYS_ON_TRIAL;
}

bool rollout_if_newly_on_trial(const struct rollout_move *move)
{
    return move->newly_on_trial && record_of(move)->wants == WANTS_CHANGE;
}

bool rollout_if_is_renewal(const struct rollout_move *move)
{
    return move->target != NULL && move->ev->statement.phase == PHASE_RENEWAL &&
           hash_equal(&move->ev->statement.body, &move->rollout->record.attempt.body) &&
           record_of(move)->wants == WANTS_CHANGE && record_of(move)->says == SAYS_ON_TRIAL;
}

/* ---- refusals ------------------------------------------------------------------------------- */

bool rollout_if_refuses_change(const struct rollout_move *move)
{
    return is_this_attempt(move, &move->ev->refused.attempt) &&
           record_of(move)->wants == WANTS_CHANGE && record_of(move)->says == SAYS_REFUSED;
}

bool rollout_if_nonce_was_late(const struct rollout_move *move)
{
    return rollout_if_refuses_change(move) && move->ev->refused.expired;
}

bool rollout_if_refused_lastingly(const struct rollout_move *move)
{
    return rollout_if_refused_too_often(move) && record_of(move)->lasting;
}

bool rollout_if_refused_too_often(const struct rollout_move *move)
{
    return rollout_if_refuses_change(move) && move->target->refusals >= ROLLOUT_REFUSALS_MAX;
}

bool rollout_if_denies_standing(const struct rollout_move *move)
{
    return is_this_attempt(move, &move->ev->refused.attempt) &&
           record_of(move)->wants == WANTS_CHANGE && record_of(move)->says == SAYS_CONFIRMED;
}

/* ---- receipts and words --------------------------------------------------------------------- */

bool rollout_if_confirms(const struct rollout_move *move)
{
    return move->receipt_is_news && move->ev->receipt->kind == RECEIPT_CONFIRMED;
}

bool rollout_if_ends(const struct rollout_move *move)
{
    return move->receipt_is_news && receipt_is_end(move->ev->receipt);
}

bool rollout_if_is_incomplete(const struct rollout_move *move)
{
    return move->receipt_is_news && move->ev->receipt->kind == RECEIPT_INCOMPLETE;
}

bool rollout_if_answers_again(const struct rollout_move *move)
{
    return move->answers_again;
}

bool rollout_if_newly_silent(const struct rollout_move *move)
{
    return rollout_first(move->rollout, rollout_is_newly_silent) != NULL;
}

bool rollout_if_someone_failed(const struct rollout_move *move)
{
    return rollout_first(move->rollout, rollout_has_failed) != NULL;
}

bool rollout_if_stands_unasked(const struct rollout_move *move)
{
    return rollout_first(move->rollout, rollout_stands_unasked) != NULL;
}

bool rollout_if_begun_is_unknown(const struct rollout_move *move)
{
    return rollout_first(move->rollout, rollout_is_unknown_to_guard) != NULL;
}

/* ---- what was learned ----------------------------------------------------------------------- */

/* Something on it is not settled: its receipt is asked for, or what nobody wants is being ended. */
static bool is_unsettled(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return !target->heard || rollout_owes_receipt(target) ||
           (target->record->wants == WANTS_NOTHING &&
            (target->record->says == SAYS_ON_TRIAL || target->record->says == SAYS_REVERTING));
}

bool rollout_if_learned(const struct rollout_move *move)
{
    return rollout_first(move->rollout, is_unsettled) == NULL;
}

static bool is_unconfirmed(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return !target_is_confirmed(target);
}

bool rollout_if_all_confirmed(const struct rollout_move *move)
{
    return rollout_first(move->rollout, is_unconfirmed) == NULL;
}

bool rollout_if_learned_all_confirmed(const struct rollout_move *move)
{
    return rollout_if_learned(move) && rollout_if_all_confirmed(move);
}

static bool pauses(const struct rollout *rollout)
{
    if (rollout->record.advanced)
        return false;
    switch (rollout->manifest->pause_after) {
    case PAUSE_FIRST:
        return rollout->record.stage == 0;
    case PAUSE_EACH:
        return true;
    case PAUSE_NONE:
    case PAUSE_COUNT:
        break;
    }
    return false;
}

bool rollout_if_stage_done(const struct rollout_move *move)
{
    return rollout_stage_done(move->rollout);
}

bool rollout_if_stage_done_and_pauses(const struct rollout_move *move)
{
    return pauses(move->rollout) && rollout_if_stage_done(move);
}

bool rollout_if_learned_and_stage_done(const struct rollout_move *move)
{
    return rollout_if_learned(move) && rollout_if_stage_done(move);
}

bool rollout_if_learned_and_may_pass(const struct rollout_move *move)
{
    return !pauses(move->rollout) && rollout_if_learned_and_stage_done(move);
}

bool rollout_if_learned_and_on_trial(const struct rollout_move *move)
{
    return rollout_if_learned(move) &&
           rollout_first_in_stage(move->rollout, rollout_is_being_proven) != NULL;
}

static bool is_unlearned_in_stage(const struct rollout *rollout, const struct target *target)
{
    return rollout_is_being_proven(rollout, target) || rollout_owes_receipt(target) ||
           !target->heard;
}

bool rollout_if_rest_is_not_offered(const struct rollout_move *move)
{
    return !move->rollout->offering && rollout_first(move->rollout, is_unlearned_in_stage) == NULL;
}

/* ---- the way back --------------------------------------------------------------------------- */

bool rollout_if_newly_passed(const struct rollout_move *move)
{
    return rollout_first(move->rollout, rollout_is_newly_passed) != NULL;
}

bool rollout_if_refused_for_good(const struct rollout_move *move)
{
    return rollout_first(move->rollout, rollout_was_refused_for_good) != NULL;
}

static bool is_not_back(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target->record->wants == WANTS_REVERT && !target_is_ended(target);
}

static bool is_waited_for(const struct rollout *rollout, const struct target *target)
{
    return is_not_back(rollout, target) && !target->record->listed;
}

bool rollout_if_all_back(const struct rollout_move *move)
{
    return rollout_first(move->rollout, is_not_back) == NULL;
}

static bool was_let_go(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target_was_let_go(target->record);
}

bool rollout_if_all_back_but_removed(const struct rollout_move *move)
{
    return rollout_if_all_back(move) && rollout_first(move->rollout, was_let_go) != NULL;
}

static bool keeps_it(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return stands(target);
}

/* Of one node alone, which is not there any more: the others keep the change. */
bool rollout_if_asked_back_but_removed(const struct rollout_move *move)
{
    return rollout_if_all_back_but_removed(move) && rollout_first(move->rollout, keeps_it) != NULL;
}

bool rollout_if_all_back_aborted(const struct rollout_move *move)
{
    return move->rollout->record.aborted && rollout_if_all_back(move);
}

bool rollout_if_all_back_but_listed(const struct rollout_move *move)
{
    return rollout_first(move->rollout, is_waited_for) == NULL;
}
