/*
 * trial_act: what the trial machine's rows do from preparing to confirming: they append effects.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/guard/core/admission.h"
#include "agent/guard/core/trial_table.h"
#include "common/core/text.h"

/* ---- effects that several append ------------------------------------------------------------ */

const char *trial_word(const char *why)
{
    return why != NULL ? why : "";
}

struct guard_effect *trial_record(struct move *move, enum record_kind kind, bool durable)
{
    struct trial *trial = move->trial;
    struct guard_effect *effect = guard_effects_add(move->effects, DO_RECORD, &trial->id);

    effect->record.number = ++trial->record_number;
    effect->record.durable = durable;
    effect->record.record.kind = kind;
    effect->record.record.id = trial->id;
    effect->record.record.at = move->ev->unix_now;
    return effect;
}

void trial_mark(struct move *move, enum mark mark)
{
    struct guard_record *record = &trial_record(move, RECORD_MARK, true)->record.record;

    record->mark = mark;
    record->cause = move->trial->cause;
    text_copy(record->reason, sizeof(record->reason), move->trial->reason);
    record->has_order = trial_ordered(move->trial) != NULL;
    record->order = move->trial->order;
}

void trial_alarm(struct move *move, const char *sentence, const char *detail)
{
    struct guard_effect *alarm = guard_effects_add(move->effects, DO_ALARM, &move->trial->id);

    alarm->progress.state = trial_state_name(move->trial->state);
    alarm->progress.sentence = sentence;
    alarm->progress.soak_left_s = trial_soak_left_s(move->trial);
    text_copy(alarm->progress.detail, sizeof(alarm->progress.detail), detail);
}

const struct attempt *trial_attempt_of(const struct guard_event *ev)
{
    if (ev->kind == ON_PREPARE)
        return &ev->prepare.approval->attempt;
    return ev->kind == ON_START ? &ev->start.id.attempt : &ev->end.id.attempt;
}

void trial_send_receipt(struct move *move, const struct attempt *attempt)
{
    const struct ledger_end *end = ledger_find_receipt(move->trial->ledger, attempt);

    guard_effects_add(move->effects, DO_SEND, &end->receipt.generation)->receipt =
        end->receipt_hash;
}

void trial_refuse(struct move *move, const struct attempt *attempt, const char *reason,
                  enum err_kind kind)
{
    struct guard_effect *effect = guard_effects_add(move->effects, DO_REFUSE, NULL);

    effect->id.attempt = *attempt;
    effect->refuse.expired = kind == ERR_TIMEOUT;
    effect->refuse.lasting = kind == ERR_LASTING;
    text_copy(effect->refuse.reason, sizeof(effect->refuse.reason), reason);
}

static void await_record(struct trial *trial)
{
    trial->record_awaited = trial->record_number;
}

void do_nothing(struct move *move)
{
    (void)move;
}

/* ---- prepare -------------------------------------------------------------------------------- */

void do_prepare(struct move *move)
{
    const struct guard_prepare *prepare = &move->ev->prepare;
    struct trial *trial = move->trial;

    memset(&trial->id, 0, sizeof(trial->id));
    trial->id.attempt = prepare->approval->attempt;
    trial_terms_fill(&trial->terms, trial->node, prepare);
    lease_init(&trial->lease);
    guard_effects_add(move->effects, DO_PREPARE, &trial->id);
}

void do_refuse_prepare(struct move *move)
{
    struct err err = ERR_INIT;

    admission_check_prepare(move->trial, move->ev, &err);
    trial_refuse(move, &move->ev->prepare.approval->attempt, err.text, err.kind);
}

void do_refuse_busy(struct move *move)
{
    const struct guard_event *ev = move->ev;
    const struct trial *trial = move->trial;
    char reason[REASON_SIZE];

    snprintf(reason, sizeof(reason), "another trial is open here (%s): wait for its end",
             trial_state_name(trial->state));
    trial_refuse(move,
                 ev->kind == ON_PREPARE ? &ev->prepare.approval->attempt : &ev->end.id.attempt,
                 reason, ERR_CONFLICT);
}

static void take_operations(struct trial_terms *terms, const struct guard_prepared *prepared)
{
    assert(prepared->operations_count > 0 && prepared->operations_count <= OPERATIONS_MAX);
    terms->begin.operations_count = prepared->operations_count;
    for (uint32_t i = 0; i < prepared->operations_count; i++) {
        terms->begin.removes[i] = prepared->removes[i] != 0;
        terms->persists[i] = prepared->persists == NULL || prepared->persists[i];
        terms->joins[i] = prepared->joins != NULL && prepared->joins[i] && !terms->persists[i];
    }
}

