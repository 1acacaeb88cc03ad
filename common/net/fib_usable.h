/*
 * fib_usable: which hop of a route a packet would take, and whether the route takes it at all.
 */
#ifndef COMMON_NET_FIB_USABLE_H
#define COMMON_NET_FIB_USABLE_H

#include "common/net/snapshot.h"

/* The first hop that is alive and, with oif other than 0, of that link: the route's own, or one of
 * its nexthop object. NULL: none. */
const struct hop *fib_usable_hop(const struct snapshot *snapshot, const struct route *route,
                                 uint32_t oif);

/* hop: what fib_usable_hop gave. Refusals are usable without one. */
bool fib_usable(const struct snapshot *snapshot, const struct route *route, uint32_t oif,
                const struct hop *hop);

/* By its nexthop object; the type of such a route says nothing. */
bool fib_usable_is_blackhole(const struct snapshot *snapshot, const struct route *route);

/* Of the router that advertised it (RFC 4191): low 0, medium 1, high 2. */
enum { FIB_PREFERENCES = 3 };
int fib_usable_preference(const struct route *route);

/* How much IPv6 likes a route among equal ones: by its router's preference (RFC 4191), then by
 * whether one of its hops is the link that the packet came in by; iif 0: it came in by none. */
int fib_usable_score(const struct snapshot *snapshot, const struct route *route, uint32_t iif);

#endif
