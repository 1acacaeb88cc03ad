/*
 * draw: a random plan for a host: operations that the shipped checks accept, one on the other.
 */
#ifndef TESTS_PLANS_DRAW_H
#define TESTS_PLANS_DRAW_H

#include <stdint.h>

#include "common/net/operation.h"

enum { DRAW_MAX = 12 };

struct drawn {
    uint32_t count;
    struct operation operations[DRAW_MAX];
    uint32_t numbers[DRAW_MAX]; /* by which each is left out */
    uint32_t tried;             /* drawn in all, those that were refused among them */
};

/* now: the host, with its settings; it is left as the plan is expected to leave it. without: bits
 * of the operations that are left out. */
void draw_plan(uint64_t seed, uint64_t without, struct snapshot *now, struct drawn *ret_drawn);

#endif
