/*
 * chaos: what goes wrong each second, what mends itself, and what people do.
 */
#include "common/core/text.h"
#include "tests/sim/sim.h"

enum { SECOND_MS = 1000, WATCHDOG_MS = 10000 };

static void later(struct world *world, enum event_kind kind, int host, int64_t from, int64_t to)
{
    struct happening happening = {.at = world->now + chance_between(&world->chance, from, to),
                                  .kind = kind,
                                  .host = host,
                                  .life = world->hosts[host].life};

    world_schedule(world, &happening);
}

static void lose(struct world *world, int number)
{
    struct rollout_event ev = {.kind = EVENT_LOST, .node = world->hosts[number].name};

    if (world->lead.up && number < SIM_NODES)
        lead_give(world, &ev);
}

static void break_link(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    int way = (int)chance_between(&world->chance, 0, 2);

    host->up_link = way == 1;
    host->down_link = way == 2;
    world_say(world, host->name, "is cut off%s",
              way == 1   ? ", but is heard"
              : way == 2 ? ", but hears"
                         : "");
    later(world, HAPPENS_LINK, number, 500, 60000);
    lose(world, number);
}

static void strike_host(struct world *world, int number)
{
    const struct faults *faults = &world->faults;
    struct host *host = &world->hosts[number];

    if (chance_permille(&world->chance, faults->partition_permille))
        break_link(world, number);
    if (host->dials && chance_permille(&world->chance, faults->dials_permille)) {
        host->dials = false;
        world_say(world, host->name, "can dial no new connection");
        later(world, HAPPENS_LINK, number, 500, 90000);
    }
    if (host->agent_up && chance_permille(&world->chance, faults->agent_crash_permille)) {
        host->agent_up = false;
        world_say(world, host->name, "agent dies");
        later(world, HAPPENS_AGENT_START, number, 200, 20000);
    }
    if (chance_permille(&world->chance, faults->undo_stuck_permille))
        host->undo_stuck_until = world->now + chance_between(&world->chance, 5000, 60000);
    if (chance_permille(&world->chance, faults->wall_step_permille))
        host->wall_offset_s = chance_between(&world->chance, -100000000, 100000000);
    if (number >= SIM_NODES || !host->guard_up)
        return;
    if (chance_permille(&world->chance, faults->guard_crash_permille)) {
        world_say(world, host->name, "guard dies");
        guard_stop(world, number, false);
        later(world, HAPPENS_GUARD_START, number, 50, 400);
    } else if (chance_permille(&world->chance, faults->reboot_permille)) {
        world_say(world, host->name, "loses its power");
        guard_stop(world, number, true);
        host->agent_up = false;
        later(world, HAPPENS_GUARD_START, number, 3000, 20000);
        later(world, HAPPENS_AGENT_START, number, 21000, 25000);
    } else if (!host->frozen && chance_permille(&world->chance, faults->freeze_permille)) {
        host->frozen = true;
        world_say(world, host->name, "guard freezes");
        later(world, HAPPENS_THAW, number, 200, WATCHDOG_MS + 3000);
    }
}

/* Signed by an operator, for what stands there or is on trial; the controller passes it on. */
static void give_order(struct world *world, int number)
{
    struct message *order = mem_alloc(1, sizeof(*order));
    struct host *host = &world->hosts[number];
    const struct ledger_generation *top = ledger_top(host->ledger);

    order->kind = ASK_ORDER;
    order->host = number;
    order->id = top != NULL ? top->id : host->trial->id;
    host->ordered = true;
    world_say(world, "operator", "orders %s back", host->name);
    if (chance_permille(&world->chance, 300)) { /* said again, as it does not hear of it */
        struct happening again = {.at = world->now + chance_between(&world->chance, 500, 20000),
                                  .kind = HAPPENS_MESSAGE,
                                  .host = number,
                                  .message = mem_copy(order, sizeof(*order))};

        world_schedule(world, &again);
    }
    network_send(world, order);
}

static void meddle(struct world *world, struct rollout_event *ev)
{
    enum rollout_state state = world->lead.rollout->record.state;
    bool closed = state == ROLLOUT_COMPLETE || state == ROLLOUT_ABORTED;

    world->lead.alone |= closed && ev->kind == EVENT_EMERGENCY && ev->node != NULL;
    world_say(world, "operator", "%s", rollout_event_name(ev->kind));
    lead_give(world, ev);
}

/* When all has confirmed, only an emergency is left to be said. */
static void people_regret(struct world *world)
{
    struct rollout_event ev = {
        .kind = EVENT_EMERGENCY, .by = "operator", .reason = "the phones ring"};

    if (chance_permille(&world->chance, 500))
        ev.node = world->hosts[chance_between(&world->chance, 0, SIM_NODES - 1)].name;
    meddle(world, &ev);
}

