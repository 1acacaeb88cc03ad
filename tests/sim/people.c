/*
 * people: what operators do: what the sentences tell them to, and what impatience does.
 */
#include "common/core/text.h"
#include "tests/sim/sim.h"

enum { LOOK_AGAIN_MS = 20000 };

static struct chance *strikes(struct world *world, enum fault fault, int host)
{
    return fault_strikes(&world->faults, fault, host);
}
/* ---- people ---------------------------------------------------------------------------------- */

/* Signed by an operator; the controller passes it on. */
static void sign_order(struct world *world, int number, const struct generation_id *id)
{
    struct message *order = network_message(ASK_ORDER, number);
    struct host *host = &world->hosts[number];
    struct chance *again = strikes(world, FAULT_TWICE, FAULT_CONTROLLER);

    order->id = *id;
    host->ordered |= UINT64_C(1) << order->id.attempt.sequence;
    world_tell(world, "An operator signs the order to roll %s back", host->name);
    if (again != NULL) { /* said again, as it does not hear of it */
        struct happening second = {.at = world->now + chance_between(again, 500, 20000),
                                   .kind = HAPPENS_MESSAGE,
                                   .host = number,
                                   .message = mem_copy(order, sizeof(*order))};

        world_schedule(world, &second);
    }
    network_send(world, order);
}

/* For what stands there or is on trial. */
void people_sign_order(struct world *world, int number)
{
    const struct host *host = &world->hosts[number];
    const struct ledger_generation *top = ledger_top(host->ledger);

    sign_order(world, number, top != NULL ? &top->id : &host->trial->id);
}

void people_order_older(struct world *world, int number, uint32_t generation)
{
    sign_order(world, number, &world->hosts[number].ledger->generations[generation].id);
}

void people_want_older(struct world *world, int number)
{
    const struct ledger *ledger = world->hosts[number].ledger;
    struct chance *how;
    uint32_t which;

    if (ledger->generations_count < 2 || !lead_listens(world))
        return;
    how = strikes(world, FAULT_OLDER, number);
    if (how == NULL)
        return;
    which = (uint32_t)chance_between(how, 0, (int64_t)ledger->generations_count - 2);
    if (chance_permille(how, 500))
        people_order_older(world, number, which);
    else
        lead_want_older(world, number, ledger->generations[which].id.attempt.sequence);
}

/* Whatever a person says, impatience says it twice. */
void people_say_twice(struct world *world, const struct rollout_event *ev)
{
    struct chance *how = strikes(world, FAULT_TWICE, FAULT_CONTROLLER);
    struct happening again = {.kind = HAPPENS_TWICE, .said = ev->kind, .host = -1};

    if (how == NULL)
        return;
    again.at = world->now + chance_between(how, 1, 3000);
    if (ev->node != NULL)
        again.host = world_find_host(world, ev->node);
    world_schedule(world, &again);
}

/* The same attempt once more; and a next one, which is refused while one is not ended (rule 20). */
static void approve_too(struct world *world, struct rollout_event *ev)
{
    world_tell(world, "Another operator approves attempt %u too", world->lead.sequence);
    lead_give(world, ev);
    if (!world->lead.up)
        return;
    if (lead_may_sign(world, world_change_number(world)))
        lead_sign(world, world_change_number(world));
    else
        world_tell(world, "and may not approve a next one: this one has not ended everywhere");
}

/* Behind an emergency the controller looks who has left the roster: nobody waits for those. */
static void give(struct world *world, struct rollout_event *ev)
{
    lead_give(world, ev);
    for (int i = 0; i < world->nodes_count && ev->kind == EVENT_EMERGENCY; i++)
        people_tell_removed(world, i);
}

/* A freeze and another hold are kept before they are told. */
static void say(struct world *world, struct rollout_event *ev, struct chance how)
{
    enum hold_kind kind = ev->kind == EVENT_FREEZE ? HOLD_FREEZE : HOLD_PAUSE;
    int node = ev->node != NULL ? world_find_host(world, ev->node) : -1;

    if (ev->kind == EVENT_FREEZE || ev->kind == EVENT_HOLD)
        people_put_hold(world, kind, node, how);
    else if (ev->kind == EVENT_CHECK_FAILING)
        lead_say_failing(world, ev);
    else
        give(world, ev);
}

void people_say_again(struct world *world, const struct happening *happening)
{
    struct rollout_event ev = {
        .kind = happening->said, .by = "another operator", .reason = "said by two"};

    if (!world->lead.up)
        return;
    if (ev.kind == EVENT_START) {
        approve_too(world, &ev);
        return;
    }
    if (rollout_is_ended(world->lead.rollout))
        return;
    if (happening->host >= 0)
        ev.node = world->hosts[happening->host].name;
    world_tell(world, "Another operator says %s too", rollout_event_name(ev.kind));
    say(world, &ev, *fault_draw(&world->faults, FAULT_CONTROLLER));
}

/* Of a node that the rollout does not have controller/io refuses it. */
static int any_node(struct world *world, struct chance *how)
{
    int node = (int)chance_between(how, 0, world->nodes_count - 1);

    while (!world_is_target(world, node))
        node = (node + 1) % world->nodes_count;
    return node;
}

