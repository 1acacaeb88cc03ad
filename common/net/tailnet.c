/*
 * tailnet: what tailscaled makes of its prefs in the kernel.
 *
 * Follows wgengine/router/osrouter/router_linux.go and routerConfigLocked, as measured with the
 * real daemon.
 */
#include "common/net/tailnet.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "common/net/operation.h"

enum { BYPASS_MARK = 0x80000, BYPASS_MASK = 0xff0000 };

static struct prefix prefix_of(const char *text)
{
    struct prefix prefix = prefix_default(FAMILY_IPV4);

    prefix_parse(text, &prefix);
    return prefix;
}

struct prefix tailnet_network(uint8_t family)
{
    return prefix_of(family == FAMILY_IPV6 ? "fd7a:115c:a1e0::/48" : "100.64.0.0/10");
}

bool tailnet_has_address(const struct address *address)
{
    struct prefix network = tailnet_network(address->family);

    return prefix_contains(&network, address);
}

static bool overlaps(const struct prefix *a, const struct prefix *b)
{
    return prefix_covers(a, b) || prefix_covers(b, a);
}

/* ret_any: table 52 has a route to peers of that family, wherever. */
static bool has_route_in(const struct snapshot *snapshot, const struct prefix *prefix,
                         bool *ret_any)
{
    struct prefix network = tailnet_network(prefix->address.family);

    *ret_any = false;
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table != TAILSCALE_TABLE || route->type != RTN_UNICAST || route->clone ||
            !prefix_covers(&network, &route->destination))
            continue;
        *ret_any = true;
        if (overlaps(&route->destination, prefix))
            return true;
    }
    return false;
}

bool tailnet_has_peer_in(const struct snapshot *snapshot, const struct prefix *prefix)
{
    bool any;

    if (has_route_in(snapshot, prefix, &any))
        return true;
    for (uint32_t i = 0; !any && i < snapshot->tailscale.peers_count; i++) {
        const struct tailscale_peer *peer = &snapshot->tailscale.peers[i];

        for (uint32_t k = 0; k < peer->addresses_count; k++) {
            if (prefix_contains(prefix, &peer->addresses[k]))
                return true;
        }
    }
    return false;
}

static bool is_own(const struct tailscale *tailscale, const struct address *address)
{
    for (uint32_t i = 0; i < tailscale->addresses_count; i++) {
        if (address_equal(&tailscale->addresses[i], address))
            return true;
    }
    return tailscale->addresses_count == 0 && tailnet_has_address(address);
}

const struct link *tailnet_find_device(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];

        if (is_own(&snapshot->tailscale, &own->address))
            return snapshot_find_link(snapshot, own->link);
    }
    return snapshot_find_device(snapshot, "tailscale0");
}

bool tailnet_same_profile(const struct tailscale_profile *a, const struct tailscale_profile *b)
{
    return a->node_id[0] != '\0' && text_equal(a->node_id, b->node_id) &&
           text_equal(a->control, b->control);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static bool has_rule(const struct snapshot *snapshot, uint8_t family, uint32_t priority)
{
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (snapshot->rules[i].family == family && snapshot->rules[i].priority == priority)
            return true;
    }
    return false;
}

static void need_rule(struct snapshot *snapshot, uint8_t family, const struct rule *wanted)
{
    struct rule *rule;

    if (has_rule(snapshot, family, wanted->priority))
        return;
    rule = snapshot_add_rule(snapshot);
    rule->family = family;
    rule->source = rule->destination = prefix_default(family);
    rule->priority = wanted->priority;
    rule->action = wanted->action;
    rule->table = wanted->table;
    rule->mark = wanted->mark;
    rule->mask = wanted->mask;
}

