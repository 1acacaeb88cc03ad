/*
 * guard_disk: what is written for a guard, and what of it is lost.
 */
#include <string.h>

#include "tests/sim/sim.h"

static void sync_all(struct host *host)
{
    for (size_t i = 0; i < host->disk_count; i++)
        host->disk[i].synced = true;
}

void guard_sync_records(struct world *world, int number)
{
    sync_all(&world->hosts[number]);
    model_synced(world->model, number);
}

void guard_write_record(struct world *world, int number, const struct happening *done)
{
    struct host *host = &world->hosts[number];

    host->disk = mem_grow(host->disk, host->disk_count, &host->disk_capacity, sizeof(*host->disk));
    host->disk[host->disk_count].record = *done->record;
    host->disk[host->disk_count].lied = done->lies;
    host->disk[host->disk_count++].synced = false;
    if (done->operation) /* durable: with all before it */
        sync_all(host);
    model_record(world->model, number, done->record, done->operation != 0);
}

static void betray(struct world *world, int number)
{
    world->hosts[number].betrayed = true;
    model_betrayed(world->model, number);
    world_tell(world, "The disk of %s has lost what it said was synced", world->hosts[number].name);
}

void guard_lose_one_record(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    struct chance *how = fault_strikes(&world->faults, FAULT_UNREADABLE, number);
    size_t lost;

    if (how == NULL || host->disk_count == 0)
        return;
    lost = (size_t)chance_between(how, 0, (int64_t)host->disk_count - 1);
    host->disk_count--;
    memmove(&host->disk[lost], &host->disk[lost + 1],
            (host->disk_count - lost) * sizeof(host->disk[0]));
    betray(world, number);
}

static void lose_disk(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    if (host->disk_count == 0 || fault_strikes(&world->faults, FAULT_REPLACED, number) == NULL)
        return;
    host->disk_count = 0;
    host->journal++;
    host->betrayed = true;
}

/* What was not synced may be there all the same; what was is, but for a disk that lied. */
void guard_lose_records(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    for (size_t i = 0; i < host->disk_count; i++) {
        const struct disk_entry *entry = &host->disk[i];

        if ((entry->synced && !entry->lied) ||
            chance_permille(fault_draw(&world->faults, number), 500))
            continue;
        for (size_t lost = i; lost < host->disk_count && !host->betrayed; lost++)
            host->betrayed = host->disk[lost].synced;
        host->disk_count = i;
    }
    lose_disk(world, number);
    if (host->betrayed)
        betray(world, number);
    model_lost(world->model, number);
}