/* docs/protocol.md rule 2: the one nonce comes after all that takes time. */
void do_offer(struct move *move)
{
    struct trial *trial = move->trial;

    take_operations(&trial->terms, &move->ev->prepared);
    trial->id.start = move->ev->random;
    trial->nonce_at = trial->now;
    do_offer_again(move);
}

void do_offer_again(struct move *move)
{
    guard_effects_add(move->effects, DO_OFFER, &move->trial->id);
}

void do_refuse_prepared(struct move *move)
{
    trial_refuse(move, &move->trial->id.attempt, trial_word(move->ev->prepared.why), ERR_CONFLICT);
    do_forget(move);
}

/* ---- start ---------------------------------------------------------------------------------- */

void do_write_begin(struct move *move)
{
    const struct guard_start *start = &move->ev->start;
    struct trial *trial = move->trial;

    for (uint32_t i = 0; i < start->statements_count; i++) {
        if (admission_answers(trial, &start->statements[i]))
            lease_take_baseline(&trial->lease, &trial->terms, start->statements[i].statement);
    }
    trial_record(move, RECORD_BEGIN, true)->record.record.begin = trial->terms.begin;
    await_record(trial);
}

void do_refuse_start(struct move *move)
{
    struct err err = ERR_INIT;

    admission_check_start(move->trial, move->ev, &err);
    trial_refuse(move, &move->ev->start.id.attempt, err.text, err.kind);
}

void do_refuse_late_start(struct move *move)
{
    trial_refuse(move, &move->ev->start.id.attempt, "that nonce is not out any more: prepare again",
                 ERR_TIMEOUT);
}

void do_forget_unwritten(struct move *move)
{
    char reason[REASON_SIZE];

    snprintf(reason, sizeof(reason), "the journal cannot be written (%s); nothing was touched",
             trial_word(move->ev->recorded.why));
    trial_refuse(move, &move->trial->id.attempt, reason, ERR_SYSTEM);
    do_forget(move);
}

void do_write_expired(struct move *move)
{
    struct trial *trial = move->trial;

    trial_refuse(move, &trial->id.attempt,
                 "the journal was written more than 30 s after the nonce; nothing was touched",
                 ERR_TIMEOUT);
    trial->end_mark = MARK_EXPIRED;
    do_write_end(move);
}

/* ---- apply and settle ----------------------------------------------------------------------- */

/* docs/protocol.md rule 6: applying may take what settling does not need. */
mono_t trial_settles_by(const struct trial *trial)
{
    return mono_add(trial->started_at, trial->terms.apply_ms + trial->terms.settle_ms);
}

/* How many behind the next operation may go in one go with it. */
static uint32_t count_joined(const struct trial *trial)
{
    const struct trial_terms *terms = &trial->terms;
    uint32_t end = trial->operation + 1;

    while (end < terms->begin.operations_count && terms->joins[end])
        end++;
    return end - trial->operation - 1;
}

/* docs/protocol.md rule 6: before what persists it has to be on the disk. */
static void write_intent(struct move *move)
{
    struct trial *trial = move->trial;
    bool durable = trial->terms.persists[trial->operation];
    struct guard_record *record = &trial_record(move, RECORD_INTENT, durable)->record.record;

    record->operation = trial->operation;
    record->more = count_joined(trial);
    await_record(trial);
}

void do_begin_apply(struct move *move)
{
    struct trial *trial = move->trial;

    trial->started_at = trial->now;
    trial->operation = 0;
    trial->end_mark = MARK_APPLIED;
    lease_begin(&trial->lease, &trial->terms, trial->now);
    write_intent(move);
}

void do_apply(struct move *move)
{
    struct guard_effect *effect = guard_effects_add(move->effects, DO_APPLY, &move->trial->id);

    effect->operation = move->trial->operation;
    effect->more = count_joined(move->trial);
}

static void write_result(struct move *move)
{
    const struct guard_event *ev = move->ev;
    struct trial *trial = move->trial;
    bool durable = trial->terms.persists[trial->operation];
    struct guard_record *record = &trial_record(move, RECORD_RESULT, durable)->record.record;

    record->operation = trial->operation;
    record->more = ev->applied.more;
    record->ok = ev->applied.ok;
    text_copy(record->reason, sizeof(record->reason), trial_word(ev->applied.why));
}

void do_write_next_intent(struct move *move)
{
    write_result(move);
    move->trial->operation += 1 + move->ev->applied.more;
    write_intent(move);
}

void do_settle(struct move *move)
{
    write_result(move);
    trial_mark(move, MARK_APPLIED);
    guard_effects_add(move->effects, DO_SETTLE, &move->trial->id);
}

void trial_write_failed_result(struct move *move)
{
    if (move->ev->kind == ON_APPLIED)
        write_result(move);
}

/* ---- proof ---------------------------------------------------------------------------------- */

