/*
 * rollout_facts: what an event says of its node, noted before the table is asked.
 *
 * Messages may come late, twice and out of order. What a guard signed as an end is never taken
 * back; an old stack (newest_word.h) is passed over.
 */
#include "common/core/text.h"
#include "controller/core/rollout_table.h"

/* It has answered: nothing is owed from before, and it is not silent any more. */
static void note_word(struct rollout_move *move, struct target *target)
{
    target->connected = true;
    target->asked_at = MONO_NEVER;
    target->retry_at = MONO_NEVER;
    move->answers_again = target->silent;
    target->silent = false;
    if (target->record->listed && target->record->receipt != RECEIPT_INCOMPLETE &&
        move->rollout->record.state == ROLLOUT_REVERTING)
        target->record->listed = false;
}

static void forget_prepared(struct target *target)
{
    target->prepared = (struct nonce){0};
    target->started = false;
    target->ready_at = MONO_NEVER;
    target->baselines = target->standings = target->answered = 0;
    target->own_baseline = false;
}

/* How far a receipt is: an attempt is made at most once, so that it only goes ahead. */
static int rank(enum receipt_kind kind)
{
    switch (kind) {
    case RECEIPT_CONFIRMED:
        return 1;
    case RECEIPT_INCOMPLETE:
        return 2;
    case RECEIPT_REVERTED:
    case RECEIPT_POPPED:
    case RECEIPT_TOMBSTONE:
        return 3;
    case RECEIPT_REFUSED:
    case RECEIPT_KIND_COUNT:
        break;
    }
    return 0;
}

/* ---- hello ---------------------------------------------------------------------------------- */

static bool is_young(const struct rollout *rollout, const struct target *target)
{
    return !nonce_is_zero(&target->prepared) &&
           rollout->now < mono_add(target->prepared_at, ROLLOUT_NONCE_AGE_MS);
}

/* Nothing of it stands there. A start may be on its way as long as its nonce is young. */
static void hear_never(struct rollout *rollout, struct target *target)
{
    struct target_record *record = target->record;

    if (is_young(rollout, target))
        return;
    forget_prepared(target);
    record->begun |= record->says >= SAYS_ON_TRIAL; /* as an earlier controller has kept it */
    record->says = SAYS_NEVER;
    if (rank(record->receipt) == 0)
        return;
    record->in_doubt = true; /* what it signed before says otherwise: its receipt is asked */
    target->newest.journal_at = rollout->now;
}

static void hear_prepared(struct rollout *rollout, struct target *target)
{
    if (!is_young(rollout, target))
        forget_prepared(target);
    target->started = false; /* the start did not come there: it is sent again */
    target->record->says = SAYS_PREPARED;
}

/* docs/protocol.md, "Who knows what": in doubt until its signed receipt. */
static void hear_touched(struct rollout_move *move, enum target_says says,
                         const struct nonce *start)
{
    struct target_record *record = move->target->record;

    move->newly_on_trial = says == SAYS_ON_TRIAL && record->says != SAYS_ON_TRIAL;
    if (move->newly_on_trial)
        record->reason[0] = '\0';
    forget_prepared(move->target);
    record->says = says;
    record->begun = true;
    record->generation.start = *start;
    record->in_doubt = says != SAYS_CONFIRMED || record->receipt != RECEIPT_CONFIRMED;
}

static void take_hello(struct rollout_move *move)
{
    struct target *target = move->target;
    const struct stack *stack = move->ev->hello.stack;
    struct nonce start;
    enum target_says says;

    if (newest_word_is_behind(&target->newest, stack->receipt_index, move->ev->hello.asked_at) ||
        nonce_equal(&stack->nonce, &target->quoted))
        return;
    note_word(move, target);
    newest_word_note(&target->newest, stack->receipt_index, move->rollout->now);
    target->heard = true;
    target->stack_nonce = stack->nonce;
    if (target_is_ended(target))
        return;
    says = target_read_stack(stack, &move->rollout->record.attempt, &start);
    if (says == SAYS_NEVER)
        hear_never(move->rollout, target);
    else if (says == SAYS_PREPARED)
        hear_prepared(move->rollout, target);
    else
        hear_touched(move, says, &start);
    if (target_is_doubted(stack, &move->rollout->record.attempt))
        target->record->in_doubt = true; /* whatever it signed before its disk lost the rest */
}

