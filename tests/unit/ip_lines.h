/*
 * ip_lines: a snapshot from lines that read like the arguments of ip(8).
 *
 *   link eth0 2                   name, index; "down", "loopback", "group N", "group-untold"
 *   address 203.0.113.10/24 dev eth0    and the kernel's own routes of it
 *   route default via 203.0.113.1 dev eth0 metric 100
 *        [table N] [src A] [from P] [tos N] [mtu N] [pref high|low] [onlink] [dead]
 *   route throw 10.0.0.0/8 table 52     blackhole, unreachable, prohibit, local, ...
 *   route -6 default dev tailscale0     the family, where no address tells it
 *   route 10.0.0.0/8 nexthop via 203.0.113.1 dev eth0 weight 2 nexthop ...
 *   rule 5270 [-6] [not] [from P] [to P] [fwmark M/M] [iif D] [oif D] lookup 52
 *        [attribute N: one that nobody knows]
 *   rule 100 goto 32766     unreachable, l3mdev, ...; lookup main suppress_prefixlength 0
 *   nexthop 7 dev eth0 via 203.0.113.1  "blackhole", or "group 1,2*3" (a weight of 3) instead
 */
#ifndef TESTS_UNIT_IP_LINES_H
#define TESTS_UNIT_IP_LINES_H

#include "common/net/operation.h"
#include "common/net/snapshot.h"

/* Appends to an initialised snapshot. Ends the program, naming the line, where it cannot read. */
void ip_lines_add(struct snapshot *snapshot, const char *lines);

/* The operation that puts the route, rule or nexthop of this line; links are lines for its devices.
 */
struct operation ip_lines_operation(const char *links, const char *line);

/* The rules that every host has: 0 local, 32766 main (both families), 32767 default. */
void ip_lines_add_usual_rules(struct snapshot *snapshot);

#endif
