/*
 * chance: everything random of a simulation, from a seed alone.
 */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/change/proof.h"

struct chance {
    uint64_t state;
};

uint64_t chance_next(struct chance *chance);
/* Uniform in [from, to]. */
int64_t chance_between(struct chance *chance, int64_t from, int64_t to);
/* True so many times in a thousand. */
bool chance_permille(struct chance *chance, unsigned permille);
struct nonce chance_nonce(struct chance *chance);

#endif
