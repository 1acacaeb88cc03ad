/*
 * consequence_route: the routes and nexthop objects that follow from addresses and links.
 */
#include "common/net/consequence_route.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/net/consequence.h"

enum { IPV6_CONNECTED_METRIC = 256 }; /* IP6_RT_PRIO_ADDRCONF */

static uint8_t family_of(const struct route *route)
{
    return route->destination.address.family;
}

/* ---- the kernel's own -------------------------------------------------------------------------
 */

static bool is_there(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *there = &snapshot->routes[i];

        if (!there->clone && snapshot_compare_routes(there, route) == 0 && there->hops_count == 1 &&
            there->hop.link == route->hop.link)
            return true;
    }
    return false;
}

void consequence_route_add(struct snapshot *snapshot, const struct link_address *own,
                           const struct prefix *destination, uint8_t type)
{
    bool ipv6 = own->address.family == FAMILY_IPV6;
    struct route route = {.destination = *destination,
                          .table = type == RTN_UNICAST ? RT_TABLE_MAIN : RT_TABLE_LOCAL,
                          .type = type,
                          .protocol = RTPROT_KERNEL,
                          .scope = ipv6                ? RT_SCOPE_UNIVERSE
                                   : type == RTN_LOCAL ? RT_SCOPE_HOST
                                                       : RT_SCOPE_LINK,
                          .metric = own->metric,
                          .hops_count = 1,
                          .hop = {.link = own->link, .weight = 1}};

    if (type != RTN_UNICAST)
        route.metric = 0;
    else if (ipv6 && route.metric == 0)
        route.metric = IPV6_CONNECTED_METRIC;
    if (!ipv6)
        route.prefsrc = own->address;
    if (!is_there(snapshot, &route))
        *snapshot_add_route(snapshot) = route;
}

/* ---- filtering --------------------------------------------------------------------------------
 */

struct loss {
    struct snapshot *snapshot;
    uint32_t link;
    uint8_t family;                  /* FAMILY_NONE: both */
    const struct link_address *gone; /* NULL: none */
    bool last;                       /* no address of that family is left on the link */
};

typedef bool (*stays_fn)(const struct loss *loss, struct route *route);

static bool is_of_family(const struct route *route, uint8_t family)
{
    return family == FAMILY_NONE || family_of(route) == family;
}

static void filter_routes(const struct loss *loss, stays_fn stays)
{
    struct snapshot *snapshot = loss->snapshot;
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->routes_count; i++) {
        struct route route = snapshot->routes[i];

        if (route.clone || !is_of_family(&route, loss->family) || stays(loss, &route)) {
            snapshot->routes[kept++] = route;
            continue;
        }
        free(route.hops);
        free(route.raw);
    }
    snapshot->routes_count = kept;
}

/* Its raw bytes say what it was before. */
static void forget_raw(struct route *route)
{
    free(route->raw);
    route->raw = NULL;
    route->raw_len = 0;
}

/* IPv4 keeps the hops of a device that is gone, as dead ones, while one is alive
 * (fib_sync_down_dev). */
static bool kill_hops(struct route *route, uint32_t link)
{
    uint32_t alive = 0;

    for (uint32_t i = 0; i < route->hops_count; i++) {
        route->hops[i].dead |= route->hops[i].link == link;
        alive += !route->hops[i].dead;
    }
    return alive > 0;
}

/* False where no hop is left. */
static bool drop_hops(struct route *route, uint32_t link)
{
    uint32_t kept = 0;

    if (route->hops_count <= 1)
        return route->hops_count == 0 || route->hop.link != link;
    if (route->destination.address.family == FAMILY_IPV4)
        return kill_hops(route, link);
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if (route->hops[i].link != link)
            route->hops[kept++] = route->hops[i];
    }
    if (kept == route->hops_count)
        return true;
    forget_raw(route);
    route->hops_count = kept;
    if (kept == 1) {
        route->hop = route->hops[0];
        free(route->hops);
        route->hops = NULL;
    }
    return kept > 0;
}

