/*
 * sim: runs seeds; one that fails is told again as a trace, with the command that replays it.
 *
 *   sim [--seeds A..B] [--trace SEED]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

struct tally {
    uint64_t seeds, happenings, states[ROLLOUT_STATE_COUNT];
};

static bool run(uint64_t seed, bool trace, struct tally *tally)
{
    struct world *world = world_new(seed, trace);
    bool held = world_run(world);

    tally->seeds++;
    tally->happenings += world->happenings;
    tally->states[world->lead.rollout->record.state]++;
    if (!held)
        printf("seed %llu, at %lld ms: invariant %s\n", (unsigned long long)seed,
               (long long)world->now, world->violation);
    world_free(world);
    return held;
}

static int run_seeds(uint64_t first, uint64_t last)
{
    struct tally tally = {0};

    for (uint64_t seed = first; seed <= last; seed++) {
        if (run(seed, false, &tally))
            continue;
        printf("replay it: build/dev/bin/sim --trace %llu\n", (unsigned long long)seed);
        return 1;
    }
    printf("%llu seeds, %llu happenings:", (unsigned long long)tally.seeds,
           (unsigned long long)tally.happenings);
    for (unsigned i = 0; i < ROLLOUT_STATE_COUNT; i++) {
        if (tally.states[i] > 0)
            printf(" %s %llu", rollout_state_name((enum rollout_state)i),
                   (unsigned long long)tally.states[i]);
    }
    printf("; every invariant held\n");
    /* Neither end may be an accident: a simulator in which nothing is ever confirmed proves
     * nothing. */
    return tally.seeds >= 100 &&
           (tally.states[ROLLOUT_COMPLETE] == 0 || tally.states[ROLLOUT_REVERTED] == 0);
}

int main(int argc, char **argv)
{
    unsigned long long first = 1, last = 300;
    struct tally tally = {0};

    if (argc == 3 && text_equal(argv[1], "--trace"))
        return run(strtoull(argv[2], NULL, 10), true, &tally) ? 0 : 1;
    if (argc == 3 && text_equal(argv[1], "--seeds") &&
        sscanf(argv[2], "%llu..%llu", &first, &last) == 2)
        return run_seeds(first, last);
    if (argc == 1)
        return run_seeds(first, last);
    fprintf(stderr, "usage: sim [--seeds A..B] [--trace SEED]\n");
    return 2;
}
