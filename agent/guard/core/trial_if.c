/*
 * trial_if: the conditions of the trial machine's rows, one question each.
 */
#include "agent/guard/core/admission.h"
#include "agent/guard/core/trial_table.h"

bool if_always(const struct move *move)
{
    (void)move;
    return true;
}

bool if_trial_was_open(const struct move *move)
{
    return move->trial->ledger->is_open;
}

bool if_was_popping(const struct move *move)
{
    const struct ledger_generation *top = ledger_top(move->trial->ledger);

    return top != NULL && top->mark == MARK_POPPING;
}

bool if_order_stands(const struct move *move)
{
    return ledger_ordered(move->trial->ledger) != NULL;
}

bool if_receipt_is_owed(const struct move *move)
{
    return move->trial->ledger->owes;
}

bool if_end_was_read(const struct move *move)
{
    return !move->trial->ends_synced;
}

bool if_admissible(const struct move *move)
{
    struct err err = ERR_INIT;

    return admission_check_prepare(move->trial, move->ev, &err);
}

bool trial_has_ended(const struct trial *trial, const struct attempt *attempt)
{
    const struct ledger_end *end = ledger_find_receipt(trial->ledger, attempt);
    bool undoes = trial->state == TRIAL_REVERTING || trial->state == TRIAL_VERIFYING;

    if (end == NULL)
        return false;
    if (trial->state == TRIAL_IDLE || !attempt_equal(attempt, &trial->id.attempt))
        return true;
    return undoes && end->receipt.kind == RECEIPT_INCOMPLETE;
}

bool if_attempt_has_ended(const struct move *move)
{
    return trial_has_ended(move->trial, trial_attempt_of(move->ev));
}

/* docs/protocol.md rule 5 and idempotence: the attempt that is being made now. */
bool if_this_attempt(const struct move *move)
{
    return move->trial->state != TRIAL_IDLE &&
           attempt_equal(trial_attempt_of(move->ev), &move->trial->id.attempt);
}

bool if_went_well(const struct move *move)
{
    const struct guard_event *ev = move->ev;

    if (ev->kind == ON_PREPARED)
        return ev->prepared.ok;
    if (ev->kind == ON_APPLIED)
        return ev->applied.ok && ev->applied.operation == move->trial->operation;
    return ev->kind == ON_SETTLED ? ev->settled.ok : ev->verified.ok;
}

bool if_answers_another(const struct move *move)
{
    const struct attempt *asked = &move->ev->prepared.attempt;

    return (asked->sequence != 0 || !hash_is_zero(&asked->body)) &&
           !attempt_equal(asked, &move->trial->id.attempt);
}

bool if_start_is_proven(const struct move *move)
{
    struct err err = ERR_INIT;

    return admission_check_start(move->trial, move->ev, &err);
}

bool if_nonce_expired(const struct move *move)
{
    return move->trial->now >= move->trial->nonce_at + NONCE_AGE_MAX_MS;
}

static bool is_awaited(const struct move *move)
{
    return move->ev->recorded.number == move->trial->record_awaited;
}

bool if_recorded(const struct move *move)
{
    return is_awaited(move) && move->ev->recorded.ok;
}

/* docs/protocol.md rule 3: after the fsync the nonce's age is looked at again. */
bool if_recorded_in_time(const struct move *move)
{
    return if_recorded(move) && !if_nonce_expired(move);
}

/* The same for the intent of the first operation: nothing is touched before it. */
bool if_recorded_too_late(const struct move *move)
{
    return if_recorded(move) && move->trial->operation == 0 && if_nonce_expired(move);
}

bool if_not_recorded(const struct move *move)
{
    return is_awaited(move) && !move->ev->recorded.ok;
}

bool if_refused_once(const struct move *move)
{
    return if_not_recorded(move) && !move->trial->pop_refused;
}

/* Any record of an open trial: without its results rescue would not know what it finds. */
bool if_disk_refuses(const struct move *move)
{
    return !move->ev->recorded.ok;
}

bool if_more_to_apply(const struct move *move)
{
    return if_went_well(move) && move->trial->operation + 1 + move->ev->applied.more <
                                     move->trial->terms.begin.operations_count;
}

bool if_settle_is_late(const struct move *move)
{
    return move->trial->now >= trial_settles_by(move->trial);
}

/* docs/protocol.md rule 8: until then only nonces for new connections were issued. */
bool if_first_is_answered(const struct move *move)
{
    return move->trial->lease.all.any != LEASE_UNPROVEN;
}

/* Issues a nonce, so only a time-out may; see if_nonce_is_due. */
bool if_soaked(const struct move *move)
{
    return move->ev->kind == ON_TIMEOUT &&
           move->trial->now >= move->trial->soak_from + move->trial->terms.soak_ms;
}

/* docs/protocol.md rule 12. */
bool if_proven_to_the_end(const struct move *move)
{
    const struct trial *trial = move->trial;
    char why[REASON_SIZE];

    return lease_last_answered(&trial->lease, &trial->terms, trial->now) &&
           lease_may_confirm(&trial->lease, &trial->terms, why, sizeof(why));
}

/* Each event brings one random nonce; the look at the deadlines before it does not use it up. */
bool if_nonce_is_due(const struct move *move)
{
    return move->ev->kind == ON_TIMEOUT && move->trial->now >= move->trial->next_nonce_at;
}

bool if_last_is_due(const struct move *move)
{
    return move->ev->kind == ON_TIMEOUT && move->trial->now >= move->trial->next_last_at;
}

bool if_lease_is_over(const struct move *move)
{
    return move->trial->now >= move->trial->lease.until;
}

