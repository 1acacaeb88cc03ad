/*
 * consequence: what the kernel takes and makes by itself when an address or a link comes or goes.
 *
 * Pure, on a snapshot; as measured on the kernel (tests/unit/test_apply_link.c holds it to it):
 * it says nothing when it deletes. Of several hops only the lost one goes.
 */
#ifndef COMMON_NET_CONSEQUENCE_H
#define COMMON_NET_CONSEQUENCE_H

#include "common/net/snapshot.h"

/* NULL: not there. */
struct link_address *consequence_find_address(const struct snapshot *snapshot,
                                              const struct link_address *like);

/* The one whose subnet it is in, itself maybe; NULL: none. */
const struct link_address *consequence_find_primary(const struct snapshot *snapshot,
                                                    const struct link_address *own);

/* It stands where the kernel puts it among the link's own, with its local, connected and broadcast
 * routes. */
void consequence_address_added(struct snapshot *snapshot, const struct link_address *added);

/* IPv4: its secondaries go with a primary, or the first of them takes its place
 * (promote_secondaries); routes of main with it as their source go; with the last address every
 * table's routes by that device. IPv6: routes lose it as their source. */
void consequence_address_removed(struct snapshot *snapshot, const struct link_address *removed);

/* Down takes the IPv6 addresses, nexthop objects and all routes but local ones; up brings only what
 * is the kernel's own. */
void consequence_link_down(struct snapshot *snapshot, uint32_t link);
void consequence_link_up(struct snapshot *snapshot, uint32_t link);

/* disable_ipv6: all IPv6 of the device. */
void consequence_ipv6_off(struct snapshot *snapshot, uint32_t link);
/* Forwarding switched on, for all devices or for one: the default routes go that the kernel learned
 * from routers' advertisements, by whatever device, but those where accept_ra is 2. What a program
 * learned stays: it has switched accept_ra off. */
void consequence_ipv6_forwards(struct snapshot *snapshot);
/* Below 1280 the device's IPv6 and its settings go; else IPv6 routes' own MTUs may follow it. */
void consequence_mtu(struct snapshot *snapshot, uint32_t link, uint32_t mtu);

#endif
