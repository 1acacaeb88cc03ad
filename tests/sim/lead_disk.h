/*
 * lead_disk: the controller's disk, as controller/io goes by it: what a step wants kept is on the
 * disk, in one transaction, before anything of it leaves. One that the disk refuses leaves the
 * machine ahead of it: nothing leaves, the controller stops, and starts again from the disk when
 * that takes something. One that takes long: nothing leaves and nothing is heard before its end.
 */
#ifndef TESTS_SIM_LEAD_DISK_H
#define TESTS_SIM_LEAD_DISK_H

#include "tests/sim/sim.h"

/* What the machine said, and what follows from it. */
struct lead_step {
    const struct rollout_effects *effects; /* lent; owned by one that waits for the disk */
    bool forwards;
    struct sim_statement forward; /* of the event that led here */
    enum rollout_state before, after;
    bool resumed;
    mono_t taken_at;
    struct lead_step *next;
};

/* True: nothing of it leaves now: it waits for the disk, or the disk has refused it. */
bool lead_waits_for_disk(struct world *world, const struct lead_step *step);
/* The oldest that waited, which is on the disk now; NULL: none. The caller's. */
struct lead_step *lead_take_written(struct world *world);
void lead_step_free(struct lead_step *step);
/* What a controller begins with that was led before. */
void lead_load(struct world *world);
/* Of a controller that dies: what was on its way to the disk got there, or did not. */
void lead_settle_steps(struct world *world);

/* A start finds what was saved before, instead of what was there. */
bool lead_finds_backup(struct world *world);

#endif
