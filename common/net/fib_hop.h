/*
 * fib_hop: the hops among which the kernel chooses for a route, and what a rule suppresses by them.
 */
#ifndef COMMON_NET_FIB_HOP_H
#define COMMON_NET_FIB_HOP_H

#include "common/net/snapshot.h"

/* The i-th of a route's several; NULL behind the last, and where it has one only. */
const struct hop *fib_hop_at(const struct snapshot *snapshot, const struct route *route,
                             uint32_t i);

enum fib_suppressed {
    FIB_SUPPRESSED_NO,
    FIB_SUPPRESSED_YES,
    FIB_SUPPRESSED_UNKNOWN, /* a device's group is not told, or one of several hops decides */
};

/* Whether the rule takes no way by the route: too short a prefix, or a device of the interface
 * group that it names. hop is the route's that was found, NULL for none. */
enum fib_suppressed fib_hop_suppressed(const struct snapshot *snapshot, const struct rule *rule,
                                       const struct route *route, const struct hop *hop);

#endif
