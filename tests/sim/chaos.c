/*
 * chaos: what goes wrong each second, and what mends itself.
 */
#include "common/core/text.h"
#include "tests/sim/sim.h"

enum {
    SECOND_MS = 1000,
    WATCHDOG_MS = 10000,
    STOP_MS = 2000,
    RESTART_MS = 300,
    CLOCK_STEP_MAX_S = 100000000,
};

static void later(struct world *world, enum event_kind kind, int host, int64_t ms)
{
    struct happening happening = {
        .at = world->now + ms, .kind = kind, .host = host, .life = world->hosts[host].life};

    world_schedule(world, &happening);
}

static struct chance *strikes(struct world *world, enum fault fault, int host)
{
    return fault_strikes(&world->faults, fault, host);
}

static void lose(struct world *world, int number)
{
    struct rollout_event ev = {.kind = EVENT_LOST, .node = world->hosts[number].name};
    struct happening later = {
        .at = world->lead.writing_until, .kind = HAPPENS_LOST, .host = number};

    if (lead_is_writing(world))
        world_schedule(world, &later);
    else if (world->lead.up && number < world->nodes_count)
        lead_give(world, &ev);
}

/* ---- any host -------------------------------------------------------------------------------- */

static void break_link(struct world *world, int number, struct chance *how)
{
    struct host *host = &world->hosts[number];
    int way = (int)chance_between(how, 0, 2);

    host->up_link = way == 1;
    host->down_link = way == 2;
    world_tell(world, "%s is cut off from the controller%s", host->name,
               way == 1   ? ", but is heard by it"
               : way == 2 ? ", but hears it"
                          : "");
    later(world, HAPPENS_LINK, number, chance_between(how, 500, 60000));
    lose(world, number);
}

static void stop_dials(struct world *world, int number, struct chance *how)
{
    struct host *host = &world->hosts[number];

    if (!host->dials)
        return;
    host->dials = false;
    world_tell(world, "%s can dial no new connection", host->name);
    later(world, HAPPENS_LINK, number, chance_between(how, 500, 90000));
}

void chaos_stop_agent(struct world *world, int number, struct chance *how)
{
    struct host *host = &world->hosts[number];

    if (!host->agent_up)
        return;
    host->agent_up = false;
    world_tell(world, "The agent of %s dies", host->name);
    later(world, HAPPENS_AGENT_START, number, chance_between(how, 200, 20000));
}

static void strike_host(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    struct chance *how = strikes(world, FAULT_PARTITION, number);

    if (how != NULL)
        break_link(world, number, how);
    how = strikes(world, FAULT_DIALS, number);
    if (how != NULL)
        stop_dials(world, number, how);
    how = strikes(world, FAULT_AGENT_DIES, number);
    if (how != NULL)
        chaos_stop_agent(world, number, how);
    how = strikes(world, FAULT_UNDECIDED, number);
    if (how != NULL) {
        host->undecided_until = world->now + chance_between(how, 1000, 60000);
        world_tell(world, "%s can decide nothing that it looks at until %lld ms", host->name,
                   (long long)host->undecided_until);
    }
    how = strikes(world, FAULT_MUTE, number);
    if (how != NULL) {
        host->reports_from = world->now + chance_between(how, 1000, 120000);
        world_tell(world, "The agent of %s reports nothing until %lld ms", host->name,
                   (long long)host->reports_from);
    }
    how = strikes(world, FAULT_CLOCK, number);
    if (how != NULL) {
        host->wall_offset_s = chance_between(how, -CLOCK_STEP_MAX_S, CLOCK_STEP_MAX_S);
        world_tell(world, "The wall clock of %s is wrong by %lld s", host->name,
                   (long long)host->wall_offset_s);
    }
}

/* ---- a node ---------------------------------------------------------------------------------- */

void chaos_lose_power(struct world *world, int number, struct chance *how)
{
    struct host *host = &world->hosts[number];
    int64_t boots_in = chance_between(how, 3000, 20000);

    world_tell(world, "%s loses its power", host->name);
    guard_stop(world, number, true);
    host->agent_up = false;
    later(world, HAPPENS_GUARD_START, number, boots_in);
    later(world, HAPPENS_AGENT_START, number, boots_in + chance_between(how, 500, 5000));
}

/* systemd says stop, and kills what is left. */
static void tell_to_stop(struct world *world, int number)
{
    struct guard_event stop = {.kind = ON_STOP};

    world_tell(world, "The guard of %s is told to stop", world->hosts[number].name);
    guard_give(world, number, &stop);
    later(world, HAPPENS_GUARD_KILL, number, STOP_MS);
}

