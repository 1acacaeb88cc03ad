/*
 * fleet: many worlds, of which the one goes on in which something happens next.
 */
#include "tests/sim/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct fleets {
    unsigned count, nodes;
    struct world *worlds[FLEETS_MAX];
    mono_t next[FLEETS_MAX]; /* when something happens there; MONO_NEVER: it has ended */
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void build(struct fleets *fleets, unsigned nodes, enum world_way way, uint64_t seed)
{
    while (nodes > 0 && fleets->count < FLEETS_MAX) {
        unsigned some = nodes < FLEET_NODES ? nodes : FLEET_NODES;
        struct world_plan plan = {.seed = seed + fleets->count,
                                  .way = way,
                                  .nodes = (int)some,
                                  .assured = fleets->count % FLEETS_A_GATE != 0};

        fleets->worlds[fleets->count] = world_new(&plan);
        world_begin(fleets->worlds[fleets->count++]);
        fleets->nodes += some;
        nodes -= some;
    }
}

static unsigned next_of(const struct fleets *fleets)
{
    unsigned next = 0;

    for (unsigned i = 1; i < fleets->count; i++) {
        if (fleets->next[i] < fleets->next[next])
            next = i;
    }
    return next;
}

/* False when an invariant broke. */
static bool play(struct fleets *fleets, mono_t *ret_end)
{
    for (;;) {
        unsigned number = next_of(fleets);
        struct world *world = fleets->worlds[number];

        if (fleets->next[number] == MONO_NEVER)
            return true;
        if (!world_step(world)) {
            printf("seed %llu, a fleet of %d, at %lld ms: invariant %s\n",
                   (unsigned long long)world->seed, world->nodes_count, (long long)world->now,
                   world->violation);
            return false;
        }
        *ret_end = world->now;
        fleets->next[number] = world_is_over(world) ? MONO_NEVER : world->heap[0].at;
    }
}

static void say(const struct fleets *fleets, mono_t end, double took_s, double cpu_s)
{
    uint64_t happenings = 0, confirmed = 0;

    for (unsigned i = 0; i < fleets->count; i++) {
        const struct world *world = fleets->worlds[i];

        happenings += world->happenings;
        for (int n = 0; n < world->nodes_count; n++)
            confirmed += world->hosts[n].ledger->generations_count;
    }
    printf("%u nodes in %u fleets, %u of which ask their gates: %.0f s of rollouts in %.2f s (%.0f "
           "times real time), %.2f s of "
           "CPU (%.0f times); %llu happenings, %llu nodes keep the change; every invariant held\n",
           fleets->nodes, fleets->count, (fleets->count + FLEETS_A_GATE - 1) / FLEETS_A_GATE,
           (double)end / 1000, took_s, (double)end / 1000 / took_s, cpu_s,
           (double)end / 1000 / cpu_s, (unsigned long long)happenings,
           (unsigned long long)confirmed);
}

int fleet_run(unsigned nodes, enum world_way way, uint64_t seed)
{
    struct fleets *fleets = mem_alloc(1, sizeof(*fleets));
    double began, cpu;
    mono_t end = 0;
    bool held;

    build(fleets, nodes, way, seed);
    began = seconds_of(CLOCK_MONOTONIC);
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    held = play(fleets, &end);
    if (held)
        say(fleets, end, seconds_of(CLOCK_MONOTONIC) - began,
            seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    for (unsigned i = 0; i < fleets->count; i++)
        world_free(fleets->worlds[i]);
    free(fleets);
    return !held;
}
