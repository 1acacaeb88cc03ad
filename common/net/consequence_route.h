/*
 * consequence_route: the routes and nexthop objects that follow from addresses and links.
 */
#ifndef COMMON_NET_CONSEQUENCE_ROUTE_H
#define COMMON_NET_CONSEQUENCE_ROUTE_H

#include "common/net/snapshot.h"

/* The kernel's own route of an address: type tells which (local, connected, broadcast). */
void consequence_route_add(struct snapshot *snapshot, const struct link_address *own,
                           const struct prefix *destination, uint8_t type);

/* What stood with this address goes, as far as no other address keeps it. */
void consequence_route_follow_addresses(struct snapshot *snapshot, const struct link_address *gone);

/* Hops by that link, of that family; routes whose last hop it was. IPv4: not the local ones; of a
 * route of several they stay as dead ones, until the link is back. */
void consequence_route_drop_link(struct snapshot *snapshot, uint32_t link, uint8_t family);
void consequence_route_revive_hops(struct snapshot *snapshot, uint32_t link);

/* Objects by that link, groups that have no other member, and the routes that used them. */
void consequence_route_drop_nexthops(struct snapshot *snapshot, uint32_t link);

/* What the kernel makes of an IPv6 route's own MTU that is not locked when its device's goes from
 * one to another (rt6_mtu_change_route). 0, none, stays 0. */
uint32_t consequence_route_mtu(uint32_t own, uint32_t was, uint32_t becomes);

/* Whether its MTU follows that link's: IPv6, by the first hop or any of a nexthop object. The MTU
 * that another hop has of its own is not to be seen. */
bool consequence_route_follows(const struct snapshot *snapshot, const struct route *route,
                               uint32_t link);

/* Of a route of several hops the kernel shows the first one's MTU, which the others are given with
 * it: one of which another hop, by that link, would follow it there and not come back to the same.
 * NULL: none. */
const struct route *consequence_route_find_unseen(const struct snapshot *snapshot,
                                                  const struct link *link, uint32_t becomes);

/* The link's mtu goes from one to another. */
void consequence_route_change_mtu(struct snapshot *snapshot, const struct link *link,
                                  uint32_t becomes);

#endif
