/*
 * carry: carries out what the trial machine wants done: tells, signs, and hands on what blocks.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/owned_drift.h"
#include "agent/guard/io/undo_text.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"

void held_done(struct held *held)
{
    for (uint32_t i = 0; i < held->items_count; i++)
        undo_item_done(&held->items[i]);
    free(held->items);
    free(held->rehearsal);
    wire_bytes_done(&held->body);
    wire_bytes_done(&held->approval);
    if (held->has_manifest)
        manifest_done(&held->manifest);
    memset(held, 0, sizeof(*held));
}

void guard_step(struct guard *guard, struct guard_event *ev)
{
    ev->now = clock_now();
    ev->unix_now = clock_unix();
    clock_random(&ev->random, sizeof(ev->random));
    guard->effects->count = 0;
    trial_step(guard->trial, ev, guard->effects);
    for (uint32_t i = 0; i < guard->effects->count; i++)
        carry_effect(guard, &guard->effects->list[i]);
    carry_pump(guard);
}

/* ---- telling -------------------------------------------------------------------------------- */

static void add_text(struct guard_report *report, const char *line)
{
    report->lines = mem_resize(report->lines, report->lines_count + 1, sizeof(*report->lines));
    text_copy(report->lines[report->lines_count++], SENTENCE_SIZE, line);
}

static void add_line(struct guard_report *report, const struct undo_item *item, const char *why)
{
    char line[SENTENCE_SIZE];
    struct text text = TEXT_IN(line);

    undo_render(item, &text);
    if (why != NULL && why[0] != '\0')
        text_add(&text, ": %s", why);
    add_text(report, line);
}

void carry_fill_open(struct guard *guard, struct guard_report *report)
{
    const struct trial *trial = guard->trial;
    struct journal_generation *kept = journal_find(guard->journal, &trial->id);

    if (trial->state == TRIAL_VERIFYING && trial->held_up[0] != '\0')
        add_text(report, trial->held_up); /* each step is done: what is not as it was is all */
    if (trial->state != TRIAL_REVERTING || kept == NULL || !revert_is_held_up(&trial->revert))
        return;
    for (uint32_t i = trial->revert.steps_count; i-- > 0;) {
        const struct revert_step *step = &trial->revert.steps[i];
        const struct undo_item *item = journal_generation_item(kept, i);

        if (step->touched && item != NULL && step->outcome != REVERT_DONE &&
            step->outcome != REVERT_LEFT)
            add_line(report, item, guard->undo_why[i]);
    }
}

static void offer(struct guard *guard, const struct guard_effect *effect)
{
    struct guard_report report = {.kind = REPORT_PREPARED, .id = effect->id};

    for (uint32_t i = guard->held.items_count; i-- > 0;)
        add_line(&report, &guard->held.items[i], NULL);
    if (guard->held.rehearsal != NULL)
        report.rehearsal = mem_copy(guard->held.rehearsal, sizeof(*report.rehearsal));
    if (guard->asker != CLIENT_NONE)
        guard->held.asker = guard->asker; /* asked again, maybe over another connection */
    if (clients_find(&guard->clients, guard->held.asker) == NULL)
        guard->held.asker = CLIENT_NONE;
    clients_tell(&guard->clients, guard->held.asker, &report);
    guard_report_done(&report);
}

static void tell_nonce(struct guard *guard, const struct guard_effect *effect)
{
    struct guard_report *report = &guard->nonce;

    guard_report_done(report);
    *report = (struct guard_report){.kind = REPORT_NONCE,
                                    .id = effect->id,
                                    .nonce = effect->nonce.nonce,
                                    .number = effect->nonce.number,
                                    .fresh_connection = effect->nonce.fresh_connection,
                                    .last = effect->nonce.last,
                                    .soak_left_s = effect->nonce.soak_left_s};
    clients_tell(&guard->clients, CLIENT_NONE, report);
}

static void say_receipt(const struct ledger *ledger, const struct hash *hash)
{
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        const struct receipt *receipt = &ledger->ends[i].receipt;

        if (hash_equal(&ledger->ends[i].receipt_hash, hash))
            log_info("receipt %llu: sequence %llu %s (%s)%s%s", (unsigned long long)receipt->index,
                     (unsigned long long)receipt->generation.attempt.sequence,
                     receipt_kind_name(receipt->kind), end_cause_name(receipt->cause),
                     receipt->reason[0] != '\0' ? ": " : "", receipt->reason);
    }
}

static void tell_receipt(struct guard *guard, const struct guard_effect *effect)
{
    struct bytes envelope = journal_find_receipt(guard->journal, &effect->receipt);
    struct guard_report report = {.kind = REPORT_RECEIPT, .id = effect->id};

    if (envelope.len == 0) {
        log_error("a receipt is in the ledger and its envelope is not in the journal");
        return;
    }
    say_receipt(guard->ledger, &effect->receipt);
    report.envelope = (struct wire_bytes){mem_copy(envelope.data, envelope.len), envelope.len};
    clients_tell(&guard->clients, CLIENT_NONE, &report);
    guard_report_done(&report);
}

static void refuse(struct guard *guard, const struct guard_effect *effect)
{
    struct guard_report report = {.kind = REPORT_REFUSED,
                                  .id = effect->id,
                                  .expired = effect->refuse.expired,
                                  .lasting = effect->refuse.lasting};
    unsigned asker = guard->asker != CLIENT_NONE ? guard->asker : guard->held.asker;

    guard->refused++;
    text_copy(report.reason, sizeof(report.reason), effect->refuse.reason);
    log_warning("refused sequence %llu: %s", (unsigned long long)effect->id.attempt.sequence,
                effect->refuse.reason);
    if (clients_find(&guard->clients, asker) != NULL)
        clients_tell(&guard->clients, asker, &report);
}

