/*
 * chance: everything random of a simulation, from its seed alone.
 */
#include "tests/sim/chance.h"

#include <string.h>

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators). */
uint64_t chance_next(struct chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

int64_t chance_between(struct chance *chance, int64_t from, int64_t to)
{
    return from + (int64_t)(chance_next(chance) % (uint64_t)(to - from + 1));
}

bool chance_permille(struct chance *chance, unsigned permille)
{
    return permille > 0 && chance_next(chance) % 1000 < permille;
}

struct nonce chance_nonce(struct chance *chance)
{
    struct nonce nonce;
    uint64_t halves[2] = {chance_next(chance), chance_next(chance)};

    _Static_assert(sizeof(halves) == NONCE_SIZE, "two halves make a nonce");
    memcpy(nonce.bytes, halves, NONCE_SIZE);
    return nonce;
}
