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

#endif