static void meddle(struct world *world, struct rollout_event *ev, struct chance how)
{
    enum rollout_state state = world->lead.rollout->record.state;
    bool closed = state == ROLLOUT_COMPLETE || state == ROLLOUT_ABORTED;

    world->lead.alone |= closed && ev->kind == EVENT_EMERGENCY && ev->node != NULL;
    world_tell(world, "An operator says %s%s%s", rollout_event_name(ev->kind),
               ev->node != NULL ? " of " : "", ev->node != NULL ? ev->node : "");
    people_say_twice(world, ev);
    say(world, ev, how);
}

/* When all has confirmed, only an emergency is left to be said. */
static void people_regret(struct world *world, struct chance *how)
{
    struct rollout_event ev = {
        .kind = EVENT_EMERGENCY, .by = "operator", .reason = "the phones ring"};

    if (chance_permille(how, 500))
        ev.node = world->hosts[any_node(world, how)].name;
    meddle(world, &ev, *how);
}

void people_meddle(struct world *world, struct chance how)
{
    static const enum rollout_event_kind kinds[] = {EVENT_ABORT, EVENT_EMERGENCY,     EVENT_FREEZE,
                                                    EVENT_NEXT,  EVENT_CHECK_FAILING, EVENT_HOLD};
    struct rollout_event ev = {.by = "operator", .reason = "a person says so"};

    if (!lead_listens(world))
        return;
    if (rollout_is_ended(world->lead.rollout)) {
        people_regret(world, &how);
        return;
    }
    if (chance_permille(&how, 200)) {
        people_sign_order(world, any_node(world, &how));
        return;
    }
    ev.kind = kinds[chance_between(&how, 0, sizeof(kinds) / sizeof(kinds[0]) - 1)];
    if (ev.kind == EVENT_CHECK_FAILING || chance_permille(&how, 300))
        ev.node = world->hosts[any_node(world, &how)].name;
    if (ev.kind == EVENT_NEXT || ev.kind == EVENT_ABORT)
        ev.node = NULL;
    meddle(world, &ev, how);
}

void people_call(struct world *world)
{
    struct rollout_event ev = {
        .kind = EVENT_EMERGENCY, .by = "operator", .reason = "everything is down"};
    bool stands = false, silent = false;

    for (int i = 0; i < world->nodes_count; i++) {
        const struct host *host = &world->hosts[i];
        bool reached = host->agent_up && host->up_link && host->down_link;
        const struct ledger_generation *top = ledger_top(host->ledger);

        stands |= reached && host->guard_up && top != NULL && top->mark == MARK_CONFIRMED;
        silent |= !reached && !host->removed;
    }
    if (!stands || !silent || !lead_listens(world) ||
        strikes(world, FAULT_EMERGENCY, FAULT_CONTROLLER) == NULL)
        return;
    world_tell(world, "An operator says emergency");
    world->lead.dies_behind_store = true;
    give(world, &ev);
    world->lead.dies_behind_store = false;
}

void people_order(struct world *world, int node)
{
    enum trial_state state = world->hosts[node].trial->state;

    if (lead_listens(world) && world->hosts[node].guard_up &&
        (state == TRIAL_REVERTING || state == TRIAL_VERIFYING || state == TRIAL_POPPING) &&
        strikes(world, FAULT_ORDERS, node) != NULL)
        people_sign_order(world, node);
}

/* ---- who signs the roster ------------------------------------------------------------------- */

void people_tell_removed(struct world *world, int node)
{
    const struct rollout *rollout = world->lead.rollout;
    struct rollout_event ev = {.kind = EVENT_REMOVED,
                               .node = world->hosts[node].name,
                               .reason = "it is not in the roster any more"};

    if (!world->hosts[node].removed || !world->lead.up)
        return;
    lead_give(world, &ev);
    if (world->lead.up && world_is_target(world, node) && !rollout_is_ended(rollout) &&
        rollout->record.state != ROLLOUT_REVERTING)
        world_violate(world, "7: %s left the roster, and the rollout goes on: %s", ev.node,
                      rollout_state_name(rollout->record.state));
}

void people_remove(struct world *world, int node)
{
    struct host *host = &world->hosts[node];

    if (!host->dead || host->removed || node >= world->nodes_count || !lead_listens(world) ||
        world->unattended || (!world->quiet && strikes(world, FAULT_REMOVES, node) == NULL))
        return;
    host->removed = true;
    world_tell(world, "An operator signs a roster without %s", host->name);
    people_tell_removed(world, node);
}

/* ---- who follows the sentences ---------------------------------------------------------------
 */

/* Nothing fails any more, and it still does not go on: what its gates want will not come. */
static bool is_hopeless(const struct world *world)
{
    enum rollout_state state = world->lead.rollout->record.state;

    return world->quiet &&
           (state == ROLLOUT_STAGE || state == ROLLOUT_LEARNING || state == ROLLOUT_PAUSED ||
            state == ROLLOUT_GATES) &&
           world->now > world->quiet_from + (int64_t)world->nodes_count * SIM_PATIENCE_MS;
}

