/*
 * undo_table: whether table 52 still leads into the tailnet what the prefs do not ask for.
 */
#include "agent/guard/core/undo_table.h"

#include <linux/rtnetlink.h>

#include "common/net/tailnet.h"

static bool sets_exit(const struct operation_tailscale *change)
{
    return change->set_exit_node || change->set_allow_lan_access;
}

bool undo_table_is_concerned(const struct operation_tailscale *change)
{
    return sets_exit(change) || change->set_accept_routes;
}

/* All that the prediction looks at. Borrows; only the arrays that it may grow are copies. */
void undo_table_predict(const struct snapshot *now, struct snapshot *ret_tailnet)
{
    struct snapshot part = {.links = now->links,
                            .links_count = now->links_count,
                            .addresses = now->addresses,
                            .addresses_count = now->addresses_count,
                            .sysctls = now->sysctls,
                            .sysctls_count = now->sysctls_count};

    snapshot_copy(ret_tailnet, &part);
    ret_tailnet->tailscale = now->tailscale;
    ret_tailnet->tailscale.peers = NULL;
    ret_tailnet->tailscale.peers_count = 0;
    tailnet_predict(ret_tailnet);
}

/* A peer's own address, or one of the networks that tailscaled has for all of them. */
static bool is_of_tailnet(const struct prefix *destination, const struct tailscale *tailscale)
{
    if (tailnet_has_address(&destination->address))
        return true;
    for (uint32_t i = 0; i < tailscale->peers_count; i++) {
        const struct tailscale_peer *peer = &tailscale->peers[i];

        for (uint32_t k = 0; k < peer->addresses_count; k++) {
            if (destination->len == address_bits(peer->addresses[k].family) &&
                address_equal(&peer->addresses[k], &destination->address))
                return true;
        }
    }
    return false;
}

/* Without LAN access an exit node takes the host's own networks too: which of them are accepted
 * subnets nobody can tell, and all else goes the same way. */
static bool leads_too_much(const struct route *route, const struct tailscale *tailscale)
{
    bool exits = tailnet_uses_exit_node(tailscale);

    if (route->destination.len == 0)
        return !exits;
    return !tailscale->accept_routes && (!exits || tailscale->exit_node_allow_lan_access) &&
           !is_of_tailnet(&route->destination, tailscale);
}

/* A network that tailscaled is to capture. */
static bool throws_captured(const struct route *route, const struct snapshot *tailnet)
{
    for (size_t i = 0; i < tailnet->routes_count; i++) {
        const struct route *asked = &tailnet->routes[i];

        if (asked->type == RTN_UNICAST && asked->destination.len > 0 &&
            asked->destination.len >= route->destination.len &&
            prefix_contains(&route->destination, &asked->destination.address))
            return true;
    }
    return false;
}

const struct route *undo_table_find_left(const struct operation_tailscale *change,
                                         const struct snapshot *now)
{
    const struct route *found = NULL;
    struct snapshot tailnet;

    if (!undo_table_is_concerned(change))
        return NULL;
    undo_table_predict(now, &tailnet);
    for (size_t i = 0; found == NULL && i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];
        bool left =
            route->type == RTN_UNICAST
                ? (sets_exit(change) || route->destination.len > 0) &&
                      leads_too_much(route, &now->tailscale)
                : route->type == RTN_THROW && sets_exit(change) && throws_captured(route, &tailnet);

        if (route->table == TAILSCALE_TABLE && left)
            found = route;
    }
    snapshot_done(&tailnet);
    return found;
}

const struct route *undo_table_find_thrown(const struct operation_tailscale *change,
                                           const struct snapshot *now)
{
    if (!sets_exit(change) || tailnet_uses_exit_node(&now->tailscale))
        return NULL;
    for (size_t i = 0; i < now->routes_count; i++) {
        if (now->routes[i].table == TAILSCALE_TABLE && now->routes[i].type == RTN_THROW)
            return &now->routes[i];
    }
    return NULL;
}
