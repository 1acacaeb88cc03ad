/*
 * propose_find: addresses, networks and roles, from snapshots.
 */
#include "controller/ctl/propose_find.h"

#include <string.h>

#include <linux/rtnetlink.h>

#include "common/change/change.h"
#include "common/core/text.h"
#include "common/net/fib.h"

enum { SSH_PORT = 22 };

/* ---- addresses -------------------------------------------------------------------------------
 */

static bool has_default_route(const struct snapshot *snapshot, uint32_t link)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->destination.len == 0 && route->table == RT_TABLE_MAIN &&
            route->hops_count == 1 && route->hop.link == link)
            return true;
    }
    return false;
}

/* Lower is better; UINT_MAX: not one to be reached at. */
static unsigned rank(const struct snapshot *snapshot, const struct link_address *address)
{
    const struct link *link = snapshot_find_link(snapshot, address->link);
    unsigned six = address->address.family == FAMILY_IPV6;

    if (link == NULL || link->loopback || !link->up || address->scope != RT_SCOPE_UNIVERSE ||
        address->tentative || address->temporary || address->deprecated)
        return UINT32_MAX;
    switch (fleet_file_audience(&address->address)) {
    case AUDIENCE_EVERYWHERE:
        return six;
    case AUDIENCE_TAILNET:
        return 2 + six;
    case AUDIENCE_CONNECTED:
        return has_default_route(snapshot, address->link) ? 4 + six : UINT32_MAX;
    case AUDIENCE_COUNT:
        break;
    }
    return UINT32_MAX;
}

/* The address at which most others could reach its sshd: a public one, else the tailnet's, else one
 * of a private network; false: there is none. */
static bool find_address(const struct snapshot *snapshot, struct address *ret_address)
{
    unsigned best = UINT32_MAX;

    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        unsigned found = rank(snapshot, &snapshot->addresses[i]);

        if (found >= best)
            continue;
        best = found;
        *ret_address = snapshot->addresses[i].address;
    }
    return best != UINT32_MAX;
}

/* ---- networks --------------------------------------------------------------------------------
 */

static bool is_pod_device(const struct snapshot *snapshot, const struct route *route)
{
    const struct link *link =
        route->hops_count == 1 ? snapshot_find_link(snapshot, route->hop.link) : NULL;

    return link != NULL && (text_equal(link->name, "cni0") || text_starts(link->name, "flannel"));
}

/* The smallest network that holds both. */
static struct prefix join(const struct prefix *a, const struct prefix *b)
{
    struct prefix joined = *a;

    while (joined.len > 0 && !prefix_covers(&joined, b))
        joined = prefix_make(&a->address, (uint8_t)(joined.len - 1));
    return joined;
}

static void add_pods(struct propose *propose, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST ||
            route->destination.address.family != FAMILY_IPV4 || route->destination.len == 0 ||
            !is_pod_device(snapshot, route))
            continue;
        propose->pods =
            propose->pods.len == 0 ? route->destination : join(&propose->pods, &route->destination);
    }
}

/* A network that a node advertises to the tailnet and that none of its devices is in. */
static bool is_elsewhere(const struct snapshot *snapshot, const struct prefix *network)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (prefix_contains(network, &snapshot->addresses[i].address))
            return false;
    }
    return network->address.family == FAMILY_IPV4 && network->len > 0 &&
           fleet_file_audience(&network->address) == AUDIENCE_CONNECTED;
}

/* Services have no device anywhere: they are known only where somebody advertises them beside the
 * pods, and that node serves the cluster's API to the tailnet. */
static void add_advertised(struct propose *propose, struct propose_node *node)
{
    const struct tailscale *tailscale = &node->snapshot->tailscale;
    const struct prefix *pods = NULL;
    const struct prefix *services = NULL;

    for (uint32_t i = 0; i < tailscale->advertise_routes_count; i++) {
        const struct prefix *network = &tailscale->advertise_routes[i];

        if (propose->pods.len > 0 && network->len > 0 && prefix_covers(network, &propose->pods))
            pods = network;
        else if (is_elsewhere(node->snapshot, network))
            services = network;
    }
    if (pods == NULL)
        return;
    propose->pods = *pods;
    if (services == NULL)
        return;
    propose->services = *services;
    node->api_server = true;
}

void propose_find(struct propose *propose)
{
    for (uint32_t i = 0; i < propose->nodes_count; i++) {
        if (propose->nodes[i].snapshot != NULL && !propose->nodes[i].witness_only)
            add_pods(propose, propose->nodes[i].snapshot);
    }
    for (uint32_t i = 0; i < propose->nodes_count; i++) {
        struct propose_node *node = &propose->nodes[i];

        if (node->snapshot == NULL || node->witness_only)
            continue;
        find_address(node->snapshot, &node->ssh);
        node->exit_node = node->snapshot->tailscale.self_exit_node_option;
        add_advertised(propose, node);
    }
}

/* ---- witnesses -------------------------------------------------------------------------------
 */

static bool is_in_tailnet(const struct propose_node *other)
{
    return other->snapshot != NULL && other->snapshot->tailscale.addresses_count > 0;
}

/* A network of one of its devices. */
static bool is_connected(const struct propose_node *other, const struct address *address)
{
    for (size_t i = 0; other->snapshot != NULL && i < other->snapshot->addresses_count; i++) {
        const struct link_address *own = &other->snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);

        if (prefix_contains(&network, address))
            return true;
    }
    return false;
}

/* As the gate `ssh-path` has it: the reply to a public address of its own goes the way of everybody
 * else's. Of one that has none, nobody knows from where it comes. */
static bool is_like_others(const struct fib *fib, const struct propose_node *node,
                           const struct propose_node *other)
{
    struct flow reply = {.source = node->ssh, .sport = SSH_PORT};
    struct fib_decision decision;

    if (fib == NULL || other->snapshot == NULL ||
        !find_address(other->snapshot, &reply.destination) ||
        fleet_file_audience(&reply.destination) != AUDIENCE_EVERYWHERE)
        return true;
    if (reply.destination.family != node->ssh.family)
        return other->witness_only; /* it may have an address of that family too */
    fib_lookup(fib, &reply, &decision);
    return decision.outcome == FIB_FORWARD && !decision.special;
}

static bool counts(const struct fib *fib, const struct propose_node *node,
                   const struct propose_node *other)
{
    switch (fleet_file_audience(&node->ssh)) {
    case AUDIENCE_EVERYWHERE: /* a neighbour's replies do not go the way that others' go */
        return !is_connected(other, &node->ssh) && is_like_others(fib, node, other);
    case AUDIENCE_TAILNET:
        return is_in_tailnet(other);
    case AUDIENCE_CONNECTED:
        return is_connected(other, &node->ssh);
    case AUDIENCE_COUNT:
        break;
    }
    return true;
}

uint32_t propose_count_witnesses(const struct propose *propose, const struct propose_node *node)
{
    struct fib *fib = node->snapshot != NULL ? fib_new(node->snapshot) : NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < propose->nodes_count; i++) {
        const struct propose_node *other = &propose->nodes[i];

        count += other != node && counts(fib, node, other);
    }
    fib_free(fib);
    return count;
}
