/*
 * undo_prefix: the kernel's own route to the network of an IPv6 address.
 */
#include "agent/guard/core/undo_prefix.h"

#include <linux/rtnetlink.h>

#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_touch.h"

enum { METRIC_OF_NONE = 256 }; /* IP6_RT_PRIO_ADDRCONF */

static bool is_to(const struct route *route, const struct address *address, uint8_t len)
{
    struct prefix network = prefix_make(address, len);

    return prefix_equal(&route->destination, &network);
}

/* As the kernel makes it of an address that asks for no metric. */
static bool is_by_itself(const struct route *route, uint32_t link)
{
    return route->protocol == RTPROT_KERNEL && route->type == RTN_UNICAST && !route->clone &&
           !route->expires && route->table == RT_TABLE_MAIN && route->metric == METRIC_OF_NONE &&
           route->nexthop_id == 0 && route->hops_count == 1 && route->hop.link == link &&
           !address_is_set(&route->hop.gateway);
}

static const struct route *find(const struct operation_address *operation, uint32_t link,
                                const struct snapshot *where)
{
    for (size_t i = 0; i < where->routes_count; i++) {
        if (is_by_itself(&where->routes[i], link) &&
            is_to(&where->routes[i], &operation->address, operation->prefix_len))
            return &where->routes[i];
    }
    return NULL;
}

void undo_prefix_take(const struct operation_address *operation, const struct snapshot *from,
                      struct snapshot *to)
{
    const struct link *link = snapshot_find_device(from, operation->device);
    const struct route *route = link != NULL ? find(operation, link->index, from) : NULL;

    if (route != NULL && operation->address.family == FAMILY_IPV6)
        undo_touch_take_route(from, route, to);
}

static bool is_kept(const struct route *route, const struct snapshot *now)
{
    for (size_t i = 0; i < now->addresses_count; i++) {
        const struct link_address *own = &now->addresses[i];

        if (own->link == route->hop.link && !own->noprefixroute &&
            (own->metric == 0 || own->metric == METRIC_OF_NONE) &&
            own->address.family == FAMILY_IPV6 &&
            (is_to(route, &own->address, own->prefix_len) ||
             (address_is_set(&own->peer) && is_to(route, &own->peer, own->prefix_len))))
            return true;
    }
    return false;
}

const struct route *undo_prefix_find_left(const struct undo_item *item, const struct snapshot *now)
{
    const struct operation_address *operation = &item->change.address;
    const struct link_address *made = undo_link_find_address(item, &item->after);
    const struct route *left;

    if (item->change.kind != OPERATION_ADDRESS || operation->address.family != FAMILY_IPV6 ||
        !item->has_after || made == NULL || undo_link_find_address(item, &item->before) != NULL ||
        undo_link_find_address(item, now) != NULL ||
        find(operation, made->link, &item->before) != NULL ||
        find(operation, made->link, &item->after) == NULL)
        return NULL;
    left = find(operation, made->link, now);
    return left != NULL && !is_kept(left, now) ? left : NULL;
}