bool if_fails_too_long(const struct move *move)
{
    char who[REASON_SIZE];

    return move->trial->now >=
           lease_failing_until(&move->trial->lease, &move->trial->terms, who, sizeof(who));
}

bool if_must_give_up(const struct move *move)
{
    return move->trial->now >= trial_gives_up_at(move->trial);
}

bool if_not_entitled(const struct move *move)
{
    struct err err = ERR_INIT;

    return !admission_check_end(move->trial, move->ev, &err);
}

/* A tombstone would say that it was never applied. */
bool if_end_is_lost(const struct move *move)
{
    const struct ledger_generation *generation =
        ledger_find_attempt(move->trial->ledger, &move->ev->end.id.attempt);

    return generation != NULL && generation->in_doubt;
}

/* What it did is not known any more, so its receipt ends nothing: asked again it would be told for
 * ever. */
bool if_undo_is_lost(const struct move *move)
{
    const struct ledger *ledger = move->trial->ledger;
    const struct attempt *attempt = &move->ev->end.id.attempt;
    const struct ledger_end *end = ledger_find_receipt(ledger, attempt);

    return end != NULL && end->receipt.kind == RECEIPT_CONFIRMED &&
           ledger_find_attempt(ledger, attempt) == NULL;
}

/* Its receipt that says so is written: whoever says hello may not have heard of it. */
bool if_is_incomplete(const struct move *move)
{
    const struct ledger_end *end =
        ledger_find_receipt(move->trial->ledger, &move->trial->id.attempt);

    return (move->trial->ends_synced || move->trial->sync_refused) && end != NULL &&
           end->receipt.kind == RECEIPT_INCOMPLETE;
}

bool if_tombstones_are_full(const struct move *move)
{
    return !ledger_may_bury(move->trial->ledger);
}

bool if_was_popped(const struct move *move)
{
    const struct ledger *ledger = move->trial->ledger;

    return ledger_find(ledger, &move->ev->end.id) == NULL && if_attempt_has_ended(move);
}

/* A disk that refuses to sync silences no end but `confirmed`: of any other what it says is so
 * after a power loss too, or is made so again. */
bool if_end_is_unsynced(const struct move *move)
{
    const struct trial *trial = move->trial;
    bool is_end = move->ev->kind == ON_POP ? if_was_popped(move) : if_attempt_has_ended(move);

    if (!is_end || trial->ends_synced)
        return false;
    return !trial->sync_refused ||
           ledger_find_receipt(trial->ledger, trial_attempt_of(move->ev))->receipt.kind ==
               RECEIPT_CONFIRMED;
}

bool if_stands_unsynced(const struct move *move)
{
    return !move->trial->ends_synced && if_stands(move);
}

bool if_may_pop(const struct move *move)
{
    struct err err = ERR_INIT;

    return admission_check_pop(move->trial, move->ev, &err);
}

/* By an operator; the generation may also be the one that is still on trial. */
bool if_is_ordered(const struct move *move)
{
    const struct trial *trial = move->trial;
    const struct generation_id *id = &move->ev->end.id;

    return move->ev->end.right != RIGHT_CONTROLLER &&
           (ledger_find(trial->ledger, id) != NULL || generation_id_equal(&trial->id, id));
}

static bool takes_back(const struct trial *trial)
{
    if (trial->state == TRIAL_CLOSING)
        return trial->end_mark == MARK_REVERTED || trial->end_mark == MARK_POPPED;
    return trial->state == TRIAL_REVERTING || trial->state == TRIAL_VERIFYING ||
           trial->state == TRIAL_POPPING;
}

bool if_pops_it_already(const struct move *move)
{
    return takes_back(move->trial) && generation_id_equal(&move->trial->id, &move->ev->end.id);
}

bool if_waited_enough(const struct move *move)
{
    return move->trial->now >= move->trial->state_since + POP_RECORD_WAIT_MS;
}

bool if_all_undone(const struct move *move)
{
    return revert_is_done(&move->trial->revert);
}

bool if_retry_is_due(const struct move *move)
{
    return revert_next(&move->trial->revert, move->trial->now) >= 0;
}

bool if_newly_over_budget(const struct move *move)
{
    const struct trial *trial = move->trial;

    return !trial->over_budget && trial->now >= trial->budget_until;
}

bool if_verify_is_due(const struct move *move)
{
    return move->trial->now >= move->trial->verify_at;
}

bool if_all_written(const struct move *move)
{
    return move->ev->recorded.ok && !move->trial->end_pending && !move->trial->ledger->owes;
}

/* Its end was given up for a pop while the disk refused (docs/protocol.md rule 16). */
bool if_an_end_is_missing(const struct move *move)
{
    return if_all_written(move) && move->trial->ledger->is_open;
}

bool if_all_written_and_more(const struct move *move)
{
    return if_all_written(move) && trial_ordered(move->trial) != NULL;
}

bool if_end_is_due(const struct move *move)
{
    return move->trial->end_pending && move->trial->now >= move->trial->end_retry_at;
}

/* docs/protocol.md rule 2: standing is per body, and a generation that is being popped does not. */
bool if_stands(const struct move *move)
{
    const struct trial *trial = move->trial;
    const struct ledger_generation *standing =
        ledger_standing(trial->ledger, &move->ev->standing.body);
    const struct ledger_generation *ordered = trial_ordered(trial);

    if (standing == NULL || (ordered != NULL && standing >= ordered))
        return false;
    return !(trial->pops && trial->state != TRIAL_IDLE &&
             generation_id_equal(&standing->id, &trial->id));
}
