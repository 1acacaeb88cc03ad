/*
 * world_build: the fleet before anything happens, and the changes that are rolled out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

enum { FIRST_DEATH_MS = 1000, LAST_DEATH_MS = 390 * 1000, FIRST_BODY = 7 };

static const char *const host_names[SIM_NODES + 1] = {"styx", "calypso", "tethys", "office"};
static const char witness_name[] = "office", further_names[] = "node-";

const char *sim_host_name(int host)
{
    return host >= 0 && host <= SIM_NODES ? host_names[host] : "controller";
}

int sim_host_number(const char *name)
{
    for (int i = 0; i <= SIM_NODES; i++) {
        if (text_equal(host_names[i], name))
            return i;
    }
    return text_equal(name, "controller") ? FAULT_CONTROLLER : -1;
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static void name_host(const struct world *world, int number, char *to)
{
    if (number == world->nodes_count)
        text_copy(to, NAME_SIZE, witness_name);
    else if (number < SIM_NODES)
        text_copy(to, NAME_SIZE, host_names[number]);
    else
        snprintf(to, NAME_SIZE, "%s%d", further_names, number + 1);
}

/* The other way round. */
int world_find_host(const struct world *world, const char *name)
{
    unsigned long long further;

    if (text_equal(name, witness_name))
        return world->nodes_count;
    for (int i = 0; i < SIM_NODES && i < world->nodes_count; i++) {
        if (text_equal(name, host_names[i]))
            return i;
    }
    if (text_starts(name, further_names) &&
        text_parse_u64(name + strlen(further_names), (unsigned)world->nodes_count, &further) &&
        further > SIM_NODES)
        return (int)further - 1;
    return -1;
}

/* Some vantage points of all, at least one. */
static uint64_t some_of(const struct world *world, struct chance *how)
{
    uint64_t all = (UINT64_C(1) << world->hosts_count) - 1;
    uint64_t some = chance_next(how) & all;

    return some != 0 ? some : 1;
}

static bool is_drawn(struct world *world, enum fault fault, int number)
{
    return fault_strikes(&world->faults, fault, number) != NULL;
}

/* What a change does to it. */
static void draw_damage(struct world *world, int number, struct damage *damage)
{
    struct chance *how = fault_strikes(&world->faults, FAULT_CUTS_SOME, number);

    if (how != NULL)
        damage->cut_from = some_of(world, how);
    if (is_drawn(world, FAULT_CUTS_SSH, number))
        damage->cut_from = UINT64_MAX;
    damage->breaks_own = is_drawn(world, FAULT_BREAKS_OWN, number);
    damage->cuts_controller = is_drawn(world, FAULT_CUTS_CONTROLLER, number);
}

/* And whether it will die for good. */
static void draw_node(struct world *world, int number)
{
    struct chance *how;

    draw_damage(world, number, &world->hosts[number].damages[SIM_FIRST]);
    how = fault_strikes(&world->faults, FAULT_DEAD, number);
    if (how != NULL) {
        struct happening death = {.at = chance_between(how, FIRST_DEATH_MS, LAST_DEATH_MS),
                                  .kind = HAPPENS_DEATH,
                                  .host = number};

        world_schedule(world, &death);
    }
}

static void make_host(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    struct chance *how;

    name_host(world, number, host->name);
    host->agent_up = host->up_link = host->down_link = host->dials = true;
    host->trial = mem_alloc(1, sizeof(*host->trial));
    host->ledger = mem_alloc(1, sizeof(*host->ledger));
    how = fault_strikes(&world->faults, FAULT_LIAR, number);
    if (how != NULL)
        host->lie = (enum lie)chance_between(how, LIE_YES, LIE_OPPOSITE);
    host->special = is_drawn(world, FAULT_SPECIAL, number);
    if (number >= world->nodes_count)
        return;
    host->kernel = mem_alloc(1, sizeof(*host->kernel));
    kernel_init(host->kernel, number);
    draw_node(world, number);
}

/* ---- the change ------------------------------------------------------------------------------ */

uint32_t world_witnesses_count(const struct world *world)
{
    return world->hosts_count - 1 <= SIM_WITNESSES_MAX ? (uint32_t)world->nodes_count
                                                       : SIM_WITNESSES_MAX;
}

