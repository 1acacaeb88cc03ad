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
    ENDS_AT_MS = 1600 * 1000,      /* by then everything has ended, or liveness is broken */
    UNIX_AT_START = 1790000000,
};

static const char *const host_names[SIM_HOSTS] = {"styx", "calypso", "tethys", "office"};

/* ---- heap ------------------------------------------------------------------------------------ */

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct happening *a, struct happening *b)
{
    struct happening kept = *a;

    *a = *b;
    *b = kept;
}

void world_schedule(struct world *world, const struct happening *happening)
{
    size_t at = world->heap_count++;

    world->heap = mem_grow(world->heap, at, &world->heap_capacity, sizeof(*world->heap));
    world->heap[at] = *happening;
    world->heap[at].order = world->order++;
    for (; at > 0 && is_before(&world->heap[at], &world->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&world->heap[at], &world->heap[(at - 1) / 2]);
}

static struct happening take_next(struct world *world)
{
    struct happening next = world->heap[0];
    size_t at = 0;

    world->heap[0] = world->heap[--world->heap_count];
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < world->heap_count && is_before(&world->heap[child], &world->heap[least]))
                least = child;
        }
        if (least == at)
            return next;
        swap(&world->heap[at], &world->heap[least]);
        at = least;
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

void world_say(struct world *world, const char *who, const char *format, ...)
{
    va_list arguments;

    char line[SIM_LINE_SIZE];
    struct text text = TEXT_IN(line);

    if (!world->trace)
        return;
    text_add(&text, "[%7lld.%03lld] %-10s ", (long long)(world->now / 1000),
             (long long)(world->now % 1000), who);
    va_start(arguments, format);
    vsnprintf(line + text.len, sizeof(line) - text.len, format, arguments);
    va_end(arguments);
    if (world->tail == NULL)
        puts(line);
    else
        text_copy(world->tail[world->tail_count++ % SIM_TAIL_LINES], SIM_LINE_SIZE, line);
}

void world_keep_tail(struct world *world)
{
    world->trace = true;
    world->tail = mem_alloc(SIM_TAIL_LINES, sizeof(*world->tail));
}

void world_print_tail(const struct world *world)
{
    uint64_t first = world->tail_count > SIM_TAIL_LINES ? world->tail_count - SIM_TAIL_LINES : 0;

    for (uint64_t i = first; i < world->tail_count; i++)
        puts(world->tail[i % SIM_TAIL_LINES]);
}

