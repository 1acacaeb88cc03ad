/*
 * netlink_parse: one message of the kernel's (link, address, route, rule, nexthop) as a value.
 */
#ifndef AGENT_IO_NETLINK_PARSE_H
#define AGENT_IO_NETLINK_PARSE_H

#include "common/core/err.h"
#include "common/net/snapshot.h"

struct nlmsghdr;

/* Appends what the message tells; types of no interest are passed over. False when it is too short
 * for its type, or when the snapshot would grow over limits.h. */
bool netlink_parse(const struct nlmsghdr *message, struct snapshot *snapshot, struct err *err);

/* What a dump ended with, of its NLMSG_DONE: 0, or the negative errno of a kernel that broke it off
 * (net/netlink/af_netlink.c, netlink_dump_done: one object does not fit a datagram, say). */
int netlink_done_error(const struct nlmsghdr *done);

#endif