/* ---- what its guard tells ------------------------------------------------------------------- */

/* The guard prepares only what it never began: over another nonce than the one that was started,
 * there is nothing to be in doubt about. */
static void take_prepared(struct rollout_move *move)
{
    struct target *target = move->target;
    struct target_record *record = target->record;
    const struct generation_id *id = &move->ev->prepared;

    if (!attempt_equal(&id->attempt, &move->rollout->record.attempt) ||
        record->wants != WANTS_CHANGE || target->started || record->says >= SAYS_ON_TRIAL)
        return;
    note_word(move, target);
    if (!nonce_equal(&id->start, &target->prepared)) {
        forget_prepared(target);
        target->prepared = id->start;
        target->prepared_at = move->rollout->now;
    }
    record->says = SAYS_PREPARED;
    if (!nonce_equal(&id->start, &record->generation.start))
        record->in_doubt = false;
}

/* Once for each request, however often the refusal comes. */
static void count_refusal(struct target *target, const char *reason)
{
    target->refusals = text_equal(target->record->reason, reason) ? target->refusals + 1 : 1;
    text_copy(target->record->reason, sizeof(target->record->reason), reason);
}

/* On the way ahead: an offer or a start is refused, or an earlier guard does not say it stands. */
static void hear_no(struct rollout_move *move, struct target *target, bool was_asked)
{
    if (target->record->says == SAYS_CONFIRMED) {
        target->heard = false;
        return;
    }
    if (target->record->says >= SAYS_ON_TRIAL)
        return;
    forget_prepared(target);
    target->record->says = SAYS_REFUSED;
    if (move->ev->refused.expired)
        return;
    if (was_asked) {
        count_refusal(target, move->ev->reason);
        target->record->lasting = move->ev->refused.lasting;
    }
    target->retry_at = mono_add(move->rollout->now, ROLLOUT_RETRY_MS);
}

/* docs/protocol.md rule 14: what was quoted may not be its latest hello. */
static void hear_no_end(struct rollout_move *move, struct target *target, bool was_asked)
{
    target->stack_nonce = (struct nonce){0};
    if (was_asked)
        count_refusal(target, move->ev->reason);
    target->retry_at = mono_add(move->rollout->now,
                                target->record->listed ? ROLLOUT_SLOW_RETRY_MS : ROLLOUT_BREATH_MS);
}

static void take_refused(struct rollout_move *move)
{
    struct target *target = move->target;
    bool was_asked = target->asked_at != MONO_NEVER;

    if (!attempt_equal(&move->ev->refused.attempt, &move->rollout->record.attempt) ||
        target_is_ended(target))
        return;
    note_word(move, target);
    if (target->record->wants == WANTS_CHANGE)
        hear_no(move, target, was_asked);
    else
        hear_no_end(move, target, was_asked);
}

static void take_nonce(struct rollout_move *move)
{
    struct target *target = move->target;
    struct target_record *record = target->record;
    const struct generation_id *id = &move->ev->nonce.id;

    if (!attempt_equal(&id->attempt, &move->rollout->record.attempt) || rank(record->receipt) > 0 ||
        record->says == SAYS_REVERTING)
        return;
    note_word(move, target);
    hear_touched(move, SAYS_ON_TRIAL, &id->start);
}

static void end_by_receipt(struct target *target, const struct receipt *receipt)
{
    struct target_record *record = target->record;

    record->says = receipt->kind == RECEIPT_CONFIRMED ? SAYS_CONFIRMED : SAYS_ENDED;
    record->in_doubt = false;
    record->listed = false;
}

