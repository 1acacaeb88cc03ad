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

#endif
