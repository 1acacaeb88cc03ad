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

/* Hops by that link, of that family; routes whose last hop it was. IPv4: not the local ones. */
void consequence_route_drop_link(struct snapshot *snapshot, uint32_t link, uint8_t family);

/* Objects by that link, groups that have no other member, and the routes that used them. */
void consequence_route_drop_nexthops(struct snapshot *snapshot, uint32_t link);

#endif
