/*
 * owner: whose a route, rule, address, link or nexthop object is, and what Oceanid does about it.
 *
 * The one table of it; docs/undo.md prints it (tests/house/print_tables.c).
 */
#ifndef COMMON_NET_OWNER_H
#define COMMON_NET_OWNER_H

#include "common/net/snapshot.h"

enum owner {
    OWNER_OCEANID,
    OWNER_ADMIN,
    OWNER_KERNEL,
    OWNER_RA,
    OWNER_REDIRECT,
    OWNER_DHCP,
    OWNER_TAILSCALE,
    OWNER_CNI,
    OWNER_DAEMON,
    OWNER_COUNT,
};

struct owner_row {
    const char *name;
    const char *known_by; /* for people */
    bool drift;           /* gone or altered, it is told as drift; else only shown */
    bool undo;     /* put back when our own operation made it disappear; else only reported */
    bool external; /* put back when an `external` change is undone; else only reported */
};

const struct owner_row *owner_row(enum owner owner);

/* snapshot: for the devices that they name. */
enum owner owner_of_route(const struct route *route, const struct snapshot *snapshot);
enum owner owner_of_rule(const struct rule *rule);
enum owner owner_of_address(const struct link_address *own, const struct snapshot *snapshot);
enum owner owner_of_link(const struct link *link, const struct snapshot *snapshot);
enum owner owner_of_nexthop(const struct nexthop *nexthop, const struct snapshot *snapshot);

#endif
