/*
 * lead_sign: an operator signs the next attempt, with every end in hand that there is.
 */
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

enum { APPROVAL_VALID_S = 3600 };

/* A quarantine that somebody should have thought about. */
static bool is_left_out(struct world *world, uint32_t attempt, int host)
{
    return receipt_quarantines(&world->lead.receipts[attempt][host].receipt) &&
           fault_strikes(&world->faults, FAULT_UNNAMED, host) != NULL;
}

/* As oceanidctl does: the approval contains every end of its targets whose receipt came, with a
 * reason for each. */
static void fill_lifts(struct world *world, struct approval *approval)
{
    for (uint32_t a = 0; a + 1 < approval->attempt.sequence; a++) {
        for (int h = 0; h < world->nodes_count; h++) {
            struct lift *lift = &approval->lifts[approval->lifts_count];

            if (!world_is_target(world, h) || !world->lead.receipts[a][h].has ||
                !receipt_is_end(&world->lead.receipts[a][h].receipt))
                continue;
            lift->receipt = world->lead.receipts[a][h].hash;
            text_copy(lift->reason, sizeof(lift->reason),
                      is_left_out(world, a, h) ? "" : "understood");
            approval->lifts_count++;
        }
    }
}

/* The controller refuses another one, with the name of this, also of one that has ended everywhere
 * and was handed over once more. */
static bool is_led(const struct world *world)
{
    enum rollout_state state = world->lead.rollout->record.state;

    return world->attempt > 0 && state != ROLLOUT_COMPLETE && state != ROLLOUT_REVERTED &&
           state != ROLLOUT_ABORTED && state != ROLLOUT_INCOMPLETE;
}

bool lead_may_sign(const struct world *world, int change)
{
    uint32_t lifts = 0;

    if (world->attempt == SIM_ATTEMPTS_MAX || is_led(world))
        return false;
    for (int h = 0; h < world->nodes_count; h++) {
        if (world->changes[change].place_of[h] < 0)
            continue;
        if (world->hosts[h].removed)
            return false; /* it is in the change, and not in the roster */
        for (uint32_t a = 0; a < world->attempt; a++)
            lifts += world->lead.receipts[a][h].has;
    }
    return lead_all_ended(world, change) && lifts <= LIFTS_MAX;
}

/* Whoever confirmed cannot begin that attempt again either. */
static bool is_ended(const struct world *world, uint32_t attempt, int host, bool same)
{
    return world->lead.receipts[attempt][host].has &&
           (!same || receipt_is_end(&world->lead.receipts[attempt][host].receipt));
}

bool lead_all_ended(const struct world *world, int change)
{
    for (uint32_t a = 0; a < world->attempt; a++) {
        int of = world_find_change(world, &world->approvals[a].attempt.body);

        for (int h = 0; h < world->nodes_count; h++) {
            if (world->changes[of].place_of[h] >= 0 && !is_ended(world, a, h, of == change))
                return false;
        }
    }
    return true;
}

void lead_turn_to(struct world *world, uint32_t sequence)
{
    int change = world_find_change(world, &world->approvals[sequence - 1].attempt.body);

    world->lead.sequence = sequence;
    world->change = &world->changes[change];
}

/* Nothing is kept of it yet, and the database may be lost to one of before it. */
static void begin(struct world *world, bool was_lost)
{
    struct rollout_event start = {.kind = EVENT_START, .by = "operator", .reason = ""};

    world->lead.has_stored = false;
    world->lead.has_backup = was_lost && world->lead.has_backup;
    world->lead.named = world->lead.named_stored = 0;
    world->lead.alone = false;
    rollout_init(world->lead.rollout, world->lead.sequence, world->change->manifest,
                 &world->approvals[world->lead.sequence - 1]);
    model_lead_begins(world->model);
    people_say_twice(world, &start);
    lead_give(world, &start);
}

/* A manifest with somebody who is not in the roster is not taken again. */
bool lead_is_behind(const struct world *world)
{
    int newest;

    if (world->lead.sequence == world->attempt)
        return false;
    newest = world_find_change(world, &world->approvals[world->attempt - 1].attempt.body);
    for (int h = 0; h < world->nodes_count; h++) {
        if (world->hosts[h].removed && world->changes[newest].place_of[h] >= 0)
            return false;
    }
    return true;
}

void lead_hand_over(struct world *world)
{
    lead_take_stored(world);
    if (!world->lead.up)
        return;
    lead_turn_to(world, world->attempt);
    world_tell(world, "The operator hands attempt %u over again, from its file", world->attempt);
    begin(world, false);
    model_lead_forgets(world->model); /* what it knew of it before is in the other database */
}

/* What was copied of the database before this one was signed. */
static bool is_backed_up(struct world *world)
{
    world->lead.has_backup = world->lead.has_earlier;
    world->lead.has_earlier = false;
    return world->lead.has_backup;
}

void lead_sign(struct world *world, int change)
{
    struct approval *approval = &world->approvals[world->attempt];
    struct chance *how;
    bool was_lost;

    lead_take_stored(world);
    if (!world->lead.up)
        return; /* it has just died over that */
    how = fault_strikes(&world->faults, FAULT_SHORT, FAULT_CONTROLLER);

    model_signs(world->model);
    was_lost = is_backed_up(world);
    memset(approval, 0, sizeof(*approval));
    approval->attempt.body = world->changes[change].body;
    approval->attempt.sequence = ++world->attempt;
    lead_turn_to(world, world->attempt);
    approval->not_after =
        world_unix(world, NULL) + (how != NULL ? chance_between(how, 30, 600) : APPROVAL_VALID_S);
    fill_lifts(world, approval);
    world_tell(world, "The operator approves attempt %u%s%s", world->attempt,
               change == SIM_FIRST ? "" : ": ",
               change == SIM_FIRST ? "" : world->change->manifest->change);
    begin(world, was_lost);
}