static void people_meddle(struct world *world)
{
    static const enum rollout_event_kind kinds[] = {EVENT_ABORT, EVENT_EMERGENCY, EVENT_FREEZE,
                                                    EVENT_NEXT, EVENT_CHECK_FAILING};
    struct rollout_event ev = {.by = "operator", .reason = "a person says so"};

    if (!world->lead.up)
        return;
    if (rollout_is_ended(world->lead.rollout)) {
        people_regret(world);
        return;
    }
    if (chance_permille(&world->chance, 200)) {
        give_order(world, (int)chance_between(&world->chance, 0, SIM_NODES - 1));
        return;
    }
    ev.kind = kinds[chance_between(&world->chance, 0, sizeof(kinds) / sizeof(kinds[0]) - 1)];
    if (ev.kind == EVENT_CHECK_FAILING || chance_permille(&world->chance, 300))
        ev.node = world->hosts[chance_between(&world->chance, 0, SIM_NODES - 1)].name;
    if (ev.kind == EVENT_NEXT || ev.kind == EVENT_ABORT)
        ev.node = NULL;
    meddle(world, &ev);
}

void chaos_strike(struct world *world)
{
    if (world->quiet)
        return;
    for (int i = 0; i < SIM_HOSTS; i++)
        strike_host(world, i);
    if (world->lead.up &&
        chance_permille(&world->chance, world->faults.controller_crash_permille)) {
        world_say(world, "controller", "dies");
        lead_stop(world);
    }
    if (chance_permille(&world->chance, world->faults.people_permille))
        people_meddle(world);
    if (world->hostile != NULL)
        hostile_strike(world);
}

/* From here on nothing fails, and everything has to come to its end. */
void chaos_end(struct world *world)
{
    world_say(world, "world", "no more faults");
    for (int i = 0; i < SIM_HOSTS; i++) {
        struct host *host = &world->hosts[i];

        host->up_link = host->down_link = host->dials = host->agent_up = true;
        host->wall_offset_s = 0;
        if (i < SIM_NODES && !host->guard_up)
            guard_start(world, i, CAUSE_REBOOT);
        host->frozen = false;
    }
    if (!world->lead.up)
        lead_start(world);
}

/* What an operator does who follows the sentences. In the quiet a halted one is taken back. */
static void people_look(struct world *world)
{
    const struct rollout *rollout = world->lead.rollout;
    struct rollout_event ev = {.kind = EVENT_NEXT, .by = "operator", .reason = "seen"};
    struct happening again = {
        .at = world->now + 20 * SECOND_MS, .kind = HAPPENS_PEOPLE, .life = world->lead.life};

    if (rollout_is_ended(rollout)) {
        bool back = rollout->record.state == ROLLOUT_REVERTED ||
                    rollout->record.state == ROLLOUT_ABORTED; /* rules 19, 20: by all receipts */

        if (back && lead_all_ended(world) && world->attempt < SIM_ATTEMPTS_MAX && !world->quiet &&
            chance_permille(&world->chance, 700)) {
            lead_sign(world);
        }
        return;
    }
    if (rollout->record.state == ROLLOUT_PAUSED) {
        lead_give(world, &ev);
    } else if (rollout->record.state == ROLLOUT_HALTED) {
        ev.kind = world->quiet || chance_permille(&world->chance, 500) ? EVENT_ABORT : EVENT_NEXT;
        lead_give(world, &ev);
    } else if (world->quiet && rollout->record.state == ROLLOUT_STAGE &&
               world->now > world->quiet_from + 300 * SECOND_MS) {
        ev.kind = EVENT_ABORT; /* it blocks: a person decides */
        lead_give(world, &ev);
    }
    world_schedule(world, &again);
}

static void answer_gates(struct world *world, const struct happening *happening)
{
    struct rollout_event ev = {.kind = EVENT_GATES, .reason = ""};

    ev.gates.stage = (uint32_t)happening->number;
    ev.gates.pass = true;
    if (!world->quiet && chance_permille(&world->chance, world->faults.gates_permille)) {
        if (chance_permille(&world->chance, 300))
            return; /* nobody answers */
        ev.gates.pass = false;
        ev.reason = "a gate says no";
    }
    lead_give(world, &ev);
}

static void start_guard(struct world *world, const struct happening *happening)
{
    if (!world->hosts[happening->host].guard_up)
        guard_start(world, happening->host, CAUSE_GUARD_DIED);
}

static void thaw(struct world *world, const struct happening *happening)
{
    struct host *host = &world->hosts[happening->host];

    if (!host->frozen || host->life != happening->life)
        return;
    world_say(world, host->name, "guard thaws");
    host->frozen = false;
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
    case HAPPENS_AGENT_START:
        host->agent_up = true;
        network_greet(world, happening->host);
        break;
    case HAPPENS_THAW:
        thaw(world, happening);
        break;
    case HAPPENS_CONTROLLER_START:
        lead_start(world);
        break;
    case HAPPENS_LINK:
        host->up_link = host->down_link = host->dials = true;
        network_greet(world, happening->host);
        break;
    case HAPPENS_PEOPLE:
        if (!world->lead.up || happening->life != world->lead.life)
            break;
        if (happening->host < 0)
            answer_gates(world, happening);
        else
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
    case HAPPENS_LOCAL:
    case HAPPENS_LEAD:
        break;
    }
}
