/*
 * chance: everything random of a simulation, from its seed alone.
 */
#include <string.h>

#include "tests/sim/sim.h"

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

/* Off in half of all seeds, else up to max. */
static unsigned draw(struct chance *chance, unsigned max)
{
    return chance_permille(chance, 500) ? 0 : (unsigned)chance_between(chance, 1, max);
}

void faults_draw(struct faults *faults, struct chance *chance)
{
    *faults = (struct faults){
        .loss_permille = draw(chance, 200),
        .duplicate_permille = draw(chance, 200),
        .delay_max_ms = chance_permille(chance, 300) ? chance_between(chance, 100, 8000) : 60,
        .partition_permille = draw(chance, 40),
        .dials_permille = draw(chance, 40),
        .guard_crash_permille = draw(chance, 30),
        .agent_crash_permille = draw(chance, 30),
        .reboot_permille = draw(chance, 15),
        .freeze_permille = draw(chance, 15),
        .controller_crash_permille = draw(chance, 40),
        .disk_slow_permille = draw(chance, 60),
        .disk_fail_permille = draw(chance, 60),
        .undo_fail_permille = draw(chance, 400),
        .apply_fail_permille = draw(chance, 30),
        .undo_late_permille = draw(chance, 300),
        .settle_fail_permille = draw(chance, 40),
        .prepare_fail_permille = draw(chance, 40),
        .wall_step_permille = draw(chance, 20),
        .undo_stuck_permille = draw(chance, 30),
        .late_permille = draw(chance, 900),
        .backup_permille = chance_permille(chance, 400) ? 100 : 0,
        .forget_permille = draw(chance, 100),
        .gates_permille = draw(chance, 300),
        .people_permille = draw(chance, 25),
        .bad_permille = draw(chance, 250),
    };
}
