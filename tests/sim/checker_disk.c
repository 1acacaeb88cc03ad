/*
 * checker_disk: what of a node's word its disk still has when the next guard reads it.
 */
#include <string.h>

#include "tests/sim/checker.h"

static void answer_one(struct seen_end *end, const struct lift *lift)
{
    if (memcmp(&lift->receipt, &end->name, sizeof(end->name)) != 0)
        return;
    end->answered = true;
    end->lifted |= lift->reason[0] != '\0';
}

static void answer(struct model_host *at, const struct approval *approval)
{
    for (uint32_t i = 0; i < at->ends_count; i++) {
        for (uint32_t lift = 0; lift < approval->lifts_count; lift++)
            answer_one(&at->ends[i], &approval->lifts[lift]);
    }
}

static bool is_approved(const struct check_model *model, uint64_t sequence)
{
    return sequence != 0 && sequence <= model->world->attempt;
}

void checker_take_begin(struct check_model *model, int host, const struct guard_record *begin)
{
    struct model_host *at = &model->hosts[host];
    uint64_t sequence = begin->id.attempt.sequence;

    if (!is_approved(model, sequence))
        return;
    at->begun_sequences |= UINT64_C(1) << sequence;
    answer(at, &model->world->approvals[sequence - 1]);
}

static bool is_kept(const struct host *host, const struct hash *receipt)
{
    for (size_t i = 0; i < host->disk_count; i++) {
        const struct guard_record *record = &host->disk[i].record;

        if (record->kind == RECORD_RECEIPT && hash_equal(&record->receipt.receipt_hash, receipt))
            return true;
    }
    return false;
}

void model_guard_starts(struct check_model *model, int host)
{
    model->hosts[host].found = true;
    checker_begin_undo(model, host); /* by this guard's own time */
    checker_read_stack(model, host);
}

/* An end of which nobody was told and which no disk has was none. */
static void keep_ends(struct model_host *at, const struct host *host)
{
    uint32_t kept = at->ends_synced;

    for (uint32_t i = kept; i < at->ends_count; i++) {
        if (is_kept(host, &at->ends[i].name))
            at->ends[kept++] = at->ends[i];
    }
    at->ends_count = kept;
    for (uint32_t i = 0; i < at->ends_count; i++)
        at->ends[i].answered = at->ends[i].lifted = false;
}

/* What was not synced is known of the records that are there all the same. */
void model_lost(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];

    keep_ends(at, truth);
    checker_lose_stack(model, host);
    at->clock_seen = at->clock_synced;
    at->begun_sequences = at->begun_synced;
    at->dead_sequences = at->dead_synced;
    at->intents = at->intents_synced;
    for (uint64_t sequence = 1; is_approved(model, sequence); sequence++) {
        if ((at->begun_synced & UINT64_C(1) << sequence) != 0)
            answer(at, &model->world->approvals[sequence - 1]);
    }
    for (size_t i = 0; i < truth->disk_count; i++) {
        const struct guard_record *record = &truth->disk[i].record;

        if (record->at > at->clock_seen)
            at->clock_seen = record->at;
        if (record->kind == RECORD_BEGIN)
            checker_take_begin(model, host, record);
        else if (record->kind == RECORD_MARK && record->mark == MARK_TOMBSTONE)
            at->dead_sequences |= 1u << record->id.attempt.sequence;
    }
}