static void need_rules(struct snapshot *snapshot, uint8_t family)
{
    static const struct rule rules[] = {
        {.priority = 5210,
         .action = FR_ACT_TO_TBL,
         .table = RT_TABLE_MAIN,
         .mark = BYPASS_MARK,
         .mask = BYPASS_MASK},
        {.priority = 5230,
         .action = FR_ACT_TO_TBL,
         .table = RT_TABLE_DEFAULT,
         .mark = BYPASS_MARK,
         .mask = BYPASS_MASK},
        {.priority = 5250, .action = FR_ACT_UNREACHABLE, .mark = BYPASS_MARK, .mask = BYPASS_MASK},
        {.priority = 5270, .action = FR_ACT_TO_TBL, .table = TAILSCALE_TABLE},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        need_rule(snapshot, family, &rules[i]);
}

/* ---- table 52 ---------------------------------------------------------------------------------
 */

/* The network of an interface address, as tailscaled counts them: no single addresses, none of its
 * own, loopback apart. */
static bool is_lan(const struct snapshot *snapshot, const struct link_address *own,
                   struct prefix *ret_network)
{
    const struct link *link = snapshot_find_link(snapshot, own->link);

    if (own->prefix_len >= address_bits(own->address.family) || link == NULL || link->loopback ||
        tailnet_has_address(&own->address))
        return false;
    *ret_network = prefix_make(&own->address, own->prefix_len);
    return true;
}

/* One of them, or several that tailscaled has merged: that may be a subnet as well, where these are
 * accepted. */
static bool is_lan_network(const struct snapshot *snapshot, const struct prefix *destination)
{
    bool merged = !snapshot->tailscale.accept_routes;

    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        struct prefix network;

        if (is_lan(snapshot, &snapshot->addresses[i], &network) &&
            (prefix_equal(&network, destination) ||
             (merged && destination->len < network.len &&
              prefix_contains(destination, &network.address))))
            return true;
    }
    return false;
}

/* What an exit node put there: defaults, throws, captured networks. */
static bool is_for_exit_node(const struct snapshot *snapshot, const struct route *route)
{
    return route->table == TAILSCALE_TABLE &&
           (route->destination.len == 0 || route->type == RTN_THROW ||
            is_lan_network(snapshot, &route->destination));
}

static bool has_route(const struct snapshot *snapshot, const struct prefix *destination)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (snapshot->routes[i].table == TAILSCALE_TABLE &&
            prefix_equal(&snapshot->routes[i].destination, destination))
            return true;
    }
    return false;
}

/* device 0: a throw. */
static void add_route(struct snapshot *snapshot, const struct prefix *destination, uint32_t device)
{
    struct route *route;

    if (has_route(snapshot, destination))
        return;
    route = snapshot_add_route(snapshot);
    route->destination = *destination;
    route->table = TAILSCALE_TABLE;
    route->protocol = RTPROT_BOOT;
    route->type = device != 0 ? RTN_UNICAST : RTN_THROW;
    route->metric = destination->address.family == FAMILY_IPV6 ? 1024 : 0;
    route->hops_count = device != 0 ? 1 : 0;
    route->hop.link = device;
}

static bool uses_ipv6(const struct snapshot *snapshot, const struct link *device)
{
    char name[SYSCTL_NAME_SIZE] = "";
    struct text text = TEXT_IN(name);
    const struct sysctl *disabled;

    text_add(&text, "net.ipv6.conf.%s.disable_ipv6", device->name);
    disabled = snapshot_find_sysctl(snapshot, name);
    return disabled == NULL || text_equal(disabled->value, "0");
}

static void add_exit_routes(struct snapshot *snapshot, const struct link *device)
{
    uint32_t index = device->index;
    uint32_t lan = snapshot->tailscale.exit_node_allow_lan_access ? 0 : index;
    struct prefix loopback = prefix_of("127.0.0.0/8");
    struct prefix ipv4 = prefix_default(FAMILY_IPV4);
    struct prefix ipv6 = prefix_default(FAMILY_IPV6);
    bool both = uses_ipv6(snapshot, device);

    add_route(snapshot, &ipv4, index);
    if (both)
        add_route(snapshot, &ipv6, index);
    add_route(snapshot, &loopback, 0);
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        struct prefix network;

        if (is_lan(snapshot, &snapshot->addresses[i], &network) &&
            (both || network.address.family == FAMILY_IPV4))
            add_route(snapshot, &network, lan);
    }
}

bool tailnet_uses_exit_node(const struct tailscale *tailscale)
{
    return tailscale->exit_node_id[0] != '\0' || address_is_set(&tailscale->exit_node_ip) ||
           tailscale->auto_exit_node[0] != '\0';
}

void tailnet_predict(struct snapshot *snapshot)
{
    const struct link *device = tailnet_find_device(snapshot);

    for (size_t i = snapshot->routes_count; i-- > 0;) {
        if (is_for_exit_node(snapshot, &snapshot->routes[i]))
            snapshot_remove_route(snapshot, i);
    }
    if (device == NULL)
        return;
    need_rules(snapshot, FAMILY_IPV4);
    if (uses_ipv6(snapshot, device))
        need_rules(snapshot, FAMILY_IPV6);
    if (tailnet_uses_exit_node(&snapshot->tailscale))
        add_exit_routes(snapshot, device);
}
