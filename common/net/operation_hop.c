/*
 * operation_hop: whether the kernel would take a hop, of a route or of a nexthop object.
 */
#include <linux/rtnetlink.h>

#include "common/net/operation_kind.h"

bool operation_validate_hop(const struct hop *hop, struct err *err)
{
    return !hop->dead ||
           err_set(err, ERR_INPUT, "a hop that is dead: accepted is none, only the kernel says so");
}

static bool check_device(const char *device, const struct snapshot *snapshot, struct err *err)
{
    const struct link *link = snapshot_find_device(snapshot, device);

    if (link == NULL)
        return err_set(err, ERR_MISSING, "device %s is not there", device);
    if (!link->up)
        return err_set(err, ERR_MISSING, "device %s is down; the kernel refuses routes by it",
                       device);
    return true;
}

/* On a network of the device: the kernel accepts no other gateway, unless `onlink`. */
static bool is_neighbour(const struct snapshot *snapshot, uint32_t link,
                         const struct address *gateway)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST && route->hops_count == 1 &&
            route->hop.link == link && !address_is_set(&route->hop.gateway) &&
            prefix_contains(&route->destination, gateway))
            return true;
    }
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);

        if (own->link == link && prefix_contains(&network, gateway))
            return true;
    }
    return gateway->family == FAMILY_IPV6 && gateway->bytes[0] == 0xfe &&
           (gateway->bytes[1] & 0xc0) == 0x80;
}

bool operation_has_address(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, address))
            return true;
    }
    return false;
}

bool operation_check_hop(const char *device, const struct hop *hop, const struct snapshot *snapshot,
                         struct err *err)
{
    char text[ADDRESS_TEXT_SIZE];

    if (!check_device(device, snapshot, err))
        return false;
    if (!address_is_set(&hop->gateway))
        return true;
    if (operation_has_address(snapshot, &hop->gateway))
        return err_set(err, ERR_INPUT, "gateway %s is an address of this node itself",
                       address_format(&hop->gateway, text));
    if (!hop->onlink &&
        !is_neighbour(snapshot, snapshot_find_device(snapshot, device)->index, &hop->gateway))
        return err_set(err, ERR_MISSING,
                       "gateway %s is on no network of %s, so the kernel refuses it; expected a "
                       "neighbour, or `onlink`",
                       address_format(&hop->gateway, text), device);
    return true;
}
