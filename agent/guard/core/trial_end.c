/*
 * trial_end: what the trial machine's rows do to take a trial or a generation back, and to write
 * the end and its receipt.
 */
#include <stdio.h>
#include <string.h>

#include "agent/guard/core/admission.h"
#include "agent/guard/core/trial_table.h"
#include "common/core/text.h"

/* ---- undoing -------------------------------------------------------------------------------- */

void do_undo_next(struct move *move)
{
    struct trial *trial = move->trial;
    int step = revert_next(&trial->revert, trial->now);
    struct guard_effect *undo;

    if (step < 0)
        return;
    undo = guard_effects_add(move->effects, DO_UNDO, &trial->id);
    undo->operation = (uint32_t)step;
    undo->more = revert_begin(&trial->revert, undo->operation, trial->now);
}

/* From here on nothing stops it, no disk and no message (docs/protocol.md rule 13). */
void do_undo_generation(struct move *move)
{
    struct trial *trial = move->trial;
    bool known = !trial->pops && trial->terms.revert_budget_ms > 0;

    trial->over_budget = false;
    trial->incomplete_said = trial->ledger->incomplete_told;
    trial->held_up[0] = '\0';
    trial->verify_at = MONO_NEVER;
    trial->budget_until =
        mono_add(trial->now, known ? trial->terms.revert_budget_ms : REVERT_BUDGET_DEFAULT_MS);
    do_undo_next(move);
}

void do_verify(struct move *move)
{
    move->trial->verify_at = MONO_NEVER;
    guard_effects_add(move->effects, DO_VERIFY, &move->trial->id);
}

void do_verify_later(struct move *move)
{
    struct trial *trial = move->trial;

    trial->verify_at = mono_add(trial->now, VERIFY_RETRY_MS);
    text_copy(trial->held_up, sizeof(trial->held_up), trial_word(move->ev->verified.why));
}

/* It goes on for ever; but by now it has to be known. */
void do_say_over_budget(struct move *move)
{
    struct trial *trial = move->trial;
    const char *why = trial->held_up[0] != '\0' ? trial->held_up : "it is still under way";
    struct guard_effect *mark;

    trial->over_budget = true;
    trial_alarm(move, "taking it back takes longer than planned", why);
    if (trial->incomplete_said)
        return;
    trial->incomplete_said = true;
    trial_mark(move, MARK_INCOMPLETE);
    mark = &move->effects->list[move->effects->count - 1];
    text_copy(mark->record.record.reason, sizeof(mark->record.record.reason), why);
}

/* ---- an open trial -------------------------------------------------------------------------- */

static void set_cause(struct trial *trial, enum end_cause cause, const char *reason)
{
    trial->cause = cause;
    text_copy(trial->reason, sizeof(trial->reason), reason);
}

static void fill_open(struct trial *trial)
{
    trial->id = trial->ledger->open.id;
    trial->pops = false;
    trial->end_mark = MARK_REVERTED;
    trial->end_pending = false;
    ledger_fill_revert(&trial->ledger->open, &trial->revert);
}

static void revert(struct move *move, enum end_cause cause, const char *reason)
{
    fill_open(move->trial);
    set_cause(move->trial, cause, reason);
    trial_mark(move, MARK_REVERTING);
    do_undo_generation(move);
}

/* What it reverted for before is not forgotten: a failed proof is a quarantine. */
void do_revert_found(struct move *move)
{
    const struct ledger_generation *open = &move->trial->ledger->open;
    const struct trial *trial = move->trial;

    if (open->mark == MARK_REVERTING)
        revert(move, open->cause, open->reason);
    else if (move->ev->kind == ON_BOOT)
        revert(move, move->ev->boot, "a trial was open in the journal");
    else
        revert(move, trial->given_up_cause, trial->given_up_reason);
}

void do_revert_apply(struct move *move)
{
    const struct guard_event *ev = move->ev;
    const struct trial *trial = move->trial;
    char reason[REASON_SIZE];
    struct text text = TEXT_IN(reason);

    if (ev->kind == ON_APPLIED)
        text_add(&text, "operation %u: %s", trial->operation + 1, trial_word(ev->applied.why));
    else if (ev->kind == ON_SETTLED)
        text_add(&text, "not settled: %s", trial_word(ev->settled.why));
    else if (trial->state == TRIAL_APPLYING)
        text_add(&text, "operation %u was not done %lld s after the start", trial->operation + 1,
                 (long long)(trial_settles_by(trial) - trial->started_at) / 1000);
    else
        text_add(&text, "the effects were not there %lld s after the start",
                 (long long)(trial_settles_by(trial) - trial->started_at) / 1000);
    trial_write_failed_result(move);
    revert(move, CAUSE_APPLY_FAILED, reason);
}

