/*
 * checker_disk: what of a node's word its disk still has when the next guard reads it.
 */
#include <string.h>

#include "tests/sim/checker.h"

static bool is_kept(const struct host *host, const struct hash *receipt)
{
    for (size_t i = 0; i < host->disk_count; i++) {
        const struct guard_record *record = &host->disk[i].record;

        if (record->kind == RECORD_RECEIPT && hash_equal(&record->receipt.receipt_hash, receipt))
            return true;
    }
    return false;
}

static bool stands_on_disk(const struct host *host, const struct generation_id *id)
{
    enum mark last = MARK_COUNT;

    for (size_t i = 0; i < host->disk_count; i++) {
        const struct guard_record *record = &host->disk[i].record;

        if (record->kind == RECORD_MARK && memcmp(&record->id, id, sizeof(*id)) == 0)
            last = record->mark;
    }
    return last == MARK_CONFIRMED;
}

/* A pop that went on from memory and of which no record got to the disk is as if it had not been:
 * what is confirmed is put back. */
void model_guard_starts(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];

    if (at->stand == STANDS_REVERTING && stands_on_disk(&model->world->hosts[host], &at->id))
        checker_set_stand(model, host, STANDS_CONFIRMED);
}

/* An end of which nobody was told and which no disk has was none. */
void model_lost(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    uint32_t kept = at->ends_synced;

    for (uint32_t i = kept; i < at->ends_count; i++) {
        if (is_kept(&model->world->hosts[host], &at->ends[i].name))
            at->ends[kept++] = at->ends[i];
    }
    at->ends_count = kept;
}
