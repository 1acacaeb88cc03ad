/*
 * undo_hops: where a route leads, hop by hop.
 */
#include "agent/guard/core/undo_hops.h"

#include "agent/guard/core/undo_touch.h"

uint32_t undo_hops_of(const struct route *route, const struct hop **ret_hops)
{
    *ret_hops = route->hops_count > 1 ? route->hops : &route->hop;
    return route->hops_count;
}

bool undo_hops_has(const struct route *route, const struct hop *hop)
{
    const struct hop *hops;
    uint32_t count = undo_hops_of(route, &hops);

    for (uint32_t i = 0; i < count; i++) {
        if (hops[i].link == hop->link && address_equal(&hops[i].gateway, &hop->gateway))
            return true;
    }
    return false;
}

/* Where it leads to, or by which object. */
bool undo_hops_lead_so(const struct route *there, const struct route *was, const struct hop *hop)
{
    if (was->nexthop_id != 0 || there->nexthop_id != 0)
        return there->nexthop_id == was->nexthop_id;
    return hop == NULL || undo_hops_has(there, hop);
}

static bool is_way(const struct route *there, const struct route *was, const struct hop *hop)
{
    return !there->clone && undo_touch_same_key(there, was) &&
           address_equal(&there->prefsrc, &was->prefsrc) && undo_hops_lead_so(there, was, hop);
}

/* Most stand in order, and are there. */
bool undo_hops_have_way(const struct snapshot *snapshot, const struct route *was,
                        const struct hop *hop)
{
    size_t first, count = snapshot_find_routes(snapshot, was->table, &was->destination, &first);

    for (size_t i = first; i < first + count; i++) {
        if (is_way(&snapshot->routes[i], was, hop))
            return true;
    }
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (is_way(&snapshot->routes[i], was, hop))
            return true;
    }
    return false;
}

/* All its hops: IPv6 keeps each as a route of its own, and loses one by one. */
bool undo_hops_have_all(const struct snapshot *snapshot, const struct route *was)
{
    const struct hop *hops;
    uint32_t count = undo_hops_of(was, &hops);

    if (count == 0 || was->nexthop_id != 0)
        return undo_hops_have_way(snapshot, was, NULL);
    for (uint32_t i = 0; i < count; i++) {
        if (!undo_hops_have_way(snapshot, was, &hops[i]))
            return false;
    }
    return true;
}

static bool is_left_dead(const struct snapshot *after, const struct route *was,
                         const struct hop *hop)
{
    for (size_t i = 0; i < after->routes_count; i++) {
        const struct route *there = &after->routes[i];
        const struct hop *hops;
        uint32_t count = undo_touch_same_key(there, was) ? undo_hops_of(there, &hops) : 0;

        for (uint32_t k = 0; k < count; k++) {
            if (hops[k].dead && hops[k].link == hop->link &&
                address_equal(&hops[k].gateway, &hop->gateway))
                return true;
        }
    }
    return false;
}

bool undo_hops_have_lost_dead(const struct route *was, const struct snapshot *after,
                              const struct snapshot *now)
{
    bool lost = false, left = false;

    if (was->destination.address.family != FAMILY_IPV6 || was->nexthop_id != 0)
        return false;
    for (uint32_t i = 0; was->hops_count > 1 && i < was->hops_count; i++) {
        const struct hop *hop = &was->hops[i];
        bool there = undo_hops_have_way(now, was, hop);

        left |= there;
        lost |= !there && !hop->dead && is_left_dead(after, was, hop);
    }
    return lost && left;
}

bool undo_hops_stay(const struct snapshot *before, const struct snapshot *behind)
{
    if (before->routes_count != behind->routes_count)
        return false;
    for (size_t i = 0; i < before->routes_count; i++) {
        const struct route *was = &before->routes[i], *is = &behind->routes[i];

        if (!undo_touch_same_key(was, is) || was->hops_count != is->hops_count ||
            was->nexthop_id != is->nexthop_id || !address_equal(&was->prefsrc, &is->prefsrc))
            return false;
    }
    return true;
}
