/*
 * scenario: the runs that are struck: which programs run one after another, and what follows a
 * crash.
 */
#ifndef TESTS_CRASH_SCENARIO_H
#define TESTS_CRASH_SCENARIO_H

#include "tests/crash/disk.h"
#include "tests/crash/play.h"
#include "tests/crash/world.h"

enum { STEPS_MAX = 10, DUMP_SIZE = 64 << 10, STANDING_MAX = PLANS_OF_GROUND };

enum program {
    PROGRAM_NONE,
    PROGRAM_BOOT,       /* oceanid-rollback --boot */
    PROGRAM_TAILSCALED, /* and networkd */
    PROGRAM_GUARD,
    PROGRAM_STOP_POST, /* oceanid-rollback --stop-post */
    PROGRAM_RESCUE,    /* oceanid-rollback --yes */
    PROGRAM_RESCUE_TO, /* oceanid-rollback --to 1 --yes: the first change, and all above it */
    PROGRAM_FINISH,    /* oceanid-rollback --finish */
    PROGRAM_VOID,      /* oceanid-rollback --void-tailscale --yes */
    PROGRAM_POWER,     /* the power fails, with all on the disk */
    PROGRAM_GONE,      /* tailscaled's package is removed: its routes go, its state stays */
};

struct step {
    enum program program;
    enum play play; /* of the guard */
    enum phase_of_run phase;
};

struct scenario {
    const char *name;
    enum ground ground;
    bool is_apart;                /* the programs have children: only these are struck */
    bool is_brief;                /* questions to the kernel are struck elsewhere */
    bool takes_both;              /* where the second does not stand the first does not either */
    int confirmed_before;         /* 1: the second change stands when it begins */
    int confirmed_after;          /* and when nothing strikes */
    unsigned strike_from;         /* step; boundaries before are another scenario's */
    enum phase_of_run from_phase; /* and not before this phase */
    struct step steps[STEPS_MAX];
};

extern const struct scenario scenarios[];
extern const unsigned scenarios_count;
const struct scenario *scenario_find(const char *name);

/* What every run begins with and is judged by. */
struct beginning {
    struct plans plans;
    struct disk_image image[GROUNDS][STANDING_MAX + 1]; /* none, the first, both stand */
    char dump[GROUNDS][STANDING_MAX + 1][DUMP_SIZE];    /* the kernel then */
};

/* Makes keys, images and dumps, by whole runs without a fault. directory: above the world's. */
void beginning_make(struct beginning *beginning, const char *directory);

/* How a run ended: "" in why is as it should be. */
struct verdict_of_run {
    char why[512];
    bool struck;
    uint32_t hit_at;
    enum phase_of_run phase;
    char what[TEXT_LINE];
};

/* One run; fault->at 0: without a fault. Returns how many boundaries had passed when strike_from's
 * step began. world->trace has them all. */
uint32_t scenario_run(const struct scenario *scenario, const struct beginning *beginning,
                      const struct fault *fault, struct verdict_of_run *ret_verdict);

#endif
