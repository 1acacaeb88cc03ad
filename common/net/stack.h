/*
 * stack: whether a device may go down or get a smaller mtu, with what stands on it.
 */
#ifndef COMMON_NET_STACK_H
#define COMMON_NET_STACK_H

#include "common/net/operation.h"

/* Refuses (ERR_DENIED) link down on a device that others (VLANs and the like) stand on, and an mtu
 * that they would have to follow, also by the bridge that it is a port of: the kernel takes them
 * down or lowers their mtu, puts neither back, and no undo of the device knows what they lost.
 * Names them and what is accepted. Tunnels do not follow. */
bool stack_check(const struct operation_link *link, const struct snapshot *snapshot,
                 struct err *err);

#endif
