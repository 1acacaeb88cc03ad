/*
 * undo_mtu: IPv6 routes whose own MTU followed their device's, there or back.
 *
 * Pure. The kernel says nothing when it gives a route another MTU, and does not give the old one
 * back (consequence_route.h). Which MTU is the kernel's doing follows from the device's mtu in had,
 * after and now; any other is somebody's, and left.
 */
#ifndef AGENT_GUARD_CORE_UNDO_MTU_H
#define AGENT_GUARD_CORE_UNDO_MTU_H

#include "agent/guard/core/undo_lost.h"

/* The same route with whatever MTU; NULL: it is not there. */
const struct route *undo_mtu_find(const struct snapshot *snapshot, const struct route *was);

/* It is there, with an MTU that it has because the change set its device's, or because that was
 * taken back. */
bool undo_mtu_is_moved(const struct undo_loss *loss, const struct route *was);

/* It is there with another MTU, whosever doing that is. */
bool undo_mtu_differs(const struct snapshot *now, const struct route *was);

/* UNDO_NEEDED with the first of had that differs so; else UNDO_RESTORED. */
enum undo_state undo_mtu_judge(const struct snapshot *had, const struct snapshot *now,
                               struct text *why);

/* "found it with mtu 1500", for a route that is there. */
void undo_mtu_say(const struct snapshot *now, const struct route *was, struct text *why);

#endif
