/*
 * world: the queue of what will happen, and the virtual clock that jumps from one to the next.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

enum {
    FAULTS_UNTIL_MS = 400 * 1000,  /* then it is quiet */
    GUARDS_END_AT_MS = 700 * 1000, /* by then every guard has come to its end alone */
    PATIENCES = 4, /* of people: by then everything has ended, or liveness is broken */
    UNIX_AT_START = 1790000000,
};

/* ---- heap ------------------------------------------------------------------------------------ */

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void world_schedule(struct world *world, const struct happening *happening)
{
    size_t at = world->heap_count++;
    struct happening next = *happening;

    world->heap = mem_grow(world->heap, at, &world->heap_capacity, sizeof(*world->heap));
    next.order = world->order++;
    for (; at > 0 && is_before(&next, &world->heap[(at - 1) / 2]); at = (at - 1) / 2)
        world->heap[at] = world->heap[(at - 1) / 2];
    world->heap[at] = next;
}

static struct happening take_next(struct world *world)
{
    struct happening next = world->heap[0];
    struct happening last = world->heap[--world->heap_count];
    size_t at = 0;

    for (;;) {
        size_t least = 2 * at + 1;

        if (least + 1 < world->heap_count &&
            is_before(&world->heap[least + 1], &world->heap[least]))
            least++;
        if (least >= world->heap_count || !is_before(&world->heap[least], &last))
            break;
        world->heap[at] = world->heap[least];
        at = least;
    }
    world->heap[at] = last;
    return next;
}

/* ---- facts -------------------------------------------------------------------------------------
 */

void world_violate(struct world *world, const char *format, ...)
{
    va_list arguments;

    if (world->violation[0] != '\0')
        return;
    world->violated_by = format;
    va_start(arguments, format);
    vsnprintf(world->violation, sizeof(world->violation), format, arguments);
    va_end(arguments);
}

int64_t world_unix(const struct world *world, const struct host *host)
{
    return UNIX_AT_START + world->now / 1000 + (host != NULL ? host->wall_offset_s : 0);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct world *world_new(const struct world_plan *plan)
{
    struct world *world = mem_alloc(1, sizeof(*world));

    world->seed = plan->seed;
    world->chance.state = plan->seed * 0x2545f4914f6cdd1du + 1;
    faults_init(&world->faults, plan->seed, plan->way == WORLD_CALM);
    world->faults.choice = plan->choice;
    world->faults.noted = plan->noted;
    world->wide = plan->wide;
    world->assured = plan->assured;
    world->safety = plan->way == WORLD_SAFETY || plan->way == WORLD_HOSTILE;
    world->hostile = plan->way == WORLD_HOSTILE ? hostile_new() : NULL;
    world->quiet_from = FAULTS_UNTIL_MS;
    world->nodes_count = plan->nodes;
    world->hosts_count = plan->nodes + 1;
    world->approvals = mem_alloc(SIM_ATTEMPTS_MAX, sizeof(*world->approvals));
    world->guard_effects = mem_alloc(1, sizeof(*world->guard_effects));
    world->lead_effects = mem_alloc(1, sizeof(*world->lead_effects));
    world->lead.rollout = mem_alloc(1, sizeof(*world->lead.rollout));
    world->model = model_new(world);
    world_build(world);
    world->desk = desk_new(world);
    return world;
}

static void free_happening(struct happening *happening)
{
    network_message_free(happening->message);
    free(happening->record);
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->heap_count; i++)
        free_happening(&world->heap[i]);
    for (int i = 0; i < world->hosts_count; i++) {
        free(world->hosts[i].disk);
        if (world->hosts[i].kernel != NULL)
            kernel_done(world->hosts[i].kernel);
        free(world->hosts[i].kernel);
        free(world->hosts[i].trial);
        free(world->hosts[i].ledger);
    }
    lead_free(world);
    desk_done(world->desk);
    for (int i = 0; i < SIM_CHANGES; i++) {
        if (world->changes[i].manifest != NULL)
            manifest_done(world->changes[i].manifest);
        free(world->changes[i].manifest);
    }
    free(world->approvals);
    free(world->guard_effects);
    free(world->lead_effects);
    model_free(world->model);
    free(world->heap);
    hostile_free(world->hostile);
    faults_done(&world->faults);
    free(world->tail);
    free(world);
}

