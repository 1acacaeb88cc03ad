/*
 * seeds: runs many seeds, in several processes, and adds up what came of them.
 */
#ifndef TESTS_SIM_SEEDS_H
#define TESTS_SIM_SEEDS_H

#include "tests/sim/sim.h"

enum { JOBS_MAX = 16 };

struct seeds_options {
    enum world_way way;
    uint64_t first, last;
    unsigned for_s;                     /* stops then; 0: when all are done */
    unsigned jobs;                      /* processes */
    bool unshrunk;                      /* a failing seed is told as it is */
    const struct strike_choice *choice; /* see struct world_plan */
    bool coverage; /* prints it, and with enough seeds each row that can be taken has to be */
};

/* 0 when every invariant held. Of the seeds that fail the one whose story is the shortest is shrunk
 * and told (shrink.h); unshrunk: the first is told. Of one that ends its process (an assert, a
 * sanitizer), the command. */
int seeds_run(const struct seeds_options *options);

#endif