/* All others; in a large fleet those behind it, and the one outside. */
int world_witness(const struct world *world, int node, uint32_t i)
{
    return i + 1 < world_witnesses_count(world) ? (node + 1 + (int)i) % world->nodes_count
                                                : world->nodes_count;
}

static void fill_witnesses(const struct world *world, struct manifest_plan *plan, int node)
{
    for (uint32_t i = 0; i < world_witnesses_count(world); i++)
        text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE,
                  world->hosts[world_witness(world, node, i)].name);
}

static void fill_plan(const struct world *world, int change, struct manifest_plan *plan, int node)
{
    text_copy(plan->node, sizeof(plan->node), world->hosts[node].name);
    plan->operations_count = SIM_OPERATIONS;
    plan->operations = mem_alloc(SIM_OPERATIONS, sizeof(*plan->operations));
    kernel_fill_operations(change, node, plan->operations);
    plan->checks_count = 1;
    plan->checks = mem_alloc(1, sizeof(*plan->checks));
    text_copy(plan->checks[0].name, NAME_SIZE, "own");
    plan->checks[0].kind = CHECK_REPLY_PATH;
    plan->checks[0].severity = SEVERITY_CRITICAL;
    check_set_defaults(&plan->checks[0]);
    fill_witnesses(world, plan, node);
    plan->quorum = 2;
    plan->ssh.address = kernel_address(node);
    plan->ssh.port = 22;
}

static void fill_roster(const struct world *world, struct manifest *manifest)
{
    for (int i = 0; i < world->hosts_count; i++) {
        struct roster_entry *entry = &manifest->roster[i];

        text_copy(entry->name, sizeof(entry->name), world->hosts[i].name);
        entry->witness_only = i >= world->nodes_count;
        memset(entry->agent_key.bytes, 1 + i, KEY_SIZE);
        if (i < world->nodes_count)
            memset(entry->guard_key.bytes, 101 + i, KEY_SIZE);
    }
}

/* Not for all of them: the others keep what they have. One there is. */
static uint32_t draw_targets(struct world *world, struct sim_change *change)
{
    int count = 0;

    for (int i = 0; i < world->nodes_count; i++)
        change->place_of[i] =
            change->leaves_out[i] || is_drawn(world, FAULT_LEAVES_OUT, i) ? -1 : count++;
    for (int i = 0; i < world->nodes_count && count == 0; i++)
        change->place_of[i] = i;
    return count > 0 ? (uint32_t)count : (uint32_t)world->nodes_count;
}

/* One node a stage; or the first alone, and all others together. */
static void fill_stages(struct world *world, struct sim_change *change, struct manifest *manifest)
{
    bool wide = is_drawn(world, FAULT_WIDE_STAGE, FAULT_CONTROLLER) || world->wide;

    manifest->stages_count = wide && manifest->plans_count > 1 ? 2 : manifest->plans_count;
    manifest->stages = mem_alloc(manifest->stages_count, sizeof(*manifest->stages));
    for (int i = 0; i < world->nodes_count; i++) {
        int place = change->place_of[i];
        struct stage *stage;

        change->stage_of[i] = SIM_NO_STAGE;
        if (place < 0)
            continue;
        change->stage_of[i] = wide && place > 0 ? 1 : (uint32_t)place;
        stage = &manifest->stages[change->stage_of[i]];
        text_copy(stage->nodes[stage->nodes_count++], NAME_SIZE, world->hosts[i].name);
    }
}

static void waive(struct manifest *manifest, enum waiver waiver)
{
    manifest->waived[waiver] = true;
    text_copy(manifest->waiver_reasons[waiver], REASON_SIZE, "understood");
}

/* It fixes nothing: somebody has to say why it is made. */
static void fill_waivers(struct world *world, struct sim_change *change, struct manifest *manifest)
{
    change->unjustified = is_drawn(world, FAULT_UNJUSTIFIED, FAULT_CONTROLLER);
    change->waives_windows = is_drawn(world, FAULT_WAIVES, FAULT_CONTROLLER);
    if (change->waives_windows)
        waive(manifest, WAIVE_WINDOW);
    waive(manifest, WAIVE_NEEDED);
    if (!change->unjustified)
        text_copy(manifest->justification, sizeof(manifest->justification),
                  "It will be needed soon.");
}

/* Mostly after the first only. */
static enum pause_after draw_pauses(struct world *world)
{
    struct chance *how = fault_strikes(&world->faults, FAULT_PAUSES, FAULT_CONTROLLER);

