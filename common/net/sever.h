/*
 * sever: whether an operation would take its device away from a protected flow, or from others that
 * stand on it.
 */
#ifndef COMMON_NET_SEVER_H
#define COMMON_NET_SEVER_H

#include "common/net/flow.h"
#include "common/net/operation.h"

/* Refuses (ERR_DENIED) link down, the removal of an address, and an mtu below 1280 on a device that
 * carries a protected flow on this snapshot, also by what it is a port of or what stands on it, and
 * the removal of the address that a flow answers from: no proof could come back. Refuses what
 * stack.h does: no undo would be whole. Not waivable. The message names device, flow and what is
 * accepted. */
bool sever_check(const struct operation *operation, const struct snapshot *snapshot,
                 const struct protected_flow *flows, size_t count, struct err *err);

#endif
