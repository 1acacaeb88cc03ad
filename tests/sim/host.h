/*
 * host: one simulated host: its guard and agent, its disk and kernel, and what is wrong with it.
 */
#ifndef TESTS_SIM_HOST_H
#define TESTS_SIM_HOST_H

#include "agent/guard/core/trial.h"
#include "tests/sim/kernel.h"
#include "tests/sim/message.h"

struct disk_entry {
    struct guard_record record;
    bool synced;
    bool lied; /* the disk said so */
};

/* What a change does to a node: bits by witness. */
struct damage {
    uint64_t cut_from;
    bool breaks_own, cuts_controller;
};

enum lie { LIE_NONE, LIE_YES, LIE_NO, LIE_OPPOSITE };

struct host {
    char name[NAME_SIZE];
    bool guard_up, agent_up, frozen;
    bool up_link, down_link; /* to and from the controller */
    bool dials;              /* new connections get through */
    unsigned life;           /* of its guard: what an earlier one asked for goes nowhere */
    unsigned timer;          /* the newest set timer */
    int64_t wall_offset_s;
    mono_t work_until, disk_until, undo_stuck_until;
    uint64_t ordered; /* bits by sequence: an operator's order went there, for it or below it */
    unsigned applied; /* how often something was: an undo that is late is of the one before */
    bool dead;        /* and stays so */
    bool removed;     /* an operator signed it out of the roster */
    bool betrayed;    /* its disk lost what was synced: it cannot know any more */
    unsigned journal; /* how many it had before this one */
    struct damage damages[SIM_CHANGES];
    uint64_t blind_from;   /* SSH fails from there, whatever a change does */
    uint64_t blind_before; /* and from there it failed before that */
    mono_t blind_changed_at;
    mono_t undecided_until; /* its looks say unknown */
    mono_t failing_until;   /* a check fails there, whatever a change does */
    mono_t reports_from;    /* its agent tells nothing before */
    mono_t snapshots_from;  /* nor sends a snapshot before that */
    /* as a witness */
    enum lie lie;
    bool special;                                /* has a way of its own */
    struct kernel *kernel;                       /* a node's; NULL of a witness outside */
    bool in_kernel[SIM_CHANGES][SIM_OPERATIONS]; /* as kernel_has() says */
    size_t disk_count, disk_capacity;
    struct disk_entry *disk;
    struct trial *trial;
    struct ledger *ledger;
};

#endif