static void take(struct world *world, struct happening *happening)
{
    switch (happening->kind) {
    case HAPPENS_MESSAGE:
        network_deliver(world, happening->message);
        break;
    case HAPPENS_TIMER:
    case HAPPENS_WORK:
    case HAPPENS_DISK:
    case HAPPENS_SYNC:
    case HAPPENS_LOCAL:
        guard_take_happening(world, happening);
        break;
    case HAPPENS_LEAD:
        if (world->lead.up && happening->life == world->lead.life &&
            happening->number == world->lead.timer)
            lead_timeout(world);
        break;
    case HAPPENS_CHAOS:
    case HAPPENS_GUARD_START:
    case HAPPENS_GUARD_KILL:
    case HAPPENS_AGENT_START:
    case HAPPENS_THAW:
    case HAPPENS_CONTROLLER_START:
    case HAPPENS_PEOPLE:
    case HAPPENS_LINK:
    case HAPPENS_DEATH:
    case HAPPENS_SIGHT:
    case HAPPENS_KERNEL:
    case HAPPENS_TWICE:
    case HAPPENS_GREET:
    case HAPPENS_LOST:
        chaos_take_happening(world, happening);
        break;
    case HAPPENS_STORED:
        if (world->lead.up && happening->life == world->lead.life)
            lead_take_stored(world);
        break;
    }
}

/* What the controller would handle, and it waits for its disk. */
static bool is_put_off(const struct world *world, const struct happening *happening)
{
    enum event_kind kind = happening->kind;

    return lead_is_writing(world) &&
           (kind == HAPPENS_LEAD || kind == HAPPENS_PEOPLE || kind == HAPPENS_TWICE ||
            kind == HAPPENS_GREET || kind == HAPPENS_LOST ||
            (kind == HAPPENS_MESSAGE && happening->message->kind >= TELL_STACK));
}

/* In the order of coming. */
static void put_off(struct world *world, struct happening *happening)
{
    happening->at = world->lead.writing_until;
    world_schedule(world, happening);
}

/* Whatever the controller thinks, guards come to an end alone. */
bool world_is_over(const struct world *world)
{
    const struct rollout *rollout = world->lead.rollout;

    if (world->safety)
        return world->now > GUARDS_END_AT_MS;
    if (!world->quiet || !world->lead.up || !rollout_is_ended(rollout) ||
        (lead_is_behind(world) && !world->unattended))
        return false;
    for (int i = 0; i < world->nodes_count; i++) {
        if (world->hosts[i].dead && !world->unattended && !world->hosts[i].removed)
            return false; /* people do without it */
        if (world->hosts[i].dead || world->hosts[i].betrayed)
            continue;
        if (rollout->record.state == ROLLOUT_INCOMPLETE && world_is_target(world, i) &&
            world_find_record(world->change, &rollout->record, i)->listed)
            return false;
        if (!world->hosts[i].guard_up || world->hosts[i].trial->state != TRIAL_IDLE)
            return false;
    }
    return true;
}

void world_begin_unsigned(struct world *world)
{
    struct happening second = {.at = 1000, .kind = HAPPENS_CHAOS};

    for (int i = 0; i < world->nodes_count; i++)
        guard_start(world, i, CAUSE_GUARD_DIED);
    world->lead.up = true;
    world_schedule(world, &second);
}

void world_begin(struct world *world)
{
    world_begin_unsigned(world);
    lead_sign(world, SIM_FIRST);
}

bool world_step(struct world *world)
{
    int64_t patience = (int64_t)world->nodes_count * SIM_PATIENCE_MS;
    struct happening next;

    if (world->heap_count == 0 || world->violation[0] != '\0')
        return false;
    next = take_next(world);
    world->now = next.at > world->now ? next.at : world->now;
    world->faults.now = world->now;
    if (!world->quiet && world->now >= world->quiet_from) {
        world->quiet = true;
        chaos_end(world);
    }
    if (is_put_off(world, &next)) {
        put_off(world, &next);
    } else {
        take(world, &next);
        free_happening(&next);
    }
    world->happenings++;
    model_check(world->model);
    if (!world->safety && world->quiet && world->now > world->quiet_from + PATIENCES * patience)
        world_violate(world, "5: %lld s after the last fault nothing has ended: rollout %s (%s)",
                      (long long)(PATIENCES * patience / 1000),
                      rollout_state_name(world->lead.rollout->record.state),
                      world->lead.rollout->record.sentence);
    return world->violation[0] == '\0';
}

bool world_run(struct world *world)
{
    world_begin(world);
    while (world_step(world)) {
        if (world_is_over(world))
            break;
    }
    for (int i = 0; i < world->nodes_count; i++)
        guard_count_rows(world, i);
    if (world->violation[0] == '\0')
        model_check_end(world->model);
    return world->violation[0] == '\0';
}
