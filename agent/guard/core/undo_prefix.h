/*
 * undo_prefix: the kernel's own route to the network of an IPv6 address, which it leaves there when
 * that address goes (check_cleanup_prefix_route): beside one that is to have no such route, or one
 * of another metric.
 *
 * Pure.
 */
#ifndef AGENT_GUARD_CORE_UNDO_PREFIX_H
#define AGENT_GUARD_CORE_UNDO_PREFIX_H

#include "agent/guard/core/undo.h"

/* Copies that route, where it is there: whether it came with the address is known by it. */
void undo_prefix_take(const struct operation_address *operation, const struct snapshot *from,
                      struct snapshot *to);

/* Of now: the one that came with the item's address, which is gone, and that no other address
 * keeps. NULL: none. item by the devices' numbers of now; nothing is known of what was not read
 * back. */
const struct route *undo_prefix_find_left(const struct undo_item *item, const struct snapshot *now);

#endif