void chaos_kill_guard(struct world *world, int number)
{
    world_tell(world, "The guard of %s is killed", world->hosts[number].name);
    guard_stop(world, number, false);
    later(world, HAPPENS_GUARD_START, number, RESTART_MS);
}

static void strike_guard(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    struct chance *freezes = strikes(world, FAULT_FREEZE, number);
    struct chance *power;

    if (freezes != NULL && host->guard_up && !host->frozen) {
        host->frozen = true;
        world_tell(world, "The guard of %s freezes", host->name);
        later(world, HAPPENS_THAW, number, chance_between(freezes, 200, WATCHDOG_MS + 3000));
    }
    if (strikes(world, FAULT_GUARD_DIES, number) != NULL && host->guard_up)
        chaos_kill_guard(world, number);
    if (strikes(world, FAULT_GUARD_STOPPED, number) != NULL && host->guard_up && !host->frozen)
        tell_to_stop(world, number);
    power = strikes(world, FAULT_POWER, number);
    if (power != NULL && host->guard_up)
        chaos_lose_power(world, number, power);
}

static void disturb(struct world *world, int number, struct chance *how)
{
    struct host *host = &world->hosts[number];
    unsigned other = (unsigned)chance_between(how, 0, SIM_OTHERS - 1);

    bool there = (host->kernel->others & 1u << other) != 0;

    if ((other == SIM_TWIN || other == SIM_USURPER) && !there &&
        !host->in_kernel[SIM_FIRST][SIM_RULE] && !chance_permille(how, 200))
        other = 0; /* it stops everything */
    kernel_turn_other(host->kernel, other);
    world_tell(world, "Somebody else %s '%s' on %s",
               (host->kernel->others & 1u << other) != 0 ? "puts" : "takes away",
               kernel_other_name(other), host->name);
    guard_look_at_kernel(world, number);
}

/* What it has to tell of itself, and does not. */
static void strike_facts(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    struct chance *how = strikes(world, FAULT_FAILING, number);

    if (how != NULL) {
        host->failing_until = world->now + chance_between(how, 1000, 60000);
        world_tell(world, "The database cannot be reached from %s until %lld ms", host->name,
                   (long long)host->failing_until);
    }
    how = strikes(world, FAULT_STALE, number);
    if (how != NULL) {
        host->snapshots_from = world->now + chance_between(how, 1000, 60000);
        world_tell(world, "The agent of %s sends no snapshot until %lld ms", host->name,
                   (long long)host->snapshots_from);
    }
}

/* What was said of it before may still be on its way. */
static void set_blind(struct world *world, int number, uint64_t from)
{
    struct host *host = &world->hosts[number];

    if (world->now - host->blind_changed_at > SIM_LEASE_S * 1000)
        host->blind_before = 0;
    host->blind_before |= host->blind_from;
    host->blind_from = from;
    host->blind_changed_at = world->now;
}

static void strike_node(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    struct chance *how = strikes(world, FAULT_UNDO_STUCK, number);

    strike_facts(world, number);
    if (how != NULL) {
        host->undo_stuck_until = world->now + chance_between(how, 5000, 60000);
        world_tell(world, "Nothing can be undone on %s until %lld ms", host->name,
                   (long long)host->undo_stuck_until);
    }
    how = strikes(world, FAULT_BLIND, number);
    if (how != NULL) {
        set_blind(world, number, chance_next(how));
        world_tell(world, "SSH to %s fails from some vantage points", host->name);
        later(world, HAPPENS_SIGHT, number, chance_between(how, 500, 90000));
    }
    how = strikes(world, FAULT_OTHERS, number);
    if (how != NULL)
        disturb(world, number, how);
    strike_guard(world, number);
}

static void die(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    world_tell(world, "%s dies, for good", host->name);
    guard_stop(world, number, true);
    host->agent_up = false;
    host->dead = true;
    lose(world, number);
}

/* ---- each second ----------------------------------------------------------------------------- */

static void strike_controller(struct world *world)
{
    struct chance *how = strikes(world, FAULT_CLOCK, FAULT_CONTROLLER);

    if (how != NULL) {
        world->lead.wall_offset_s = chance_between(how, -CLOCK_STEP_MAX_S, CLOCK_STEP_MAX_S);
        world_tell(world, "The controller's wall clock is wrong by %lld s",
                   (long long)world->lead.wall_offset_s);
    }
    how = strikes(world, FAULT_CONTROLLER_DIES, FAULT_CONTROLLER);
    if (how != NULL && world->lead.up) {
        world_tell(world, "The controller dies");
        lead_stop(world);
    }
}