static bool stays_without_link(const struct loss *loss, struct route *route)
{
    if (route->nexthop_id != 0 || (loss->family == FAMILY_IPV4 && route->type == RTN_LOCAL))
        return true;
    return drop_hops(route, loss->link);
}

void consequence_route_revive_hops(struct snapshot *snapshot, uint32_t link)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        struct route *route = &snapshot->routes[i];

        for (uint32_t k = 0; route->hops_count > 1 && k < route->hops_count; k++)
            route->hops[k].dead &= route->hops[k].link != link;
    }
}

void consequence_route_drop_link(struct snapshot *snapshot, uint32_t link, uint8_t family)
{
    struct loss loss = {.snapshot = snapshot, .link = link, .family = family};

    filter_routes(&loss, stays_without_link);
}

/* ---- an address is gone -----------------------------------------------------------------------
 */

/* Whose network, own address or broadcast this is; NULL: nobody's any more. */
static const struct link_address *find_keeper(const struct loss *loss, const struct route *route)
{
    for (size_t i = 0; i < loss->snapshot->addresses_count; i++) {
        const struct link_address *own = &loss->snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);
        struct address last = prefix_last(&network);

        if (own->link != loss->link || own->address.family != loss->family)
            continue;
        if (route->type == RTN_LOCAL ? address_equal(&own->address, &route->destination.address)
            : route->type == RTN_BROADCAST
                ? address_equal(&last, &route->destination.address)
                : prefix_contains(&network, &route->destination.address) &&
                      (route->type != RTN_UNICAST || prefix_equal(&network, &route->destination)))
            return own;
    }
    return NULL;
}

static bool is_own_address(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, address))
            return true;
    }
    return false;
}

/* The kernel made it for the addresses of this link. */
static bool is_kernels(const struct loss *loss, const struct route *route)
{
    return route->protocol == RTPROT_KERNEL && route->hops_count == 1 &&
           route->hop.link == loss->link && route->type != RTN_MULTICAST;
}

static bool stays_without_source(const struct loss *loss, struct route *route)
{
    bool lost = address_equal(&route->prefsrc, &loss->gone->address) &&
                !is_own_address(loss->snapshot, &route->prefsrc);

    if (!lost)
        return true;
    if (loss->family == FAMILY_IPV4)
        return route->table != RT_TABLE_MAIN;
    route->prefsrc = (struct address){.family = FAMILY_NONE};
    forget_raw(route);
    return true;
}

static bool stays_without_address(const struct loss *loss, struct route *route)
{
    if (is_kernels(loss, route)) {
        const struct link_address *keeper = find_keeper(loss, route);

        const struct link_address *primary =
            keeper != NULL ? consequence_find_primary(loss->snapshot, keeper) : NULL;

        if (primary != NULL && address_equal(&route->prefsrc, &loss->gone->address))
            route->prefsrc = primary->address;
        return keeper != NULL;
    }
    if (loss->last && route->nexthop_id == 0 && !drop_hops(route, loss->link))
        return false;
    return !address_is_set(&route->prefsrc) || stays_without_source(loss, route);
}

void consequence_route_follow_addresses(struct snapshot *snapshot, const struct link_address *gone)
{
    struct loss loss = {.snapshot = snapshot,
                        .link = gone->link,
                        .family = gone->address.family,
                        .gone = gone,
                        .last = gone->address.family == FAMILY_IPV4};

    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (snapshot->addresses[i].link == gone->link &&
            snapshot->addresses[i].address.family == loss.family)
            loss.last = false;
    }
    filter_routes(&loss, stays_without_address);
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

static bool leave_group(struct nexthop *group, uint32_t id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < group->members_count; i++) {
        if (group->members[i].id != id)
            group->members[kept++] = group->members[i];
    }
    group->members_count = kept;
    return kept > 0;
}