void world_violate(struct world *world, const char *format, ...)
{
    va_list arguments;

    if (world->violation[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(world->violation, sizeof(world->violation), format, arguments);
    va_end(arguments);
}

int world_find_host(const struct world *world, const char *name)
{
    for (int i = 0; i < SIM_HOSTS; i++) {
        if (text_equal(world->hosts[i].name, name))
            return i;
    }
    return -1;
}

int64_t world_unix(const struct world *world, const struct host *host)
{
    return UNIX_AT_START + world->now / 1000 + (host != NULL ? host->wall_offset_s : 0);
}

/* ---- the change ------------------------------------------------------------------------------ */

static void fill_operations(struct manifest_plan *plan)
{
    static const char *const settings[SIM_OPERATIONS][2] = {
        {"net.ipv4.conf.all.rp_filter", "2"},
        {"net.ipv4.ip_forward", "1"},
        {"net.ipv4.conf.all.src_valid_mark", "1"},
    };

    plan->operations_count = SIM_OPERATIONS;
    plan->operations = mem_alloc(SIM_OPERATIONS, sizeof(*plan->operations));
    for (int i = 0; i < SIM_OPERATIONS; i++) {
        struct sysctl *setting = &plan->operations[i].sysctl.setting;

        plan->operations[i].kind = OPERATION_SYSCTL;
        plan->operations[i].shield = i == SIM_SHIELD;
        text_copy(setting->name, sizeof(setting->name), settings[i][0]);
        text_copy(setting->value, sizeof(setting->value), settings[i][1]);
    }
}

static void fill_plan(struct manifest_plan *plan, int node)
{
    text_copy(plan->node, sizeof(plan->node), host_names[node]);
    fill_operations(plan);
    plan->checks_count = 1;
    plan->checks = mem_alloc(1, sizeof(*plan->checks));
    text_copy(plan->checks[0].name, NAME_SIZE, "own");
    plan->checks[0].kind = CHECK_REPLY_PATH;
    plan->checks[0].severity = SEVERITY_CRITICAL;
    check_set_defaults(&plan->checks[0]);
    for (int w = 0; w < SIM_HOSTS; w++) {
        if (w != node)
            text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE, host_names[w]);
    }
    plan->quorum = 2;
    address_parse("203.0.113.10", &plan->ssh.address);
    plan->ssh.port = 22;
}

static struct manifest *make_manifest(void)
{
    struct manifest *manifest = mem_alloc(1, sizeof(*manifest));

    *manifest = (struct manifest){.soak_s = SIM_SOAK_S,
                                  .lease_s = SIM_LEASE_S,
                                  .period_s = 2,
                                  .path_s = 4,
                                  .dial_s = 3,
                                  .apply_s = 5,
                                  .settle_s = 3,
                                  .grace_s = 5,
                                  .revert_budget_s = 20,
                                  .pause_after = PAUSE_FIRST,
                                  .stages_count = SIM_NODES,
                                  .plans_count = SIM_NODES,
                                  .roster_count = SIM_HOSTS};
    text_copy(manifest->change, sizeof(manifest->change), "change");
    manifest->stages = mem_alloc(SIM_NODES, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(SIM_NODES, sizeof(*manifest->plans));
    manifest->roster = mem_alloc(SIM_HOSTS, sizeof(*manifest->roster));
    for (int i = 0; i < SIM_HOSTS; i++) {
        struct roster_entry *entry = &manifest->roster[i];

        text_copy(entry->name, sizeof(entry->name), host_names[i]);
        entry->witness_only = i >= SIM_NODES;
        memset(entry->agent_key.bytes, 1 + i, KEY_SIZE);
        if (i < SIM_NODES)
            memset(entry->guard_key.bytes, 101 + i, KEY_SIZE);
    }
    for (int i = 0; i < SIM_NODES; i++) {
        manifest->stages[i].nodes_count = 1;
        text_copy(manifest->stages[i].nodes[0], NAME_SIZE, host_names[i]);
        fill_plan(&manifest->plans[i], i);
    }
    return manifest;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void make_host(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    text_copy(host->name, sizeof(host->name), host_names[number]);
    host->agent_up = host->up_link = host->down_link = host->dials = true;
    host->disk = mem_alloc(SIM_DISK_MAX, sizeof(*host->disk));
    host->trial = mem_alloc(1, sizeof(*host->trial));
    host->ledger = mem_alloc(1, sizeof(*host->ledger));
    if (number >= SIM_NODES)
        return;
    host->cuts_ssh = chance_permille(&world->chance, world->faults.bad_permille);
    host->breaks_own = chance_permille(&world->chance, world->faults.bad_permille / 2);
    host->cuts_controller = chance_permille(&world->chance, world->faults.bad_permille / 2);
}

struct world *world_new(uint64_t seed, enum world_way way)
{
    struct world *world = mem_alloc(1, sizeof(*world));
    struct err err = ERR_INIT;

    world->seed = seed;
    world->chance.state = seed * 0x2545f4914f6cdd1du + 1;
    faults_draw(&world->faults, &world->chance);
    if (way == WORLD_CALM)
        world->faults = (struct faults){.delay_max_ms = 60};
    world->safety = way == WORLD_SAFETY || way == WORLD_HOSTILE;
    world->hostile = way == WORLD_HOSTILE ? hostile_new() : NULL;
    world->quiet_from = FAULTS_UNTIL_MS;
    world->manifest = make_manifest();
    if (!manifest_validate(world->manifest, &err))
        world_violate(world, "the simulated manifest is not valid: %s", err.text);
    memset(world->body.bytes, 7, HASH_SIZE);
    world->approvals = mem_alloc(SIM_ATTEMPTS_MAX, sizeof(*world->approvals));
    world->guard_effects = mem_alloc(1, sizeof(*world->guard_effects));
    world->lead_effects = mem_alloc(1, sizeof(*world->lead_effects));
    world->lead.rollout = mem_alloc(1, sizeof(*world->lead.rollout));
    world->model = model_new(world);
    for (int i = 0; i < SIM_HOSTS; i++)
        make_host(world, i);
    return world;
}

static void free_happening(struct happening *happening)
{
    free(happening->message);
    free(happening->record);
}

void world_free(struct world *world)
{
    for (size_t i = 0; i < world->heap_count; i++)
        free_happening(&world->heap[i]);
    for (int i = 0; i < SIM_HOSTS; i++) {
        free(world->hosts[i].disk);
        free(world->hosts[i].trial);
        free(world->hosts[i].ledger);
    }
    manifest_done(world->manifest);
    free(world->manifest);
    free(world->approvals);
    free(world->guard_effects);
    free(world->lead_effects);
    free(world->lead.rollout);
    model_free(world->model);
    free(world->heap);
    hostile_free(world->hostile);
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
    case HAPPENS_AGENT_START:
    case HAPPENS_THAW:
    case HAPPENS_CONTROLLER_START:
    case HAPPENS_PEOPLE:
    case HAPPENS_LINK:
    case HAPPENS_KERNEL:
        chaos_take_happening(world, happening);
        break;
    }
}

/* Whatever the controller thinks, guards come to an end alone. */
static bool is_over(const struct world *world)
{
    const struct rollout *rollout = world->lead.rollout;

    if (world->safety)
        return world->now > GUARDS_END_AT_MS;
    if (!world->quiet || !world->lead.up || !rollout_is_ended(rollout) ||
        rollout->record.state == ROLLOUT_INCOMPLETE)
        return false;
    for (int i = 0; i < SIM_NODES; i++) {
        if (!world->hosts[i].guard_up || world->hosts[i].trial->state != TRIAL_IDLE)
            return false;
    }
    return true;
}

void world_begin(struct world *world)
{
    struct happening second = {.at = 1000, .kind = HAPPENS_CHAOS};

    for (int i = 0; i < SIM_NODES; i++)
        guard_start(world, i, CAUSE_GUARD_DIED);
    world->lead.up = true;
    lead_sign(world);
    world_schedule(world, &second);
}

bool world_step(struct world *world)
{
    struct happening next;

    if (world->heap_count == 0 || world->violation[0] != '\0')
        return false;
    next = take_next(world);
    world->now = next.at > world->now ? next.at : world->now;
    if (!world->quiet && world->now >= world->quiet_from) {
        world->quiet = true;
        chaos_end(world);
    }
    take(world, &next);
    free_happening(&next);
    world->happenings++;
    model_check(world->model);
    if (!world->safety && world->now > ENDS_AT_MS)
        world_violate(world, "5: %d s after the last fault nothing has ended: rollout %s (%s)",
                      (ENDS_AT_MS - FAULTS_UNTIL_MS) / 1000,
                      rollout_state_name(world->lead.rollout->record.state),
                      world->lead.rollout->record.sentence);
    return world->violation[0] == '\0';
}

bool world_run(struct world *world)
{
    world_begin(world);
    while (world_step(world)) {
        if (is_over(world))
            break;
    }
    for (int i = 0; i < SIM_NODES; i++)
        guard_count_rows(world, i);
    if (world->violation[0] == '\0')
        model_check_end(world->model);
    return world->violation[0] == '\0';
}
