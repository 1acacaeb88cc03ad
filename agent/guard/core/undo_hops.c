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

bool undo_hops_have_way(const struct snapshot *snapshot, const struct route *was,
                        const struct hop *hop)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *there = &snapshot->routes[i];

        if (!there->clone && undo_touch_same_key(there, was) &&
            address_equal(&there->prefsrc, &was->prefsrc) && undo_hops_lead_so(there, was, hop))
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
