/*
 * apply_nexthop: puts and deletes nexthop objects.
 */
#ifndef AGENT_GUARD_IO_APPLY_NEXTHOP_H
#define AGENT_GUARD_IO_APPLY_NEXTHOP_H

#include "agent/guard/io/apply_netlink.h"
#include "common/net/operation.h"

/* From the raw bytes if there are any, else from the fields. hop.link is the device. */
bool apply_nexthop_put(struct nl_sock *socket, const struct nexthop *nexthop, enum apply_put how,
                       struct err *err);
/* Routes that use it go with it. */
bool apply_nexthop_delete(struct nl_sock *socket, uint32_t id, struct err *err);

/* now: objects, routes, links and addresses of this moment. Already so is fine. */
bool apply_nexthop_do(struct nl_sock *socket, const struct operation *operation,
                      const struct snapshot *now, struct err *err);

#endif
