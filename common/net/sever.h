/*
 * sever: whether an operation would take its device away from a protected flow.
 */
#ifndef COMMON_NET_SEVER_H
#define COMMON_NET_SEVER_H

#include "common/net/flow.h"
#include "common/net/operation.h"

/* Refuses (ERR_DENIED) link down, the removal of an address, and an mtu below 1280 on a device that
 * carries a protected flow on this snapshot, and the removal of the address that a flow answers
 * from. Not waivable: no proof could come back. The message names device, flow and what is
 * accepted. */
bool sever_check(const struct operation *operation, const struct snapshot *snapshot,
                 const struct protected_flow *flows, size_t count, struct err *err);

#endif