/* Past its not-after, by its guard's clock: what stands there is given back for a signature only,
 * or for a fellow's signed end. Before that the controller asks, and nobody else. */
static bool is_past_asking(const struct world *world, const struct host *host)
{
    const struct ledger_generation *top = ledger_top(host->ledger);

    return top != NULL && world_unix(world, host) > top->begin.not_after;
}

static void sign_what_is_listed(struct world *world)
{
    const struct rollout_record *record = &world->lead.rollout->record;

    for (int i = 0; world->quiet && i < world->nodes_count; i++) {
        const struct host *host = &world->hosts[i];
        const struct target_record *target = world_find_record(world->change, record, i);

        if (target != NULL && target->listed && target->says == SAYS_CONFIRMED && !host->dead &&
            is_past_asking(world, host))
            people_sign_order(world, i);
    }
}

static void look_again(struct world *world)
{
    struct happening again = {.at = world->now + LOOK_AGAIN_MS,
                              .kind = HAPPENS_PEOPLE,
                              .life = world->lead.life,
                              .number = ++world->lead.look};

    world_schedule(world, &again);
}

/* Rules 19, 20: by all receipts. Another change, where somebody has one: also when this one stands.
 */
static void sign_next(struct world *world)
{
    enum rollout_state state = world->lead.rollout->record.state;
    int change = world_change_number(world);
    struct chance *how;

    if (lead_is_behind(world)) {
        if (world->quiet || chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 300))
            lead_hand_over(world);
        else
            look_again(world);
        return;
    }
    if (world->quiet)
        return;
    how = strikes(world, FAULT_FURTHER, FAULT_CONTROLLER);
    if (how != NULL) {
        change = (change + (int)chance_between(how, 1, SIM_CHANGES - 1)) % SIM_CHANGES;
        world_write_change(world, change);
        if (lead_may_sign(world, change))
            lead_sign(world, change);
        return;
    }
    if (state != ROLLOUT_COMPLETE && lead_may_sign(world, change) &&
        chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 700))
        lead_sign(world, change);
}

/* What an operator does who follows the sentences. In the quiet a halted one is taken back. */
void people_look(struct world *world)
{
    const struct rollout *rollout = world->lead.rollout;
    struct rollout_event ev = {.kind = EVENT_NEXT, .by = "operator", .reason = "seen"};
    unsigned look = world->lead.look;

    /* Of an earlier database it is no open rollout either: what was signed behind it is handed
     * over. */
    if (rollout->record.state == ROLLOUT_INCOMPLETE && !lead_is_behind(world)) {
        sign_what_is_listed(world);
        look_again(world);
        return;
    }
    if (rollout_is_ended(rollout)) {
        sign_next(world);
        return;
    }
    if (rollout->record.state == ROLLOUT_PAUSED && !is_hopeless(world)) {
        if (world->quiet || chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 700))
            people_lift(world, true);
        world_tell(world, "The operator says next");
        people_say_twice(world, &ev);
        lead_give(world, &ev);
    } else if (rollout->record.state == ROLLOUT_HALTED) {
        ev.kind = world->quiet || chance_permille(fault_draw(&world->faults, FAULT_CONTROLLER), 500)
                      ? EVENT_ABORT
                      : EVENT_NEXT;
        world_tell(world, "The operator says %s", rollout_event_name(ev.kind));
        lead_give(world, &ev);
    } else if (is_hopeless(world)) {
        ev.kind = EVENT_ABORT; /* it blocks: a person decides */
        world_tell(world, "The operator aborts: it waits for too long");
        lead_give(world, &ev);
    }
    if (world->lead.look != look || !world->lead.up)
        return; /* what it did woke them again */
    look_again(world);
}

/* True: the story says it. */
static bool is_told(const struct world *world, struct rollout_event *ev)
{
    ev->gates.awaits = world->gates_await;
    if (world->gates_say_no)
        ev->reason = "hold: frozen by an operator";
    if (world->gates_await)
        ev->reason = "watcher: its agent to connect";
    return world->gates_say_no || world->gates_await;
}

/* What it was told meanwhile is on its way to the disk. */
static void answer_later(struct world *world, const struct happening *happening)
{
    struct happening again = *happening;

    again.at = world->lead.writing_until;
    world_schedule(world, &again);
}

void people_answer_gates(struct world *world, const struct happening *happening)
{
    char reason[REASON_SIZE] = "";
    struct rollout_event ev = {.kind = EVENT_GATES, .reason = reason};

    if (strikes(world, FAULT_GATES, FAULT_CONTROLLER) != NULL) {
        world_tell(world, "Nobody answers the gates");
        return;
    }
    ev.gates.stage = (uint32_t)happening->number;
    desk_take_reports(world);
    if (lead_is_writing(world)) {
        answer_later(world, happening);
        return;
    }
    if (!world->lead.up || !lead_keep(world))
        return;
    if (!is_told(world, &ev))
        desk_answer_gates(world, ev.gates.stage, &ev, reason, sizeof(reason));
    lead_give(world, &ev);
}
