/*
 * desk: what agents tell the simulated controller, and what the shipped gates make of it.
 */
#include "tests/sim/desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/checker.h"

enum { INTERVAL_S = 30 };

static const char *const checks[SIM_CHECKS] = {"ssh-reply-path", "controller", "database"};

/* ---- as it is built -------------------------------------------------------------------------- */

static void fill_file(const struct world *world, struct fleet_file *file)
{
    file->checks[file->checks_count++].check = *agent_check(LOOKS_AT_DATABASE);
    for (int i = 0; i < world->nodes_count; i++) {
        struct fleet_node *node = &file->nodes[file->nodes_count++];

        text_copy(node->name, sizeof(node->name), world->hosts[i].name);
        text_copy(node->console, sizeof(node->console), "physical");
        node->ssh.address = kernel_address(i);
        node->ssh.port = 22;
    }
}

/* Large, and of a world's many small ones the same for each: one that is done with is taken again.
 */
static struct desk *spare;

static struct desk *make_desk(void)
{
    struct desk *desk = mem_alloc(1, sizeof(*desk));

    desk->file = mem_alloc(1, sizeof(*desk->file));
    desk->fleet.members = mem_alloc(SIM_HOSTS_MAX, sizeof(*desk->fleet.members));
    desk->fleet.names = mem_alloc(1, sizeof(*desk->fleet.names));
    desk->holds.list = mem_alloc(HOLDS_MAX, sizeof(*desk->holds.list));
    desk->backup.list = mem_alloc(HOLDS_MAX, sizeof(*desk->backup.list));
    desk->roster = mem_alloc(1, sizeof(*desk->roster));
    return desk;
}

static void find_witnesses(const struct world *world, struct desk *desk)
{
    for (int i = 0; i < world->nodes_count; i++) {
        for (uint32_t w = 0; w < world_witnesses_count(world); w++)
            desk->witnesses[i][w] = world_witness(world, i, w);
    }
}

struct desk *desk_new(struct world *world)
{
    struct desk *desk = spare != NULL ? spare : make_desk();

    spare = NULL;
    fill_file(world, desk->file);
    for (int i = 0; i < world->hosts_count; i++)
        fleet_put(&desk->fleet, world->hosts[i].name, i >= world->nodes_count);
    find_witnesses(world, desk);
    return desk;
}

static void empty(struct desk *desk)
{
    static const struct roster nobody;

    fleet_keep_roster(&desk->fleet, &nobody);
    memset(desk->file, 0, sizeof(*desk->file));
    memset(desk->looks, 0, sizeof(desk->looks));
    memset(desk->told, 0, sizeof(desk->told));
    memset(desk->reached, 0, sizeof(desk->reached));
    memset(desk->said, 0, sizeof(desk->said));
    memset(desk->held, 0, sizeof(desk->held));
    desk->holds.count = desk->backup.count = desk->roster->maintenance_count = 0;
    desk->holds.id_next = desk->backup.id_next = 0;
}

void desk_done(struct desk *desk)
{
    if (spare == NULL) {
        empty(desk);
        spare = desk;
        return;
    }
    fleet_done(&desk->fleet);
    free(desk->holds.list);
    free(desk->backup.list);
    free(desk->roster);
    free(desk->file);
    free(desk);
}

int64_t desk_unix(const struct world *world)
{
    return world_unix(world, NULL) + world->lead.wall_offset_s;
}

void desk_restart(struct world *world)
{
    for (int i = 0; i < world->hosts_count; i++) {
        struct fleet_member *member = &world->desk->fleet.members[i];

        member->connected = member->has_snapshot = false;
        member->heard_at = MONO_NEVER;
        free(member->rehearsal.rehearsal);
        member->rehearsal.rehearsal = NULL;
    }
    model_lead_starts(world->model);
}

/* ---- what agents tell ------------------------------------------------------------------------ */

static bool is_heard(const struct world *world, int number)
{
    const struct host *host = &world->hosts[number];

    return host->agent_up && host->up_link && host->down_link && !sim_is_cut_off(host);
}

static bool is_mute(const struct world *world, int number)
{
    return !world->quiet && world->now < world->hosts[number].reports_from;
}

static enum probe_outcome find(const struct world *world, int number, unsigned check)
{
    const struct host *host = &world->hosts[number];

    if (sim_is_undecided(world, number))
        return PROBE_UNCLEAR;
    return check == SIM_DATABASE && !world->quiet && world->now < host->failing_until
               ? PROBE_FAILED
               : PROBE_ANSWERED;
}

/* Whether the controller hears of it or not; one that died knows nothing of what it saw before. */
static void look(struct world *world, int number)
{
    struct check_state *looks = &world->desk->looks[number];

    if (world->hosts[number].agent_up)
        checks_settle(looks, agent_check(LOOKS_AT_DATABASE),
                      agent_judges(LOOKS_AT_DATABASE, find(world, number, SIM_DATABASE)));
    else
        *looks = (struct check_state){0};
}