void chaos_strike(struct world *world)
{
    struct chance *people;

    if (world->quiet)
        return;
    for (int i = 0; i < world->hosts_count; i++) {
        if (world->hosts[i].dead) {
            people_remove(world, i);
            continue;
        }
        strike_host(world, i);
        if (i >= world->nodes_count)
            continue;
        strike_node(world, i);
        people_order(world, i);
        people_want_older(world, i);
    }
    strike_controller(world);
    desk_take_reports(world);
    lead_ask_older(world);
    people = strikes(world, FAULT_PEOPLE, FAULT_CONTROLLER);
    if (people != NULL)
        people_meddle(world, *people);
    people_call(world);
    people = strikes(world, FAULT_HOLDS, FAULT_CONTROLLER);
    if (people != NULL)
        people_put_any_hold(world, *people);
    if (strikes(world, FAULT_LIFTS, FAULT_CONTROLLER) != NULL)
        people_lift(world, false);
    if (world->hostile != NULL)
        hostile_strike(world);
}

/* From here on nothing fails, and everything has to come to its end. */
void chaos_end(struct world *world)
{
    world_tell(world, "From here on nothing fails any more");
    world->faults.over = true;
    world->lead.wall_offset_s = 0;
    for (int i = 0; i < world->hosts_count; i++) {
        struct host *host = &world->hosts[i];

        if (host->dead)
            continue;
        set_blind(world, i, 0);
        host->up_link = host->down_link = host->dials = host->agent_up = true;
        host->wall_offset_s = 0;
        if (i < world->nodes_count && !host->guard_up)
            guard_start(world, i, CAUSE_REBOOT);
        host->frozen = false;
    }
    lead_take_stored(world);
    if (!world->lead.up)
        lead_start(world);
    people_lift(world, true);
    for (int i = 0; i < world->nodes_count; i++)
        people_remove(world, i);
}

static void start_guard(struct world *world, const struct happening *happening)
{
    const struct host *host = &world->hosts[happening->host];

    if (!host->guard_up && !host->dead)
        guard_start(world, happening->host, CAUSE_GUARD_DIED);
}

static void thaw(struct world *world, const struct happening *happening)
{
    struct host *host = &world->hosts[happening->host];

    if (!host->frozen || host->life != happening->life)
        return;
    world_tell(world, "The guard of %s goes on", host->name);
    host->frozen = false;
}

static void start_agent(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    if (host->dead)
        return;
    world_tell(world, "The agent of %s starts", host->name);
    host->agent_up = true;
    network_greet(world, number);
}

static void connect_again(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    world_tell(world, "%s is connected again", host->name);
    host->up_link = host->down_link = host->dials = true;
    network_greet(world, number);
}

void chaos_take_happening(struct world *world, const struct happening *happening)
{
    struct host *host = &world->hosts[happening->host < 0 ? 0 : happening->host];
    struct happening second = {.at = world->now + SECOND_MS, .kind = HAPPENS_CHAOS};

    switch (happening->kind) {
    case HAPPENS_CHAOS:
        chaos_strike(world);
        if (!world->quiet)
            world_schedule(world, &second);
        break;
    case HAPPENS_GUARD_START:
        start_guard(world, happening);
        break;
    case HAPPENS_GUARD_KILL:
        if (host->guard_up && host->life == happening->life)
            chaos_kill_guard(world, happening->host);
        break;
    case HAPPENS_AGENT_START:
        start_agent(world, happening->host);
        break;
    case HAPPENS_DEATH:
        die(world, happening->host);
        break;
    case HAPPENS_SIGHT:
        world_tell(world, "SSH to %s works again from everywhere", host->name);
        set_blind(world, happening->host, 0);
        break;
    case HAPPENS_TWICE:
        people_say_again(world, happening);
        break;
    case HAPPENS_GREET:
        network_greet(world, happening->host);
        break;
    case HAPPENS_LOST:
        lose(world, happening->host);
        break;
    case HAPPENS_THAW:
        thaw(world, happening);
        break;
    case HAPPENS_CONTROLLER_START:
        lead_start(world);
        break;
    case HAPPENS_LINK:
        connect_again(world, happening->host);
        break;
    case HAPPENS_PEOPLE:
        if (!world->lead.up || happening->life != world->lead.life)
            break;
        if (happening->host < 0)
            people_answer_gates(world, happening);
        else if (happening->number == world->lead.look)
            people_look(world);
        break;
    case HAPPENS_KERNEL:
        if (happening->number == host->applied)
            guard_do_to_kernel(world, happening->host, happening);
        break;
    case HAPPENS_MESSAGE:
    case HAPPENS_TIMER:
    case HAPPENS_WORK:
    case HAPPENS_DISK:
    case HAPPENS_SYNC:
    case HAPPENS_LOCAL:
    case HAPPENS_LEAD:
    case HAPPENS_STORED:
        break;
    }
}