static void state_standing(struct guard *guard, const struct guard_effect *effect)
{
    struct statement *statement = mem_alloc(1, sizeof(*statement));
    struct guard_report report = {.kind = REPORT_STATEMENT, .id = effect->id};

    text_copy(statement->signer, sizeof(statement->signer), guard->trial->node);
    text_copy(statement->subject, sizeof(statement->subject), effect->statement.subject);
    statement->body = effect->statement.body;
    statement->nonce = effect->statement.nonce;
    statement->phase = PHASE_STANDING;
    statement->soak_s = effect->statement.soak_s;
    report.envelope = wire_encode_statement(statement, guard->key);
    free(statement);
    clients_tell(&guard->clients, guard->asker, &report);
    guard_report_done(&report);
}

static void give_stack(struct guard *guard, const struct guard_effect *effect)
{
    struct guard_report report = {.kind = REPORT_STACK};

    report.envelope = wire_encode_stack(&effect->stack, guard->key);
    clients_tell(&guard->clients, guard->asker, &report);
    guard_report_done(&report);
}

static void tell_progress(struct guard *guard, const struct guard_effect *effect)
{
    const char *detail = effect->progress.detail;
    const char *between = detail[0] != '\0' ? ": " : "";
    struct guard_report report = {.kind = REPORT_PROGRESS, .id = effect->id};
    struct text sentence = TEXT_IN(report.sentence);

    if (effect->kind == DO_ALARM)
        log_error("ALARM %s: %s%s%s", effect->progress.state, effect->progress.sentence, between,
                  detail);
    else
        log_info("%s: %s%s%s", effect->progress.state, effect->progress.sentence, between, detail);
    text_copy(report.state, sizeof(report.state), effect->progress.state);
    text_add(&sentence, "%s%s%s", effect->progress.sentence, between, detail);
    report.soak_left_s = effect->progress.soak_left_s;
    carry_fill_open(guard, &report);
    clients_tell(&guard->clients, CLIENT_NONE, &report);
    guard_report_done(&guard->progress);
    guard->progress = report;
}

void carry_greet(struct guard *guard, unsigned client)
{
    const struct trial *trial = guard->trial;
    bool proving = trial->state >= TRIAL_FIRST && trial->state <= TRIAL_LAST;

    if (guard->progress.state[0] != '\0')
        clients_tell(&guard->clients, client, &guard->progress);
    if (proving && guard->nonce.number != 0)
        clients_tell(&guard->clients, client, &guard->nonce);
    owned_drift_greet(guard, client);
}

/* ---- effects -------------------------------------------------------------------------------- */

/* What names no operation has zeros there. */
static void order(struct guard *guard, enum work_kind kind, const struct guard_effect *effect)
{
    carry_order(guard, &(struct work_order){kind, effect->id, effect->operation, effect->more});
}

/* What ON_PREPARE gave is held from here on. */
static void prepare(struct guard *guard, const struct guard_effect *effect)
{
    held_done(&guard->held);
    guard->held = guard->asked;
    memset(&guard->asked, 0, sizeof(guard->asked));
    guard->held.id = effect->id;
    order(guard, WORK_PREPARE, effect);
}

enum { COMPACT_FROM = 256 << 10 };

static void forget(struct guard *guard)
{
    held_done(&guard->held);
    guard_report_done(&guard->nonce);
    memset(&guard->nonce, 0, sizeof(guard->nonce));
    memset(guard->undo_why, 0, sizeof(guard->undo_why));
    journal_forget(guard->journal, guard->ledger);
    undo_text_give(guard);
    if (guard->written >= COMPACT_FROM) {
        struct write *write = write_new(WRITE_COMPACT);

        write->ledger = mem_copy(guard->ledger, sizeof(*guard->ledger));
        guard->written = 0;
        writer_give_take(guard->writer, write);
    }
    malloc_trim(0); /* what the trial's steps have kept */
    keep_want(guard, false);
    owned_drift_want(guard);
}

void carry_effect(struct guard *guard, const struct guard_effect *effect)
{
    switch (effect->kind) {
    case DO_PREPARE:
        prepare(guard, effect);
        break;
    case DO_OFFER:
        offer(guard, effect);
        break;
    case DO_RECORD:
        carry_record(guard, effect);
        break;
    case DO_SYNC:
        writer_give_take(guard->writer, write_new(WRITE_SYNC));
        break;
    case DO_APPLY:
        order(guard, WORK_APPLY, effect);
        break;
    case DO_SETTLE:
        order(guard, WORK_SETTLE, effect);
        break;
    case DO_UNDO:
        order(guard, WORK_UNDO, effect);
        break;
    case DO_VERIFY:
        order(guard, WORK_VERIFY, effect);
        break;
    case DO_NONCE:
        tell_nonce(guard, effect);
        break;
    case DO_SEND:
        tell_receipt(guard, effect);
        break;
    case DO_REFUSE:
        refuse(guard, effect);
        break;
    case DO_STATEMENT:
        state_standing(guard, effect);
        break;
    case DO_STACK:
        give_stack(guard, effect);
        break;
    case DO_PROGRESS:
    case DO_ALARM:
        tell_progress(guard, effect);
        break;
    case DO_FORGET:
        forget(guard);
        break;
    case DO_LET_GO:
        guard->leaving = true;
        break;
    case GUARD_EFFECT_COUNT:
        break;
    }
}