/* Of the reply path nothing is drawn but that it is not known. */
static enum verdict_value value_of(const struct world *world, int number, unsigned check)
{
    return check == SIM_DATABASE
               ? world->desk->looks[number].shown.value
               : agent_judges(LOOKS_AT_SESSION, find(world, number, check))->value;
}

/* As controller/io does: not of who is on trial itself, nor of who is under maintenance. */
static void tell_failing(struct world *world, int number, const char *check)
{
    const struct rollout *rollout = world->lead.rollout;
    struct rollout_event ev = {
        .kind = EVENT_CHECK_FAILING, .node = world->hosts[number].name, .reason = check};

    if (!world->lead.up || rollout_is_ended(rollout) ||
        (world_is_target(world, number) &&
         target_is_open(&rollout->targets[world->change->place_of[number]])) ||
        holds_find(&world->desk->holds, HOLD_MAINTENANCE, ev.node, desk_unix(world)) != NULL)
        return;
    world_tell(world, "%s says that %s newly fails", ev.node, check);
    lead_say_failing(world, &ev);
}

static bool has_passed(const struct fleet_member *member, const char *check)
{
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        if (text_equal(member->verdicts[i].verdict.check, check))
            return member->verdicts[i].decided == VERDICT_PASS;
    }
    return false;
}

static void take_check(struct world *world, int number, unsigned check)
{
    struct fleet_member *member = &world->desk->fleet.members[number];
    enum verdict_value value = value_of(world, number, check);
    struct verdict verdict = {.value = value, .severity = SEVERITY_CRITICAL};
    uint8_t *told = &world->desk->told[number][check];
    bool passed;

    if (*told == value + 1)
        return; /* reports carry changes */
    if (!lead_keep(world))
        return;
    *told = (uint8_t)(value + 1);
    text_copy(verdict.check, sizeof(verdict.check), checks[check]);
    passed = has_passed(member, verdict.check);
    fleet_tell_verdict(member, &verdict, INTERVAL_S, desk_unix(world));
    model_check_told(world->model, number, check, value);
    if (passed && value == VERDICT_FAIL)
        tell_failing(world, number, checks[check]);
}

static void take_reach(struct world *world, int node, int number)
{
    struct fleet_member *member = &world->desk->fleet.members[number];
    struct verdict verdict = {.value = sim_says(world, number, node),
                              .severity = SEVERITY_CRITICAL};

    uint8_t *told = &world->desk->reached[number][node];

    if (!member->connected || is_mute(world, number) || *told == verdict.value + 1)
        return;
    if (!lead_keep(world))
        return;
    *told = (uint8_t)(verdict.value + 1);
    snprintf(verdict.check, sizeof(verdict.check), "ssh:%.50s", world->hosts[node].name);
    fleet_tell_verdict(member, &verdict, INTERVAL_S, desk_unix(world));
    model_reach_told(world->model, number, node, verdict.value);
}

static void take_report(struct world *world, int number)
{
    struct fleet_member *member = &world->desk->fleet.members[number];

    member->connected = is_heard(world, number);
    if (!member->connected) {
        model_unheard(world->model, number);
        return;
    }
    if (is_mute(world, number)) {
        model_connected(world->model, number);
        return;
    }
    fleet_hear(member, world->now, desk_unix(world));
    model_heard(world->model, number);
    for (unsigned check = 0;
         check < SIM_CHECKS && number < world->nodes_count && lead_listens(world); check++)
        take_check(world, number, check);
}

void desk_take_reports(struct world *world)
{
    if (world->assured)
        return;
    for (int i = 0; i < world->nodes_count; i++)
        look(world, i);
    for (int i = 0; i < world->hosts_count && lead_listens(world); i++)
        take_report(world, i);
    for (int i = 0; i < world->nodes_count && lead_listens(world); i++) {
        for (uint32_t w = 0; w < world_witnesses_count(world) && lead_listens(world); w++)
            take_reach(world, i, world->desk->witnesses[i][w]);
    }
}

/* ---- what the gates ask for ------------------------------------------------------------------ */

static void take_snapshot(struct world *world, int number)
{
    struct fleet_member *member = &world->desk->fleet.members[number];
    const struct host *host = &world->hosts[number];

    if (!world->quiet && world->now < host->snapshots_from)
        return;
    snapshot_done(&member->snapshot);
    snapshot_copy(&member->snapshot, &host->kernel->now);
    member->has_snapshot = true;
    member->snapshot_at = world->now;
    model_snapshot_told(world->model, number);
}

