/*
 * checker_said: the model's half about what becomes durable on a node, and what its guard says: a
 * result only behind its record, an end only behind what it says.
 */
#include <string.h>

#include "tests/sim/checker.h"

static void check_confirmed(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    if (at->stand != STANDS_CHANGED)
        world_violate(model->world, "6: %s confirms what is not on trial",
                      checker_name(model, host));
    if (!at->confirming_in_time)
        world_violate(model->world, "12: %s confirms after its deadline",
                      checker_name(model, host));
    if (at->answered_at < 0 || now < at->answered_at + SOAK_MS)
        world_violate(model->world,
                      "2: %s confirms %lld ms after its first proof, the soak is %d s",
                      checker_name(model, host), (long long)(now - at->answered_at), SIM_SOAK_S);
    if (checker_proven_since(model, host, at->proven_last) < at->answered_at + SOAK_MS)
        world_violate(model->world, "9: %s confirms and no last nonce was proven",
                      checker_name(model, host));
    checker_check_truth(model, host);
    checker_set_stand(model, host, STANDS_CONFIRMED);
    at->made[at->newest].confirmed_at = now;
    checker_push(model, host, at->newest);
}

static void take_mark(struct check_model *model, int host, const struct guard_record *record)
{
    struct model_host *at = &model->hosts[host];
    uint64_t sequence = record->id.attempt.sequence;

    checker_take_order(model, host, record);
    if (record->mark == MARK_CONFIRMING)
        at->confirming_in_time = model->world->now < at->deadline;
    else if (record->mark == MARK_CONFIRMED)
        check_confirmed(model, host);
    else if (record->mark == MARK_REVERTED || record->mark == MARK_POPPED)
        checker_end(model, host, sequence);
    else if (record->mark == MARK_POPPING)
        checker_stop_standing(model, host, sequence);
    else if (record->mark == MARK_TOMBSTONE)
        at->dead_sequences |= 1u << record->id.attempt.sequence;
    if (record->mark == MARK_CONFIRMED || record->mark == MARK_REVERTED ||
        record->mark == MARK_POPPED)
        checker_made(model, host, sequence)->end_unsynced = true;
}

static void take_intent(struct model_host *at, const struct guard_record *record)
{
    if (memcmp(&at->intended, &record->id, sizeof(record->id)) != 0)
        at->intents = at->intents_synced = 0;
    at->intended = record->id;
    at->intents |= 1u << record->operation;
}

static void take_receipt(struct check_model *model, int host, const struct guard_record *record)
{
    uint64_t sequence = record->receipt.receipt.generation.attempt.sequence;
    struct model_host *at = &model->hosts[host];
    enum receipt_kind kind = record->receipt.receipt.kind;

    at->receipt_unsynced = true;
    if (kind == RECEIPT_REVERTED || kind == RECEIPT_POPPED)
        /* until then the receipt of before may be under way, and is true */
        checker_made(model, host, sequence)->confirmed_at = 0;
    if ((kind == RECEIPT_REVERTED || kind == RECEIPT_POPPED || kind == RECEIPT_TOMBSTONE) &&
        at->ends_count < ENDS_SEEN_MAX)
        at->ends[at->ends_count++] =
            (struct seen_end){.name = record->receipt.receipt_hash,
                              .change = world_find_change(
                                  model->world, &record->receipt.receipt.generation.attempt.body),
                              .proof_failed = record->receipt.receipt.cause == CAUSE_PROOF_FAILED};
}

void model_synced(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];

    at->intents_synced = at->intents;
    at->begun_synced = at->begun_sequences;
    at->dead_synced = at->dead_sequences;
    at->clock_synced = at->clock_seen;
    for (uint32_t i = 0; i <= SIM_ATTEMPTS_MAX; i++)
        at->made[i].end_unsynced = false;
    at->receipt_unsynced = false;
    at->ends_synced = at->ends_count;
}

void model_record(struct check_model *model, int host, const struct guard_record *record,
                  bool durable)
{
    struct model_host *at = &model->hosts[host];

    if (record->at > at->clock_seen)
        at->clock_seen = record->at;
    if (record->kind == RECORD_BEGIN)
        checker_take_begin(model, host, record);
    else if (record->kind == RECORD_INTENT)
        take_intent(at, record);
    else if (record->kind == RECORD_RECEIPT)
        take_receipt(model, host, record);
    else if (record->kind == RECORD_MARK)
        take_mark(model, host, record);
    if (durable)
        model_synced(model, host);
}

void model_undone(struct check_model *model, int host, int change, uint32_t operation)
{
    const struct host *truth = &model->world->hosts[host];

    if (operation == SIM_SHIELD && truth->in_kernel[change][SIM_PREF] &&
        !model->hosts[host].betrayed)
        world_violate(model->world, "10: %s loses its shield before what it shields",
                      checker_name(model, host));
}

/* 6, 10: nothing is told that is not durable. */
void model_receipt(struct check_model *model, int host, const struct receipt *receipt)
{
    const struct model_host *at = &model->hosts[host];
    const struct seen_generation *made =
        checker_made(model, host, receipt->generation.attempt.sequence);
    const char *said = receipt_kind_name(receipt->kind);
    bool known = memcmp(&receipt->generation, &made->id, sizeof(made->id)) == 0;

    if (at->betrayed)
        return;
    if (at->receipt_unsynced || (known && made->end_unsynced))
        world_violate(model->world, "6: %s says %s and its disk may still lose it",
                      checker_name(model, host), said);
    if (!known)
        return;
    if (receipt->kind == RECEIPT_CONFIRMED && made->confirmed_at == 0)
        world_violate(model->world, "6: %s says confirmed and its disk does not",
                      checker_name(model, host));
    if ((receipt->kind == RECEIPT_REVERTED || receipt->kind == RECEIPT_POPPED) &&
        !made->mark_durable)
        world_violate(model->world, "10: %s says %s before it is so", checker_name(model, host),
                      said);
}

void model_betrayed(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];

    for (uint32_t i = 0; i < at->stack_count; i++)
        checker_stop_standing(model, host, at->stack[i]);
    checker_set_stand(model, host, STANDS_CLEAN);
    at->stack_count = 0;
    at->betrayed = true;
}

void model_guard_died(struct check_model *model, int host)
{
    model->hosts[host].frozen_at = model->world->now;
}
