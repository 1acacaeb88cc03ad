/*
 * fib: a model of the kernel's routing decision, on a snapshot.
 *
 * Rules in order, tables by longest prefix and metric, throw, suppress_prefixlength and
 * suppress_ifgroup, goto, unreachable and friends; IPv4 and IPv6. The lab holds it against
 * RTM_GETROUTE. "Anywhere" is decided by splitting the destinations at the borders of all tables
 * and rules (atoms), never by sampling.
 */
#ifndef COMMON_NET_FIB_H
#define COMMON_NET_FIB_H

#include <stdbool.h>

#include "common/core/text.h"
#include "common/net/flow.h"
#include "common/net/snapshot.h"

struct fib; /* an index over a snapshot, which must outlive it and not change */

enum fib_outcome {
    FIB_FORWARD,     /* leaves by hop */
    FIB_LOCAL,       /* delivered to this host */
    FIB_UNREACHABLE, /* no route, or a route or rule that says so */
    FIB_PROHIBIT,
    FIB_BLACKHOLE,
    FIB_UNKNOWN, /* a rule that says what we do not know may take it, and would lead elsewhere; or
                  * it suppresses by a device's group, and that is not told */
    FIB_OUTCOME_COUNT,
};

struct fib_decision {
    enum fib_outcome outcome;
    const struct rule *rule;   /* that decided, or that nobody knows of; NULL if none did */
    const struct route *route; /* NULL if a rule decided or none did */
    const struct hop *hop;     /* of route, or of its nexthop object; the first of several */
    struct address source;     /* the source that the kernel would choose or was given */
    bool
        special; /* the destination is singled out: a rule with a destination selector that
                    matched, or a route longer than /0, decided. See design 7, counting witnesses */
};

struct fib *fib_new(const struct snapshot *snapshot);
void fib_free(struct fib *fib);
const struct snapshot *fib_snapshot(const struct fib *fib);

/* Always answers; FIB_UNKNOWN, which is `special` too, where it cannot tell. */
void fib_lookup(const struct fib *fib, const struct flow *flow, struct fib_decision *ret_decision);

/* "rule 5270, table 52, default dev tailscale0": the chain for a person. */
void fib_explain(const struct fib *fib, const struct fib_decision *decision, struct text *out);

/* Whether every destination of the protected flow is decided as it demands. Calls violation_fn for
 * each violating prefix (neighbours with the same decision are merged) until it returns false.
 * Returns the number of violations reported; FIB_UNKNOWN is one. Passed over: destinations that are
 * local to the host, multicast, loopback and link-local; and, where the flow demands "anywhere"
 * (length 0), private and shared, reserved addresses (RFC 1918, 6598, 4193, 1112) and connected
 * networks of other devices: nobody out there has such an address. */
typedef bool (*fib_violation_fn)(void *context, const struct prefix *prefix,
                                 const struct fib_decision *decision);
unsigned fib_check_flow(const struct fib *fib, const struct protected_flow *flow,
                        fib_violation_fn violation_fn, void *context);

#endif