/* Its guard has it rehearsed, which tells more than a young answer would. */
static void take_rehearsal(struct world *world, int number)
{
    struct fleet_member *member = &world->desk->fleet.members[number];
    const struct host *host = &world->hosts[number];
    struct chance *how = fault_strikes(&world->faults, FAULT_UNREHEARSED, number);
    enum rehearsed_outcome outcome = REHEARSED_GOOD;
    static struct rehearsal rehearsal; /* large, and mostly room */

    if (!host->guard_up || host->frozen ||
        fleet_rehearsal_is_young(member, &world->change->body, world->now))
        return;
    if (how != NULL)
        outcome = chance_permille(how, 500) ? REHEARSED_REFUSED : REHEARSED_MISSED;
    rehearsal.operations_count = SIM_OPERATIONS;
    for (uint32_t i = 0; i < SIM_OPERATIONS; i++)
        rehearsal_set(&rehearsal, i, i == SIM_RULE ? outcome : REHEARSED_GOOD, "as it was drawn");
    fleet_tell_rehearsal(member, &world->change->body, &rehearsal, world->now);
    model_rehearsal_told(world->model, number, outcome == REHEARSED_GOOD);
}

static void ask_nodes(struct world *world, uint32_t stage)
{
    for (int i = 0; i < world->nodes_count; i++) {
        if (world->change->stage_of[i] < stage || !world_is_target(world, i) ||
            !world->desk->fleet.members[i].connected)
            continue;
        take_snapshot(world, i);
        take_rehearsal(world, i);
    }
}

/* ---- the gates ------------------------------------------------------------------------------- */

static void count_said(struct desk *desk, const struct gates *gates)
{
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        const struct gate_answer *answer = &gates->answers[i];
        bool waived = answer->passes && answer->verdict.value != VERDICT_PASS;

        desk->said[i][waived ? GATE_SAID_WAIVED : answer->verdict.value]++;
    }
    for (size_t i = 0; i < gates->answers[GATE_HOLD].evidence_count; i++) {
        enum hold_kind kind;

        if (hold_kind_parse(gates->answers[GATE_HOLD].evidence[i].verdict.check, &kind))
            desk->held[kind]++;
    }
}

static void ask_gates(struct world *world, uint32_t stage, struct rollout_event *ev, char *reason,
                      size_t size)
{
    struct text text;
    struct gates gates;
    struct gates_inputs inputs = {.manifest = world->change->manifest,
                                  .approval = &world->approvals[world->lead.sequence - 1],
                                  .is_signed = true,
                                  .approvals_count = 1,
                                  .threshold = 1,
                                  .file = world->desk->file,
                                  .fleet = &world->desk->fleet,
                                  .holds = &world->desk->holds,
                                  .stage = stage,
                                  .now = world->now,
                                  .now_unix = desk_unix(world)};

    ask_nodes(world, stage);
    gates_evaluate(&inputs, &gates);
    count_said(world->desk, &gates);
    text_init(&text, reason, size);
    ev->gates.pass = gates_pass(&gates);
    ev->gates.awaits = gates_await(&gates, &text);
    if (!ev->gates.awaits) {
        text_init(&text, reason, size);
        gates_explain(&gates, &text);
    }
    gates_done(&gates);
}

void desk_answer_gates(struct world *world, uint32_t stage, struct rollout_event *ev, char *reason,
                       size_t size)
{
    ev->gates.pass = true;
    if (!world->assured)
        ask_gates(world, stage, ev, reason, size);
    model_gates(world->model, stage, ev->gates.pass, reason);
}

/* ---- holds ----------------------------------------------------------------------------------- */

void desk_quarantine(struct world *world, int host, const struct receipt *receipt,
                     const struct hash *hash)
{
    holds_add_quarantine(&world->desk->holds, receipt, hash, desk_unix(world));
    model_quarantine(world->model, host, receipt, hash);
}

void desk_lift_begun(struct world *world)
{
    const struct rollout_record *record = &world->lead.rollout->record;
    const struct approval *approval = &world->approvals[world->lead.sequence - 1];
    struct hold *hold;

    if (world->desk->holds.count == 0)
        return;
    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (!target_has_begun(&record->targets[i]))
            continue;
        while ((hold = holds_find_named(&world->desk->holds, record->targets[i].name, approval)) !=
               NULL)
            hold->lifted = true;
    }
}

static void take_changed(void *context, const struct hold *hold)
{
    struct world *world = context;
    struct seen_hold seen = {.id = hold->id,
                             .kind = hold->kind,
                             .host = world_find_host(world, hold->scope),
                             .until = hold->until};

    if (hold->lifted)
        model_lift(world->model, hold->id);
    else
        model_put(world->model, &seen);
}

void desk_take_roster(struct world *world)
{
    struct desk *desk = world->desk;

    if (!holds_take_roster(&desk->holds, desk->roster, "operator", desk_unix(world), take_changed,
                           world))
        world_violate(world, "5: maintenance finds no room among %u holds", desk->holds.count);
}

static void copy_holds(struct holds *to, const struct holds *from)
{
    to->id_next = from->id_next;
    to->count = from->count;
    memcpy(to->list, from->list, from->count * sizeof(*from->list));
}

void desk_backup(struct world *world)
{
    copy_holds(&world->desk->backup, &world->desk->holds);
    model_backup(world->model);
}

void desk_restore(struct world *world)
{
    copy_holds(&world->desk->holds, &world->desk->backup);
    model_restore(world->model);
    desk_take_roster(world);
}
