/*
 * render: routes, rules and the rest as the lines that a person would write (ip-route(8)), and the
 * difference of two snapshots as such lines.
 */
#ifndef COMMON_NET_RENDER_H
#define COMMON_NET_RENDER_H

#include "common/core/text.h"
#include "common/net/snapshot.h"

/* Where a route goes, as ip(8) takes it: "default" of IPv4, "::/0" of IPv6, "10.0.0.0/8", an
 * address alone for one host. */
void render_destination(const struct prefix *destination, struct text *out);
/* "default via 203.0.113.1 dev eth0 metric 100", " table 52" unless main. snapshot may be NULL:
 * then devices print as "if7". */
void render_route(const struct route *route, const struct snapshot *snapshot, struct text *out);
/* "5140: from 203.0.113.10 lookup main" */
void render_rule(const struct rule *rule, struct text *out);
/* "nexthop id 5 via 203.0.113.1 dev eth0", "nexthop id 7 group 5,2/6" */
void render_nexthop(const struct nexthop *nexthop, const struct snapshot *snapshot,
                    struct text *out);
void render_address(const struct link_address *address, const struct snapshot *snapshot,
                    struct text *out);
void render_link(const struct link *link, struct text *out);
void render_tailscale(const struct tailscale *tailscale, struct text *out); /* its prefs */

void render_table(uint32_t table, struct text *out); /* "main", "local", "default", "52" */

/* Same item in normal form: counters, lifetimes, dead flags and clones do not count. */
bool render_same_route(const struct route *a, const struct route *b);
bool render_same_rule(const struct rule *a, const struct rule *b);
bool render_same_nexthop(const struct nexthop *a, const struct nexthop *b);

/* Of two snapshots in normal form (snapshot_sort). One line a difference, "+ ..." or "- ...", to
 * line_fn in a stable order. Returns their number. */
typedef void (*render_line_fn)(void *context, const char *line);
size_t render_difference(const struct snapshot *before, const struct snapshot *after,
                         render_line_fn line_fn, void *context);

#endif