mono_t trial_gives_up_at(const struct trial *trial)
{
    return mono_add(trial->lease.first_issued_at, trial->terms.soak_ms + 2 * trial->terms.lease_ms);
}

static void issue(struct move *move, bool fresh_connection, bool last)
{
    struct trial *trial = move->trial;
    const struct lease_nonce *issued =
        lease_issue(&trial->lease, &move->ev->random, trial->now, last);
    struct guard_nonce *nonce = &guard_effects_add(move->effects, DO_NONCE, &trial->id)->nonce;

    nonce->nonce = issued->nonce;
    nonce->number = issued->number;
    nonce->fresh_connection = fresh_connection;
    nonce->last = last;
    nonce->soak_left_s = trial->state == TRIAL_SETTLING ? (unsigned)(trial->terms.soak_ms / 1000)
                                                        : trial_soak_left_s(trial);
}

void do_issue_first(struct move *move)
{
    issue(move, true, false);
    move->trial->next_nonce_at = mono_add(move->trial->now, move->trial->terms.period_ms);
}

void do_begin_soak(struct move *move)
{
    move->trial->soak_from = move->trial->now;
}

void do_issue_renewal(struct move *move)
{
    issue(move, false, false);
    move->trial->next_nonce_at = mono_add(move->trial->now, move->trial->terms.period_ms);
}

void do_issue_last(struct move *move)
{
    issue(move, true, true);
    move->trial->next_last_at = mono_add(move->trial->now, move->trial->terms.period_ms);
}

/* ---- confirm -------------------------------------------------------------------------------- */

void do_write_confirming(struct move *move)
{
    trial_mark(move, MARK_CONFIRMING);
    await_record(move->trial);
}

void do_write_confirmed(struct move *move)
{
    struct trial *trial = move->trial;

    trial_mark(move, MARK_CONFIRMED);
    move->effects->list[move->effects->count - 1].record.record.soak_s =
        (unsigned)((trial->now - trial->soak_from) / 1000);
    trial->end_mark = MARK_CONFIRMED;
    await_record(trial);
}

void do_say_confirmed(struct move *move)
{
    move->trial->end_pending = false;
}

/* ---- asked in passing ----------------------------------------------------------------------- */

void do_send_receipt(struct move *move)
{
    trial_send_receipt(move, trial_attempt_of(move->ev));
}

/* Whoever asks more than that asks again. */
void do_await_sync(struct move *move)
{
    const struct attempt *attempt = trial_attempt_of(move->ev);
    struct trial *trial = move->trial;

    for (uint32_t i = 0; i < trial->unanswered_count; i++) {
        if (attempt_equal(&trial->unanswered[i], attempt))
            return;
    }
    if (trial->unanswered_count < TRIAL_UNANSWERED_MAX)
        trial->unanswered[trial->unanswered_count++] = *attempt;
}

void do_state_standing(struct move *move)
{
    const struct guard_event *ev = move->ev;
    const struct ledger_generation *generation =
        ledger_standing(move->trial->ledger, &ev->standing.body);
    struct guard_effect *effect = guard_effects_add(move->effects, DO_STATEMENT, &generation->id);

    effect->statement.body = ev->standing.body;
    effect->statement.nonce = ev->standing.nonce;
    effect->statement.soak_s = generation->soak_s;
    text_copy(effect->statement.subject, NAME_SIZE, ev->standing.subject);
}

void do_refuse_standing(struct move *move)
{
    const struct attempt attempt = {.body = move->ev->standing.body};

    trial_refuse(move, &attempt, "this manifest does not stand confirmed here", ERR_MISSING);
}

/* trial_open says that something was begun; what is only prepared shows in trial and its state. */
void do_give_stack(struct move *move)
{
    struct trial *trial = move->trial;
    struct stack *stack = &guard_effects_add(move->effects, DO_STACK, NULL)->stack;

    ledger_fill_stack(trial->ledger, stack);
    text_copy(stack->node, sizeof(stack->node), trial->node);
    stack->nonce = trial->stack_nonce;
    stack->challenge = move->ev->challenge;
    text_copy(stack->trial_state, sizeof(stack->trial_state), trial_state_name(trial->state));
    if (!trial->ledger->is_open && trial->state != TRIAL_IDLE)
        stack->trial = trial->id;
}

void do_give_stack_and_receipt(struct move *move)
{
    const struct ledger_end *end =
        ledger_find_receipt(move->trial->ledger, &move->trial->id.attempt);

    do_give_stack(move);
    guard_effects_add(move->effects, DO_SEND, &end->receipt.generation)->receipt =
        end->receipt_hash;
}

void do_let_go(struct move *move)
{
    guard_effects_add(move->effects, DO_LET_GO, NULL);
}