/* That it was confirmed is known, and another word came since: its stack says whether it stands. */
static bool says_nothing_new(const struct target *target, const struct receipt *receipt)
{
    return receipt->kind == RECEIPT_CONFIRMED && target->record->receipt == RECEIPT_CONFIRMED &&
           !target_is_confirmed(target);
}

static void take_receipt(struct rollout_move *move)
{
    struct target *target = move->target;
    struct target_record *record = target->record;
    const struct receipt *receipt = move->ev->receipt;

    if (!attempt_equal(&receipt->generation.attempt, &move->rollout->record.attempt) ||
        rank(receipt->kind) == 0)
        return;
    note_word(move, target);
    if (receipt->index > target->newest.index)
        newest_word_note(&target->newest, receipt->index, move->rollout->now);
    move->receipt_is_news = rank(receipt->kind) > rank(record->receipt);
    if (rank(receipt->kind) < rank(record->receipt))
        return;
    if (says_nothing_new(target, receipt)) {
        target->heard = false;
        return;
    }
    forget_prepared(target);
    record->receipt = receipt->kind;
    record->cause = receipt->cause;
    text_copy(record->reason, sizeof(record->reason), receipt->reason);
    if (!nonce_is_zero(&receipt->generation.start))
        record->generation.start = receipt->generation.start;
    if (receipt->kind == RECEIPT_INCOMPLETE) {
        record->says = SAYS_REVERTING;
        record->listed = true;
    } else {
        end_by_receipt(target, receipt);
    }
}

/* ---- statements ----------------------------------------------------------------------------- */

static void take_standing(struct rollout_move *move)
{
    struct rollout *rollout = move->rollout;
    const struct target *signer = rollout_find(rollout, move->ev->statement.signer);

    if (signer != NULL)
        move->target->standings |= UINT64_C(1) << rollout_index(rollout, signer);
}

static void take_baseline(struct rollout_move *move)
{
    struct target *target = move->target;
    const struct manifest_plan *plan = target->plan;

    if (text_equal(move->ev->statement.signer, target->record->name))
        target->own_baseline = true;
    for (uint32_t i = 0; i < plan->witnesses_count; i++) {
        uint64_t bit = UINT64_C(1) << i;

        if (!text_equal(plan->witnesses[i], move->ev->statement.signer))
            continue;
        target->answered |= bit;
        if (move->ev->statement.passes)
            target->baselines |= bit;
    }
}

static void take_statement(struct rollout_move *move)
{
    struct target *target = move->target;
    const struct rollout_event *ev = move->ev;

    if (nonce_is_zero(&target->prepared) || !nonce_equal(&ev->statement.nonce, &target->prepared) ||
        !hash_equal(&ev->statement.body, &move->rollout->record.attempt.body))
        return;
    if (ev->statement.phase == PHASE_STANDING)
        take_standing(move);
    else if (ev->statement.phase == PHASE_BASELINE)
        take_baseline(move);
    if (target->ready_at == MONO_NEVER && rollout_has_proofs(move->rollout, target))
        target->ready_at = move->rollout->now;
}

void rollout_take_facts(struct rollout_move *move)
{
    if (move->target == NULL)
        return;
    switch (move->ev->kind) {
    case EVENT_HELLO:
        take_hello(move);
        break;
    case EVENT_LOST:
        move->target->connected = false;
        break;
    case EVENT_PREPARED:
        take_prepared(move);
        break;
    case EVENT_REFUSED:
        take_refused(move);
        break;
    case EVENT_NONCE:
        take_nonce(move);
        break;
    case EVENT_STATEMENT:
        take_statement(move);
        break;
    case EVENT_RECEIPT:
        take_receipt(move);
        break;
    case EVENT_START:
    case EVENT_RESUMED:
    case EVENT_GATES:
    case EVENT_NEXT:
    case EVENT_ABORT:
    case EVENT_EMERGENCY:
    case EVENT_FREEZE:
    case EVENT_HOLD:
    case EVENT_REMOVED:
    case EVENT_CHECK_FAILING:
    case EVENT_TIMEOUT:
    case ROLLOUT_EVENT_COUNT:
        break;
    }
}
