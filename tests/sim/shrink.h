/*
 * shrink: what a failing run can do without: it is run again without one kind of fault after the
 * other, then without one strike after the other, and what still fails in the same way is kept.
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "tests/sim/sim.h"

/* The invariant that breaks, the strikes that it takes, the story, and the commands that replay
 * it. */
void shrink_and_tell(const struct world_plan *plan);

/* The story of that run, as it is. */
void shrink_tell_whole(const struct world_plan *plan);

/* " --hostile" and the like, as the command line has it. */
const char *shrink_way_option(enum world_way way);

#endif
