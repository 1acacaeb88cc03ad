/*
 * people_holds: freezes, pauses, windows and maintenance: who puts them, and who lifts them.
 */
#include <stdio.h>

#include "common/core/text.h"
#include "tests/sim/checker.h"

enum { MINUTES_A_DAY = 1440, UNTIL_MIN_S = 20, UNTIL_MAX_S = 300, OPENS_MAX_MIN = 6 };

/* As controller/io does with what was put: it is durable already. */
static void tell(struct world *world, const struct hold *hold, int node)
{
    struct rollout_event ev = {.kind = hold->kind == HOLD_FREEZE ? EVENT_FREEZE : EVENT_HOLD,
                               .by = "operator",
                               .reason = hold->reason};
    uint64_t open = model_in_doubt(world->model, node);
    bool freezes = hold->kind == HOLD_FREEZE;

    if (!world->lead.up || !hold_stops(hold, desk_unix(world)))
        return;
    ev.node = node < 0 ? NULL : world->hosts[node].name;
    lead_give(world, &ev);
    if (freezes)
        model_frozen(world->model, open);
}

void people_resume_freezes(struct world *world)
{
    const struct holds *holds = &world->desk->holds;

    for (uint32_t i = 0; i < holds->count && world->lead.up; i++) {
        if (holds->list[i].kind == HOLD_FREEZE)
            tell(world, &holds->list[i], world_find_host(world, holds->list[i].scope));
    }
}

/* ---- putting --------------------------------------------------------------------------------- */

/* It opens soon, or closes soon: by the controller's clock, which may be wrong. */
static bool fill_window(const struct world *world, struct chance *how, struct hold *wanted,
                        struct seen_hold *seen)
{
    int minute = (int)(desk_unix(world) % 86400 / 60);
    int first = minute + (int)chance_between(how, -2, OPENS_MAX_MIN);
    int behind = first + (int)chance_between(how, 1, OPENS_MAX_MIN);

    if (first < 0 || behind > MINUTES_A_DAY)
        return false;
    seen->opens_min = (unsigned)first;
    seen->closes_min = (unsigned)behind;
    snprintf(wanted->object, sizeof(wanted->object), "mon-sun %02d:%02d-%02d:%02d", first / 60 % 25,
             first % 60, behind / 60 % 25, behind % 60);
    return true;
}

static void maintain(struct world *world, int node, int64_t until)
{
    struct roster *roster = world->desk->roster;
    struct maintenance *entry = &roster->maintenance[roster->maintenance_count];
    const struct hold *hold;

    if (roster_find_maintenance(roster, world->hosts[node].name) != NULL)
        return;
    roster->maintenance_count++;
    text_copy(entry->node, sizeof(entry->node), world->hosts[node].name);
    text_copy(entry->reason, sizeof(entry->reason), "somebody works there");
    entry->until = until;
    world_tell(world, "An operator signs %s into maintenance", entry->node);
    desk_take_roster(world);
    hold = holds_find(&world->desk->holds, HOLD_MAINTENANCE, entry->node, desk_unix(world));
    if (hold != NULL)
        tell(world, hold, node);
}

void people_put_hold(struct world *world, enum hold_kind kind, int node, struct chance how)
{
    struct hold wanted = {.kind = kind};
    struct seen_hold seen = {.kind = kind, .host = node};
    struct err err = ERR_INIT;
    const struct hold *hold;

    if (chance_permille(&how, 500))
        wanted.until = desk_unix(world) + chance_between(&how, UNTIL_MIN_S, UNTIL_MAX_S);
    if (!lead_keep(world))
        return;
    if (kind == HOLD_MAINTENANCE) {
        maintain(world, node < 0 ? 0 : node, wanted.until);
        return;
    }
    if (kind == HOLD_WINDOW && !fill_window(world, &how, &wanted, &seen))
        return;
    text_copy(wanted.scope, sizeof(wanted.scope), node < 0 ? "fleet" : world->hosts[node].name);
    text_copy(wanted.reason, sizeof(wanted.reason), "a person says so");
    text_copy(wanted.by, sizeof(wanted.by), "operator");
    hold = holds_add(&world->desk->holds, &wanted, desk_unix(world), &err);
    if (hold == NULL) {
        world_violate(world, "a hold that people may put is refused: %s", err.text);
        return;
    }
    seen.id = hold->id;
    seen.until = wanted.until;
    model_put(world->model, &seen);
    world_tell(world, "An operator puts a %s on %s %s", hold_kind_name(kind), hold->scope,
               hold->object);
    if (fault_strikes(&world->faults, FAULT_DIES_STORING, FAULT_CONTROLLER) != NULL) {
        world_tell(world, "The controller dies over it");
        lead_stop(world);
        return;
    }
    tell(world, hold, node);
}

void people_put_any_hold(struct world *world, struct chance how)
{
    static const enum hold_kind kinds[] = {HOLD_FREEZE, HOLD_PAUSE, HOLD_MAINTENANCE, HOLD_WINDOW,
                                           HOLD_WINDOW};
    enum hold_kind kind = kinds[chance_between(&how, 0, sizeof(kinds) / sizeof(kinds[0]) - 1)];
    int node = (int)chance_between(&how, 0, world->nodes_count - 1);

    if (!lead_listens(world))
        return;
    people_put_hold(world, kind, chance_permille(&how, 500) ? node : -1, how);
}

/* ---- lifting --------------------------------------------------------------------------------- */

/* True: it was one that a person can lift. */
static bool lift(struct world *world, const struct hold *hold)
{
    struct err err = ERR_INIT;
    uint64_t id = hold->id;

    if (!hold_is_active(hold, desk_unix(world)) || hold->kind == HOLD_QUARANTINE)
        return false;
    if (!lead_keep(world))
        return false;
    world_tell(world, "An operator lifts the %s of %s", hold_kind_name(hold->kind), hold->scope);
    if (hold->kind == HOLD_MAINTENANCE) {
        roster_end_maintenance(world->desk->roster, hold->scope);
        desk_take_roster(world);
        return true;
    }
    if (!holds_lift(&world->desk->holds, id, &err))
        world_violate(world, "a hold that people may lift stays: %s", err.text);
    model_lift(world->model, id);
    return true;
}

void people_lift(struct world *world, bool all)
{
    const struct holds *holds = &world->desk->holds;

    for (uint32_t i = 0; i < holds->count && lead_listens(world); i++) {
        if (lift(world, &holds->list[i]) && !all)
            return;
    }
}