    if (how == NULL)
        return PAUSE_FIRST;
    return chance_permille(how, 500) ? PAUSE_EACH : PAUSE_NONE;
}

static struct manifest *make_manifest(struct world *world, int number)
{
    struct manifest *manifest = mem_alloc(1, sizeof(*manifest));
    static const char *const names[SIM_CHANGES] = {"change", "second", "third"};
    struct sim_change *change = &world->changes[number];
    uint32_t nodes = draw_targets(world, change);

    *manifest = (struct manifest){.soak_s = SIM_SOAK_S,
                                  .lease_s = SIM_LEASE_S,
                                  .period_s = 2,
                                  .path_s = 4,
                                  .dial_s = 3,
                                  .apply_s = 5,
                                  .settle_s = 3,
                                  .grace_s = 5,
                                  .revert_budget_s = SIM_REVERT_BUDGET_S,
                                  .pause_after = draw_pauses(world),
                                  .plans_count = nodes,
                                  .roster_count = (uint32_t)world->hosts_count};
    text_copy(manifest->change, sizeof(manifest->change), names[number]);
    text_copy(manifest->reason, sizeof(manifest->reason), "The laboratory cannot be reached.");
    text_copy(manifest->reference, sizeof(manifest->reference), "#100");
    fill_waivers(world, change, manifest);
    manifest->plans = mem_alloc(nodes, sizeof(*manifest->plans));
    manifest->roster = mem_alloc(manifest->roster_count, sizeof(*manifest->roster));
    fill_roster(world, manifest);
    fill_stages(world, change, manifest);
    for (int i = 0; i < world->nodes_count; i++) {
        if (change->place_of[i] >= 0)
            fill_plan(world, number, &manifest->plans[change->place_of[i]], i);
    }
    return manifest;
}

void world_write_change(struct world *world, int number)
{
    struct sim_change *change = &world->changes[number];
    struct err err = ERR_INIT;

    if (change->manifest != NULL)
        return;
    for (int i = 0; i < world->nodes_count && number != SIM_FIRST; i++)
        draw_damage(world, i, &world->hosts[i].damages[number]);
    change->manifest = make_manifest(world, number);
    memset(change->body.bytes, FIRST_BODY + number, HASH_SIZE);
    if (!manifest_validate(change->manifest, &err))
        world_violate(world, "the simulated manifest is not valid: %s", err.text);
}

bool world_is_target(const struct world *world, int host)
{
    return host >= 0 && host < world->nodes_count && world->change->place_of[host] >= 0;
}

const struct manifest_plan *world_find_plan(const struct world *world, int change, int host)
{
    const struct sim_change *of = &world->changes[change];

    return of->manifest != NULL && of->place_of[host] >= 0
               ? &of->manifest->plans[of->place_of[host]]
               : NULL;
}

const struct target_record *world_find_record(const struct sim_change *change,
                                              const struct rollout_record *record, int host)
{
    return change->place_of[host] >= 0 ? &record->targets[change->place_of[host]] : NULL;
}

static bool is_signed(const struct world *world, int number)
{
    for (uint32_t i = 0; i < world->attempt; i++) {
        if (hash_equal(&world->approvals[i].attempt.body, &world->changes[number].body))
            return true;
    }
    return false;
}

bool world_leave_out(struct world *world, int number, int host)
{
    struct sim_change *change = &world->changes[number];

    if (is_signed(world, number) || change->manifest->plans_count < 2 || change->place_of[host] < 0)
        return false;
    change->leaves_out[host] = true;
    manifest_done(change->manifest);
    free(change->manifest);
    change->manifest = NULL;
    world_write_change(world, number);
    return true;
}

int world_find_change(const struct world *world, const struct hash *body)
{
    for (int i = 0; i < SIM_CHANGES; i++) {
        if (world->changes[i].manifest != NULL && hash_equal(&world->changes[i].body, body))
            return i;
    }
    return -1;
}

int world_change_number(const struct world *world)
{
    return (int)(world->change - world->changes);
}

void world_build(struct world *world)
{
    for (int i = 0; i < world->hosts_count; i++)
        make_host(world, i);
    world_write_change(world, SIM_FIRST);
    world->change = &world->changes[SIM_FIRST];
}
