/*
 * trial_facts: what an event says whatever the state is: taken before the rows are looked at.
 */
#include "agent/guard/core/admission.h"
#include "agent/guard/core/trial_table.h"
#include "common/core/text.h"

/* ---- the journal ---------------------------------------------------------------------------- */

/* docs/protocol.md rule 13: it leaves only now. */
static void take_receipt(struct move *move)
{
    const struct guard_record *record = move->ev->recorded.record;
    struct trial *trial = move->trial;

    trial->receipt_pending = false;
    trial->receipt_retry_at = mono_add(trial->now, move->ev->recorded.ok ? 0 : DISK_RETRY_MS);
    if (!move->ev->recorded.ok)
        return;
    guard_effects_add(move->effects, DO_SEND, &record->id)->receipt = record->receipt.receipt_hash;
}

static void take_end(struct trial *trial, bool ok)
{
    if (ok)
        trial->end_pending = false;
    else
        trial->end_retry_at = mono_add(trial->now, DISK_RETRY_MS);
}

static void take_incomplete(struct trial *trial, bool ok)
{
    if (ok)
        return;
    trial->incomplete_said = false;
    trial->over_budget = false; /* said again then */
    trial->budget_until = mono_add(trial->now, INCOMPLETE_RETRY_MS);
}

static void take_disk(struct move *move, bool ok, const char *why)
{
    struct trial *trial = move->trial;

    if (!ok && !trial->disk_failed)
        trial_alarm(move, "the journal cannot be written", trial_word(why));
    trial->disk_failed = !ok;
}

/* All but intents, results and items is written with an fsync. */
static bool is_durable(const struct guard_record *record)
{
    return record->kind == RECORD_BEGIN || record->kind == RECORD_MARK ||
           record->kind == RECORD_RECEIPT;
}

/* Of one that is under way again meanwhile another receipt comes. */
static void answer(struct move *move)
{
    struct trial *trial = move->trial;

    for (uint32_t i = 0; i < trial->unanswered_count; i++) {
        if (trial_has_ended(trial, &trial->unanswered[i]))
            trial_send_receipt(move, &trial->unanswered[i]);
    }
    trial->unanswered_count = 0;
}

static void take_sync(struct move *move, bool ok)
{
    struct trial *trial = move->trial;

    if (ok && !trial->ends_synced) {
        trial->ends_synced = true;
        answer(move);
    }
    if (trial->ends_synced)
        return;
    trial->sync_refused = true;
    trial->sync_retry_at = mono_add(trial->now, DISK_RETRY_MS);
}

static void take_synced(struct move *move)
{
    take_disk(move, move->ev->synced.ok, move->ev->synced.why);
    take_sync(move, move->ev->synced.ok);
}

static void take_recorded(struct move *move)
{
    const struct guard_event *ev = move->ev;
    const struct guard_record *record = ev->recorded.record;

    take_disk(move, ev->recorded.ok, ev->recorded.why);
    if (ev->recorded.ok)
        ledger_take(move->trial->ledger, record);
    if (is_durable(record))
        take_sync(move, ev->recorded.ok);
    if (record->kind == RECORD_RECEIPT)
        take_receipt(move);
    else if (record->kind == RECORD_MARK && record->mark == MARK_INCOMPLETE)
        take_incomplete(move->trial, ev->recorded.ok);
    else if (move->trial->end_pending && ev->recorded.number == move->trial->record_awaited)
        take_end(move->trial, ev->recorded.ok);
}

/* ---- proofs --------------------------------------------------------------------------------- */

static bool is_on_trial(const struct trial *trial)
{
    return trial->state >= TRIAL_FIRST && trial->state <= TRIAL_CONFIRMING;
}

static void take_statement(struct move *move)
{
    const struct guard_statement *given = &move->ev->statement;
    struct trial *trial = move->trial;

    if (given->verified && admission_awaits_renewal(trial, given->statement))
        lease_take(&trial->lease, &trial->terms, given->statement, trial->now);
}