/* docs/protocol.md rule 18: whoever counts and says no at the end makes it a quarantine. */
static void revert_proof(struct move *move, const char *otherwise)
{
    const struct trial *trial = move->trial;
    char who[REASON_SIZE];

    if (lease_is_denied(&trial->lease, &trial->terms, who, sizeof(who)))
        revert(move, CAUSE_PROOF_FAILED, who);
    else
        revert(move, CAUSE_PROOF_MISSING, otherwise);
}

void do_revert_unproven(struct move *move)
{
    revert_proof(move, "no fresh proof of the quorum and the node itself within the lease");
}

void do_revert_failed(struct move *move)
{
    revert_proof(move, "");
}

void do_revert_given_up(struct move *move)
{
    revert_proof(move, "not proven to the end within soak and two leases");
}

void do_revert_aborted(struct move *move)
{
    revert(move, CAUSE_ABORTED, trial_word(move->ev->end.reason));
}

void do_revert_disk(struct move *move)
{
    revert(move, CAUSE_DISK, trial_word(move->ev->recorded.why));
}

void do_revert_stopped(struct move *move)
{
    revert(move, CAUSE_GUARD_DIED, "oceanid-guard was told to stop");
}

/* ---- generations ---------------------------------------------------------------------------- */

static uint32_t depth_of(const struct ledger *ledger, const struct generation_id *id)
{
    const struct ledger_generation *generation = ledger_find(ledger, id);

    return generation == NULL ? 0 : (uint32_t)(ledger_top(ledger) - generation) + 1;
}

const struct ledger_generation *trial_ordered(const struct trial *trial)
{
    return trial->pops_further ? ledger_find(trial->ledger, &trial->order.down_to) : NULL;
}

/* Of two orders the deeper one. */
static bool pop_further(struct move *move)
{
    const struct guard_end *end = &move->ev->end;
    struct trial *trial = move->trial;

    if (trial->pops_further &&
        depth_of(trial->ledger, &trial->order.down_to) >= depth_of(trial->ledger, &end->id))
        return false;
    trial->pops_further = true;
    trial->order.down_to = end->id;
    trial->order.cause = CAUSE_ORDERED;
    text_copy(trial->order.reason, sizeof(trial->order.reason), trial_word(end->reason));
    return true;
}

/* What is under way was marked without it. */
void do_record_order(struct move *move)
{
    if (pop_further(move))
        trial_mark(move, move->trial->pops ? MARK_POPPING : MARK_REVERTING);
}

void do_revert_ordered(struct move *move)
{
    pop_further(move);
    revert(move, CAUSE_ORDERED, trial_word(move->ev->end.reason));
}

/* Nothing is touched yet; what the order names comes when that is written. */
void do_call_off(struct move *move)
{
    pop_further(move);
    do_write_tombstone(move);
}

static void mark_popping(struct move *move)
{
    trial_mark(move, MARK_POPPING);
    move->trial->record_awaited = move->trial->record_number;
}

/* docs/protocol.md rule 16: from the top only. */
static const struct ledger_generation *take_top(struct trial *trial)
{
    const struct ledger_generation *top = ledger_top(trial->ledger);

    trial->id = top->id;
    trial->pops = true;
    trial->end_mark = MARK_POPPED;
    trial->end_pending = false;
    trial->pop_refused = false;
    ledger_fill_revert(top, &trial->revert);
    return top;
}

void do_pop_next(struct move *move)
{
    struct trial *trial = move->trial;

    take_top(trial);
    if (trial_ordered(trial) != NULL)
        set_cause(trial, trial->order.cause, trial->order.reason);
    mark_popping(move);
}

/* The mark that was read may be in the page cache only: whoever wrote it died within its fsync.
 * Half undone without it, the generation would be taken for confirmed after a power loss. */
void do_resume_pop(struct move *move)
{
    const struct ledger_generation *top = take_top(move->trial);

    set_cause(move->trial, top->cause, top->reason);
    mark_popping(move);
}

void do_mark_popping_again(struct move *move)
{
    move->trial->pop_refused = true;
    mark_popping(move);
}

void do_begin_pop(struct move *move)
{
    const struct guard_end *end = &move->ev->end;
    struct trial *trial = move->trial;

    if (trial->state == TRIAL_PREPARING || trial->state == TRIAL_PREPARED)
        guard_effects_add(move->effects, DO_FORGET, &trial->id);
    if (trial->end_pending && !trial->pops) {
        trial->given_up_cause = trial->cause;
        text_copy(trial->given_up_reason, sizeof(trial->given_up_reason), trial->reason);
    }
    set_cause(trial, CAUSE_ORDERED, trial_word(end->reason));
    if (end->right != RIGHT_CONTROLLER)
        pop_further(move);
    do_pop_next(move);
}

/* Its receipt is still owed: until it is written the attempt is not answered with an older one. */
void do_resume_end(struct move *move)
{
    move->trial->id = move->trial->ledger->owed.generation;
}

