/*
 * uplink: the devices by which main reaches the world, and the addresses that answer on them.
 */
#include "common/net/uplink.h"

#include <linux/rtnetlink.h>

#include "common/net/tailnet.h"

/* A group's hops are its members'. */
static bool object_has_hop_on(const struct snapshot *snapshot, const struct nexthop *object,
                              uint32_t link)
{
    for (uint32_t i = 0; object->group && i < object->members_count; i++) {
        const struct nexthop *member = snapshot_find_nexthop(snapshot, object->members[i].id);

        if (member != NULL && member->hop.link == link)
            return true;
    }
    return !object->group && object->hop.link == link;
}

static bool has_hop_on(const struct snapshot *snapshot, const struct route *route, uint32_t link)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;
    const struct nexthop *object =
        route->nexthop_id != 0 ? snapshot_find_nexthop(snapshot, route->nexthop_id) : NULL;

    if (object != NULL)
        return object_has_hop_on(snapshot, object, link);
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if (hops[i].link == link)
            return true;
    }
    return false;
}

static bool is_uplink(const struct snapshot *snapshot, uint32_t link, uint8_t family)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST && !route->clone &&
            route->destination.len == 0 && route->destination.address.family == family &&
            has_hop_on(snapshot, route, link))
            return true;
    }
    return false;
}

static bool is_in_any(const struct address *address, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct prefix prefix;

        if (prefix_parse(prefixes[i], &prefix) && prefix_contains(&prefix, address))
            return true;
    }
    return false;
}

static bool is_link_local(const struct address *address)
{
    static const char *const prefixes[] = {"169.254.0.0/16", "127.0.0.0/8", "fe80::/10", "::1/128"};

    return is_in_any(address, prefixes, sizeof(prefixes) / sizeof(prefixes[0]));
}

static bool is_private(const struct address *address)
{
    static const char *const prefixes[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                           "fc00::/7"};

    return is_in_any(address, prefixes, sizeof(prefixes) / sizeof(prefixes[0]));
}

bool uplink_has_address(const struct snapshot *snapshot, const struct link_address *own)
{
    const struct link *link = snapshot_find_link(snapshot, own->link);

    return link != NULL && !link->loopback && own->scope == RT_SCOPE_UNIVERSE && !own->temporary &&
           !own->tentative && !is_link_local(&own->address) &&
           !tailnet_has_address(&own->address) &&
           is_uplink(snapshot, own->link, own->address.family);
}

bool uplink_answers_beside(const struct snapshot *snapshot, const struct link_address *own,
                           const struct address *ssh)
{
    const struct link *link = snapshot_find_link(snapshot, own->link);
    struct prefix network = tailnet_network(own->address.family);

    if (ssh == NULL || !address_equal(&own->address, ssh) || link == NULL || link->loopback)
        return false;
    return tailnet_has_address(&own->address) ? tailnet_has_peer_in(snapshot, &network)
                                              : is_private(&own->address);
}

struct prefix uplink_audience(const struct link_address *own)
{
    if (tailnet_has_address(&own->address))
        return tailnet_network(own->address.family);
    if (is_private(&own->address))
        return prefix_make(&own->address, own->prefix_len);
    return prefix_default(own->address.family);
}
