/*
 * lead_disk: the controller's disk: one that is full, one that is slow, and what has got there when
 * the controller dies.
 */
#include "tests/sim/lead_disk.h"

#include <stdlib.h>
#include <string.h>

enum { RESTART_MS = 1000, FULL_MAX_MS = 60000, SLOW_MIN_MS = 1000, SLOW_MAX_MS = 40000 };

bool lead_is_writing(const struct world *world)
{
    return world->lead.steps != NULL;
}

bool lead_listens(const struct world *world)
{
    return world->lead.up && !lead_is_writing(world);
}

bool lead_is_disk_full(const struct world *world)
{
    return !world->quiet && world->now < world->lead.full_until;
}

void lead_start_again(struct world *world)
{
    struct happening again = {.at = world->now + RESTART_MS, .kind = HAPPENS_CONTROLLER_START};

    world_schedule(world, &again);
}

bool lead_keep(struct world *world)
{
    struct chance *how = fault_strikes(&world->faults, FAULT_STORE_FAILS, FAULT_CONTROLLER);

    if (how != NULL) {
        world->lead.full_until = world->now + chance_between(how, 1, FULL_MAX_MS);
        world_tell(world, "The controller's disk is full until %lld ms",
                   (long long)world->lead.full_until);
    }
    if (!lead_is_disk_full(world))
        return true;
    world_tell(world, "Nothing more can be kept: the controller stops");
    lead_halt(world);
    lead_start_again(world);
    return false;
}

static void back_up(struct world *world)
{
    world->lead.backup = world->lead.stored;
    world->lead.has_backup = world->lead.has_stored;
    world->lead.has_earlier = false;
    world->lead.named_backup = world->lead.named_stored;
    desk_backup(world);
}

void lead_store(struct world *world)
{
    if (fault_strikes(&world->faults, FAULT_OLD_DATABASE, FAULT_CONTROLLER) != NULL)
        back_up(world);
    if (world->lead.has_stored &&
        fault_strikes(&world->faults, FAULT_EARLIER_DATABASE, FAULT_CONTROLLER) != NULL) {
        back_up(world);
        world->lead.has_backup = false;
        world->lead.has_earlier = true;
    }
    world->lead.stored = world->lead.rollout->record;
    world->lead.has_stored = true;
    world->lead.named_stored = world->lead.named;
}

/* One of an earlier rollout now and then, so that there may be more behind it. */
bool lead_finds_backup(struct world *world)
{
    const struct lead *lead = &world->lead;

    return lead->has_backup && !world->quiet &&
           (lead->backup.attempt.sequence == lead->sequence || world->unattended ||
            chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 300));
}

/* No record has it: whom an emergency named. */
void lead_load(struct world *world)
{
    struct lead *lead = &world->lead;

    rollout_load(lead->rollout, &lead->stored, world->change->manifest);
    lead->named = lead->named_stored;
    for (int i = 0; i < world->nodes_count; i++) {
        if ((lead->named & UINT64_C(1) << i) != 0)
            rollout_load_at_once(lead->rollout, world->hosts[i].name);
    }
}

/* ---- a step ---------------------------------------------------------------------------------- */

void lead_step_free(struct lead_step *step)
{
    free((void *)(uintptr_t)step->effects);
    free(step);
}

/* Few of the many that there is room for. */
static struct rollout_effects *copy_effects(const struct rollout_effects *from)
{
    return mem_copy(from,
                    offsetof(struct rollout_effects, list) + from->count * sizeof(from->list[0]));
}

static void put_off(struct world *world, const struct lead_step *step)
{
    struct lead_step *kept = mem_copy(step, sizeof(*step));
    struct lead_step **at = &world->lead.steps;

    kept->effects = copy_effects(step->effects);
    kept->next = NULL;
    while (*at != NULL)
        at = &(*at)->next;
    *at = kept;
}

static bool wants_disk(const struct rollout_effects *effects)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        enum rollout_effect_kind kind = effects->list[i].kind;

        if (kind == EFFECT_STORE || kind == EFFECT_HOLD || kind == EFFECT_AUDIT)
            return true;
    }
    return false;
}

static bool is_slow(struct world *world)
{
    struct chance *how = fault_strikes(&world->faults, FAULT_STORE_SLOW, FAULT_CONTROLLER);
    struct happening written = {.kind = HAPPENS_STORED, .life = world->lead.life};

    if (how == NULL)
        return false;
    written.at = world->now + chance_between(how, SLOW_MIN_MS, SLOW_MAX_MS);
    world->lead.writing_until = written.at;
    world_schedule(world, &written);
    world_tell(world, "The controller's disk takes %lld ms for it",
               (long long)(written.at - world->now));
    return true;
}

/* What it says that it has not written may be there all the same: a sync that failed. */
static bool is_refused(struct world *world)
{
    if (lead_keep(world))
        return false;
    if (chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 250))
        lead_store(world);
    return true;
}

/* What else the same happening leads to goes the same way. */
bool lead_waits_for_disk(struct world *world, const struct lead_step *step)
{
    if (!lead_is_writing(world)) {
        if (!wants_disk(step->effects))
            return false;
        if (!is_slow(world))
            return is_refused(world);
    }
    put_off(world, step);
    return true;
}

struct lead_step *lead_take_written(struct world *world)
{
    struct lead_step *step = world->lead.steps;

    if (step != NULL)
        world->lead.steps = step->next;
    return step;
}

/* The whole transaction, or nothing of it. */
void lead_settle_steps(struct world *world)
{
    bool written = lead_is_writing(world) &&
                   chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 500);
    struct lead_step *step;

    while ((step = lead_take_written(world)) != NULL) {
        if (written && wants_disk(step->effects))
            lead_store(world);
        lead_step_free(step);
    }
}