void do_sync_ends(struct move *move)
{
    guard_effects_add(move->effects, DO_SYNC, NULL);
}

/* ---- refusing an end ------------------------------------------------------------------------ */

void do_refuse_end(struct move *move)
{
    struct err err = ERR_INIT;

    admission_check_end(move->trial, move->ev, &err);
    trial_refuse(move, &move->ev->end.id.attempt, err.text, err.kind);
}

void do_refuse_lost(struct move *move)
{
    trial_refuse(move, &move->ev->end.id.attempt,
                 "it began here and how it ended was lost: a pop takes it back, an abort cannot",
                 ERR_CONFLICT);
}

void do_refuse_undo_lost(struct move *move)
{
    trial_refuse(move, &move->ev->end.id.attempt,
                 "it was confirmed here, and the journal has lost how to undo it: a person has to "
                 "look at this node",
                 ERR_CONFLICT);
}

void do_refuse_full(struct move *move)
{
    char reason[REASON_SIZE];

    snprintf(reason, sizeof(reason),
             "%d tombstones that no approval contains are remembered here, accepted are no more: "
             "start a manifest that is signed with their receipts, which signing puts in by "
             "itself, and it has room again",
             TOMBSTONES_MAX);
    trial_refuse(move, &move->ev->end.id.attempt, reason, ERR_LIMIT);
}

void do_refuse_pop(struct move *move)
{
    struct err err = ERR_INIT;

    admission_check_pop(move->trial, move->ev, &err);
    trial_refuse(move, &move->ev->end.id.attempt, err.text, err.kind);
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Behind why it was taken back, and cut where both have no room. */
static void tell_others(struct move *move)
{
    struct trial *trial = move->trial;
    const char *what = move->ev->kind == ON_VERIFIED ? trial_word(move->ev->verified.others) : "";
    struct text reason = {trial->reason, strlen(trial->reason), sizeof(trial->reason)};
    const char *between = reason.len > 0 ? "; " : "";
    size_t used = reason.len + strlen(between);
    char told[REASON_SIZE];

    if (what[0] == '\0' || used + sizeof("...") > reason.size)
        return;
    text_shorten(told, reason.size - used, what);
    text_add(&reason, "%s%s", between, told);
}

void do_write_end(struct move *move)
{
    struct trial *trial = move->trial;

    tell_others(move);
    trial_mark(move, trial->end_mark);
    trial->record_awaited = trial->record_number;
    trial->end_pending = true;
    trial->end_retry_at = MONO_NEVER;
}

/* docs/protocol.md rule 5: of the attempt; it has no start. */
void do_write_tombstone(struct move *move)
{
    const struct guard_end *end = &move->ev->end;
    struct trial *trial = move->trial;
    struct attempt attempt = move->trial->state == TRIAL_IDLE ? end->id.attempt : trial->id.attempt;

    trial->id = (struct generation_id){.attempt = attempt};
    trial->pops = false;
    set_cause(trial, move->ev->kind == ON_ABORT ? CAUSE_ABORTED : CAUSE_ORDERED,
              trial_word(end->reason));
    trial->end_mark = MARK_TOMBSTONE;
    do_write_end(move);
}

void do_forget(struct move *move)
{
    struct trial *trial = move->trial;

    guard_effects_add(move->effects, DO_FORGET, &trial->id);
    memset(&trial->id, 0, sizeof(trial->id));
    memset(&trial->terms, 0, sizeof(trial->terms));
    set_cause(trial, CAUSE_NONE, "");
    trial->pops = false;
    trial->pops_further = false;
    trial->end_pending = false;
    trial->held_up[0] = '\0';
}

void trial_tend_sync(struct move *move)
{
    struct trial *trial = move->trial;

    if (trial->state == TRIAL_FENCED || trial->ends_synced || trial->now < trial->sync_retry_at)
        return;
    guard_effects_add(move->effects, DO_SYNC, NULL);
    trial->sync_retry_at = MONO_NEVER;
}

/* docs/protocol.md rule 13: what leaves is in the journal first. */
void trial_tend_receipt(struct move *move)
{
    struct trial *trial = move->trial;
    struct guard_record *record;
    struct receipt *receipt;

    if (trial->state == TRIAL_FENCED || !trial->ledger->owes || trial->receipt_pending ||
        trial->now < trial->receipt_retry_at)
        return;
    record = &trial_record(move, RECORD_RECEIPT, true)->record.record;
    record->id = trial->ledger->owed.generation;
    receipt = &record->receipt.receipt;
    *receipt = trial->ledger->owed;
    text_copy(receipt->node, sizeof(receipt->node), trial->node);
    receipt->index = trial->ledger->receipt_index + 1;
    receipt->at = move->ev->unix_now;
    trial->receipt_pending = true;
}