/* Groups that it leaves empty go too. */
static void remove_with_groups(struct snapshot *snapshot, size_t index)
{
    uint32_t id = snapshot->nexthops[index].id;

    snapshot_remove_nexthop(snapshot, index);
    for (size_t i = snapshot->nexthops_count; i-- > 0;) {
        if (snapshot->nexthops[i].group && !leave_group(&snapshot->nexthops[i], id))
            snapshot_remove_nexthop(snapshot, i);
    }
}

static bool stays_without_nexthop(const struct loss *loss, struct route *route)
{
    if (route->nexthop_id == 0)
        return true;
    return snapshot_find_nexthop(loss->snapshot, route->nexthop_id) != NULL &&
           drop_hops(route, loss->link);
}

void consequence_route_drop_nexthops(struct snapshot *snapshot, uint32_t link)
{
    struct loss loss = {.snapshot = snapshot, .link = link, .family = FAMILY_NONE};
    bool some = false;

    for (size_t i = 0; i < snapshot->nexthops_count;) {
        const struct nexthop *nexthop = &snapshot->nexthops[i];

        if (nexthop->group || nexthop->hop.link != link) {
            i++;
            continue;
        }
        remove_with_groups(snapshot, i);
        some = true;
        i = 0;
    }
    if (some)
        filter_routes(&loss, stays_without_nexthop);
}

/* ---- mtu --------------------------------------------------------------------------------------
 */

uint32_t consequence_route_mtu(uint32_t own, uint32_t was, uint32_t becomes)
{
    return own != 0 && (own >= becomes || own == was) ? becomes : own;
}

static bool is_object_by(const struct snapshot *snapshot, uint32_t id, uint32_t link)
{
    const struct nexthop *object = snapshot_find_nexthop(snapshot, id);

    if (object == NULL || object->blackhole)
        return false;
    if (!object->group)
        return object->hop.link == link;
    for (uint32_t i = 0; i < object->members_count; i++) {
        const struct nexthop *member = snapshot_find_nexthop(snapshot, object->members[i].id);

        if (member != NULL && !member->blackhole && member->hop.link == link)
            return true;
    }
    return false;
}

bool consequence_route_follows(const struct snapshot *snapshot, const struct route *route,
                               uint32_t link)
{
    if (family_of(route) != FAMILY_IPV6 || route->clone || route->mtu_locked)
        return false;
    if (route->nexthop_id != 0)
        return is_object_by(snapshot, route->nexthop_id, link);
    return route->hops_count > 0 &&
           (route->hops_count > 1 ? route->hops[0].link : route->hop.link) == link;
}

static bool is_behind_first(const struct route *route, uint32_t link)
{
    bool behind = false;

    for (uint32_t i = 1; route->nexthop_id == 0 && i < route->hops_count; i++)
        behind |= route->hops[i].link == link && route->hops[0].link != link;
    return behind;
}

const struct route *consequence_route_find_unseen(const struct snapshot *snapshot,
                                                  const struct link *link, uint32_t becomes)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];
        uint32_t there = consequence_route_mtu(route->mtu, link->mtu, becomes);

        if (family_of(route) == FAMILY_IPV6 && !route->clone && !route->mtu_locked &&
            is_behind_first(route, link->index) &&
            consequence_route_mtu(there, becomes, link->mtu) != route->mtu)
            return route;
    }
    return NULL;
}

void consequence_route_change_mtu(struct snapshot *snapshot, const struct link *link,
                                  uint32_t becomes)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        struct route *route = &snapshot->routes[i];
        uint32_t mtu = consequence_route_mtu(route->mtu, link->mtu, becomes);

        if (mtu == route->mtu || !consequence_route_follows(snapshot, route, link->index))
            continue;
        route->mtu = mtu;
        forget_raw(route);
    }
}
