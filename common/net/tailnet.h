/*
 * tailnet: what tailscaled makes of its prefs in the kernel: rules 5210 to 5270 and table 52
 * (router_linux.go), and which addresses and device are its own.
 */
#ifndef COMMON_NET_TAILNET_H
#define COMMON_NET_TAILNET_H

#include "common/net/snapshot.h"

/* 100.64.0.0/10 or fd7a:115c:a1e0::/48. */
bool tailnet_has_address(const struct address *address);

/* The one of these that is of this family. */
struct prefix tailnet_network(uint8_t family);

/* Whether a peer is in there, by table 52's routes to single peers; where it has none of that
 * family, by what tailscaled says of its peers. */
bool tailnet_has_peer_in(const struct snapshot *snapshot, const struct prefix *prefix);

/* The device that carries the node's own tailnet address, else the one called tailscale0; NULL if
 * there is none. */
const struct link *tailnet_find_device(const struct snapshot *snapshot);

/* The same node of the same server: of one profile. False where either is not logged in. */
bool tailnet_same_profile(const struct tailscale_profile *a, const struct tailscale_profile *b);

/* By its StableID, by an address or by tailscaled's own choice. */
bool tailnet_uses_exit_node(const struct tailscale *tailscale);

/* Brings rules and table 52 to what the snapshot's prefs ask for: with an exit node both default
 * routes, a throw for loopback, and each interface's network thrown (LAN access) or captured;
 * without one none of these. Routes to peers and accepted subnets are not touched. */
void tailnet_predict(struct snapshot *snapshot);

#endif