/* Over the prepare nonce it says who may have a baseline. */
static void take_source(struct move *move)
{
    const struct guard_event *ev = move->ev;
    struct trial *trial = move->trial;

    if (trial->state == TRIAL_PREPARED && nonce_equal(&ev->source.nonce, &trial->id.start))
        lease_bar(&trial->lease, &trial->terms, ev->source.witness, ev->source.counts);
    else if (is_on_trial(trial))
        lease_take_source(&trial->lease, &trial->terms, ev);
}

/* ---- undoing -------------------------------------------------------------------------------- */

/* What the disk refused or has not written yet goes before what it explains. */
static void mark_popping_first(struct move *move)
{
    const struct ledger_generation *top = ledger_top(move->trial->ledger);

    if (move->trial->pops && top != NULL && top->mark != MARK_POPPING)
        trial_mark(move, MARK_POPPING);
}

static void record_item(struct move *move, bool restored)
{
    struct guard_record *record = &trial_record(move, RECORD_ITEM, false)->record.record;

    record->operation = move->ev->undone.operation;
    record->more = move->ev->undone.more;
    record->ok = restored;
    text_copy(record->reason, sizeof(record->reason), trial_word(move->ev->undone.why));
}

static void note_held_up(struct move *move)
{
    struct text text = TEXT_IN(move->trial->held_up);

    text_add(&text, "operation %u: %s", move->ev->undone.operation + 1,
             trial_word(move->ev->undone.why));
}

static void take_undone(struct move *move)
{
    const struct guard_event *ev = move->ev;
    struct trial *trial = move->trial;
    struct revert *revert = &trial->revert;

    if (trial->state != TRIAL_REVERTING || ev->undone.operation >= revert->steps_count ||
        revert->steps[ev->undone.operation].outcome != REVERT_RUNNING)
        return;
    for (uint32_t i = 0; i <= ev->undone.more && i <= ev->undone.operation; i++)
        revert_take(revert, ev->undone.operation - i, ev->undone.outcome, trial->now);
    revert_end(revert);
    if (ev->undone.outcome == REVERT_RETRY) {
        note_held_up(move);
        return;
    }
    mark_popping_first(move);
    record_item(move, ev->undone.outcome == REVERT_DONE);
    if (ev->undone.outcome == REVERT_LEFT)
        trial_alarm(move, "it is left as it is", trial_word(ev->undone.why));
    if (!revert_is_held_up(revert))
        trial->held_up[0] = '\0';
}

/* Nobody asks again for what root or an operator has ordered. An end that was read may be in the
 * page cache only: whoever wrote it died within its fsync. */
static void take_boot(struct trial *trial)
{
    const struct ledger *ledger = trial->ledger;

    trial->ends_synced = ledger->ends_count == 0 && ledger->generations_count == 0 && !ledger->owes;
    trial->pops_further = ledger_ordered(trial->ledger) != NULL;
    trial->order = trial->ledger->order;
}

void trial_take_facts(struct move *move)
{
    switch (move->ev->kind) {
    case ON_BOOT:
        take_boot(move->trial);
        break;
    case ON_RECORDED:
        take_recorded(move);
        break;
    case ON_SYNCED:
        take_synced(move);
        break;
    case ON_STATEMENT:
        take_statement(move);
        break;
    case ON_SOURCE:
        take_source(move);
        break;
    case ON_UNDONE:
        take_undone(move);
        break;
    case ON_STACK:
        move->trial->stack_nonce = move->ev->random;
        break;
    case ON_PREPARE:
    case ON_PREPARED:
    case ON_START:
    case ON_APPLIED:
    case ON_SETTLED:
    case ON_ABORT:
    case ON_POP:
    case ON_VERIFIED:
    case ON_STANDING:
    case ON_FENCE:
    case ON_STOP:
    case ON_TIMEOUT:
    case GUARD_EVENT_COUNT:
        break;
    }
}
