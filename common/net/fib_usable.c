/*
 * fib_usable: which hop of a route a packet would take, and whether the route takes it at all.
 */
#include "common/net/fib_usable.h"

#include <linux/rtnetlink.h>
#include <stddef.h>

static const struct nexthop *find_object(const struct snapshot *snapshot, const struct route *route)
{
    return route->nexthop_id != 0 ? snapshot_find_nexthop(snapshot, route->nexthop_id) : NULL;
}

static bool is_alive(const struct hop *hop, uint32_t oif)
{
    return !hop->dead && (oif == 0 || hop->link == oif);
}

/* Of a nexthop object: its own, or the first usable member's. */
static const struct hop *choose_member(const struct snapshot *snapshot,
                                       const struct nexthop *object, uint32_t oif)
{
    if (!object->group)
        return is_alive(&object->hop, oif) ? &object->hop : NULL;
    for (uint32_t i = 0; i < object->members_count; i++) {
        const struct nexthop *member = snapshot_find_nexthop(snapshot, object->members[i].id);

        if (member != NULL && is_alive(&member->hop, oif))
            return &member->hop;
    }
    return NULL;
}

const struct hop *fib_usable_hop(const struct snapshot *snapshot, const struct route *route,
                                 uint32_t oif)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;

    if (route->nexthop_id != 0) {
        const struct nexthop *object = find_object(snapshot, route);

        return object != NULL ? choose_member(snapshot, object, oif) : NULL;
    }
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if (is_alive(&hops[i], oif))
            return &hops[i];
    }
    return NULL;
}

/* Routes that only say no are found without a hop, and local ones that list none. */
static bool needs_hop(const struct route *route)
{
    switch (route->type) {
    case RTN_THROW:
    case RTN_BLACKHOLE:
    case RTN_UNREACHABLE:
    case RTN_PROHIBIT:
        return false;
    case RTN_LOCAL:
    case RTN_BROADCAST:
    case RTN_ANYCAST:
        return route->hops_count > 0 || route->nexthop_id != 0;
    default:
        return true;
    }
}

bool fib_usable_is_blackhole(const struct snapshot *snapshot, const struct route *route)
{
    const struct nexthop *object = find_object(snapshot, route);

    return object != NULL && !object->group && object->blackhole;
}

/* IPv6 keeps its refusals on lo: who is bound to a device does not find them. */
bool fib_usable(const struct snapshot *snapshot, const struct route *route, uint32_t oif,
                const struct hop *hop)
{
    if (hop != NULL || fib_usable_is_blackhole(snapshot, route))
        return true;
    if (oif != 0 && route->destination.address.family == FAMILY_IPV6)
        return false;
    return !needs_hop(route);
}

int fib_usable_preference(const struct route *route)
{
    return route->preference == ROUTE_PREFERENCE_HIGH  ? 2
           : route->preference == ROUTE_PREFERENCE_LOW ? 0
                                                       : 1;
}

int fib_usable_score(const struct snapshot *snapshot, const struct route *route, uint32_t iif)
{
    bool is_back = iif == 0 || fib_usable_hop(snapshot, route, iif) != NULL;

    return fib_usable_preference(route) * 2 + is_back;
}
