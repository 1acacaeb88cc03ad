/*
 * play: one seed: a host, a plan, done and taken back by the guard's own functions, and judged.
 */
#ifndef TESTS_PLANS_PLAY_H
#define TESTS_PLANS_PLAY_H

#include <stdbool.h>
#include <stdint.h>

enum { PLAY_OTHERS_MAX = 8 };

/* How a plan is taken back, and what comes between. */
enum play_way {
    WAY_GUARD,  /* by the guard's own functions; in two seeds of five others put something before */
    WAY_HAND,   /* by undo.txt alone */
    WAY_MEDDLE, /* by the guard's functions, and others remove and replace what is touched */
    WAY_STACK,  /* two plans, one on the other, from the top; in one seed of three by undo.txt */
    WAY_COUNT
};

const char *play_way_name(enum play_way way);

struct play_choice {
    uint64_t seed;
    enum play_way way;
    uint64_t no_parts, no_operations, no_others; /* bits: left out */
};

enum play_result { PLAY_GOOD, PLAY_EMPTY, PLAY_BROKEN };

/* In this process's namespace, which is fresh. Prints what it made; of what broke one line that
 * begins with "BROKEN". */
enum play_result play_seed(const struct play_choice *choice);

#endif
