/*
 * undo_beside: IPv4 routes of one destination, of which the kernel uses, and deletes, the first.
 */
#include "agent/guard/core/undo_beside.h"

#include "agent/guard/core/undo_touch.h"

bool undo_beside_leads_by(const struct route *route, uint32_t link)
{
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if ((route->hops_count > 1 ? route->hops[i].link : route->hop.link) == link)
            return true;
    }
    return false;
}

bool undo_beside_goes(const struct route *route, uint32_t link, const struct snapshot *objects,
                      const struct snapshot *from)
{
    bool goes = route->nexthop_id != 0 ? snapshot_find_nexthop(objects, route->nexthop_id) != NULL
                                       : undo_beside_leads_by(route, link);

    return goes && undo_touch_may_restore(route, from);
}

bool undo_beside_stands(const struct route *route, uint32_t link, const struct snapshot *objects,
                        const struct snapshot *from)
{
    size_t first, count;

    if (route->destination.address.family != FAMILY_IPV4 || route->clone ||
        undo_beside_leads_by(route, link) || undo_beside_goes(route, link, objects, from))
        return false;
    count = snapshot_find_routes(from, route->table, &route->destination, &first);
    for (size_t i = first; i < first + count; i++) {
        if (undo_touch_same_key(&from->routes[i], route) &&
            undo_beside_goes(&from->routes[i], link, objects, from))
            return true;
    }
    return false;
}

bool undo_beside_fits(const struct route *there, const struct route *own)
{
    struct route like = *there; /* borrows */

    like.metric = own->metric;
    return own->metric == 0 && own->destination.address.family == FAMILY_IPV4 &&
           there->protocol == OCEANID_PROTOCOL && undo_touch_same_key(&like, own);
}

enum undo_beside_place undo_beside_place(const struct undo_loss *loss, size_t index)
{
    switch (undo_lost_way(&loss->had->routes[index], loss->now)) {
    case UNDO_LOST_INSTEAD:
        return UNDO_BESIDE_INSTEAD;
    case UNDO_LOST_BESIDE:
        return undo_lost_stood_first(loss, index) ? UNDO_BESIDE_FIRST : UNDO_BESIDE_LAST;
    case UNDO_LOST_ALONE:
        break;
    }
    return undo_lost_is_behind(loss, index) ? UNDO_BESIDE_LAST : UNDO_BESIDE_ALONE;
}

/* ---- what is left -----------------------------------------------------------------------------
 */

enum { NO_LINK = 0 };

static const char *device_of(const struct operation *operation)
{
    if (operation->kind == OPERATION_ADDRESS)
        return operation->address.device;
    return operation->kind == OPERATION_LINK ? operation->link.device : "";
}

bool undo_beside_has(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (undo_touch_same_key(&snapshot->routes[i], route) &&
            undo_touch_same_route(&snapshot->routes[i], route))
            return true;
    }
    return false;
}

bool undo_beside_is_first(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (!snapshot->routes[i].clone && undo_touch_same_key(&snapshot->routes[i], route))
            return &snapshot->routes[i] == route;
    }
    return false;
}

static void take_beside(const struct route *was, uint32_t link, const struct snapshot *now,
                        struct snapshot *to)
{
    size_t first, count = snapshot_find_routes(now, was->table, &was->destination, &first);

    for (size_t i = first; i < first + count; i++) {
        const struct route *there = &now->routes[i];

        if (!there->clone && undo_touch_same_key(there, was) &&
            !undo_beside_leads_by(there, link) && !undo_beside_has(to, there))
            undo_touch_take_route(now, there, to);
    }
}

void undo_beside_take_left(const struct operation *operation, const struct snapshot *before,
                           const struct snapshot *now, struct snapshot *to)
{
    const struct link *link = snapshot_find_device(now, device_of(operation));
    bool object = operation->kind == OPERATION_NEXTHOP; /* by whatever device */

    for (size_t i = 0; (link != NULL || object) && i < before->routes_count; i++) {
        if (before->routes[i].destination.address.family == FAMILY_IPV4)
            take_beside(&before->routes[i], object ? NO_LINK : link->index, now, to);
    }
}
