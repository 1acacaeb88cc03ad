/*
 * fib_hop: the hops among which the kernel chooses for a route, and what a rule suppresses by them,
 * as fib4_rule_suppress and fib6_rule_suppress have it.
 */
#include "common/net/fib_hop.h"

#include <stddef.h>

const struct hop *fib_hop_at(const struct snapshot *snapshot, const struct route *route, uint32_t i)
{
    const struct nexthop *object =
        route->nexthop_id != 0 ? snapshot_find_nexthop(snapshot, route->nexthop_id) : NULL;

    if (object != NULL && object->group) {
        if (i >= object->members_count)
            return NULL;
        object = snapshot_find_nexthop(snapshot, object->members[i].id);
        return object != NULL ? &object->hop : NULL;
    }
    if (object != NULL || route->hops_count < 2)
        return NULL; /* the one that was decided for */
    return i < route->hops_count ? &route->hops[i] : NULL;
}

static enum fib_suppressed is_of_group(const struct snapshot *snapshot, const struct rule *rule,
                                       const struct hop *hop)
{
    const struct link *link = hop != NULL ? snapshot_find_link(snapshot, hop->link) : NULL;

    if (link == NULL || !link->group_known)
        return FIB_SUPPRESSED_UNKNOWN;
    return link->group == (uint32_t)rule->suppress_ifgroup ? FIB_SUPPRESSED_YES : FIB_SUPPRESSED_NO;
}

/* IPv4 looks at the first hop, dead or not, whichever it takes. IPv6 looks at the one that it
 * takes: any of those that live, of an object also for who is bound to the device of another. */
static enum fib_suppressed is_by_group(const struct snapshot *snapshot, const struct rule *rule,
                                       const struct route *route, const struct hop *hop)
{
    const struct hop *one = fib_hop_at(snapshot, route, 0);
    enum fib_suppressed suppressed;

    if (rule->family == FAMILY_IPV4)
        return is_of_group(snapshot, rule, one != NULL ? one : hop);
    suppressed = is_of_group(snapshot, rule, hop);
    for (uint32_t i = 1; one != NULL; i++) {
        if (!one->dead && is_of_group(snapshot, rule, one) != suppressed)
            return FIB_SUPPRESSED_UNKNOWN;
        one = fib_hop_at(snapshot, route, i);
    }
    return suppressed;
}

enum fib_suppressed fib_hop_suppressed(const struct snapshot *snapshot, const struct rule *rule,
                                       const struct route *route, const struct hop *hop)
{
    if (rule->suppress_prefixlength >= 0 && route->destination.len <= rule->suppress_prefixlength)
        return FIB_SUPPRESSED_YES;
    return rule->suppress_ifgroup >= 0 ? is_by_group(snapshot, rule, route, hop)
                                       : FIB_SUPPRESSED_NO;
}
