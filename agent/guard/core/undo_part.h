/*
 * undo_part: leaves hops out of a route of several.
 *
 * Pure.
 */
#ifndef AGENT_GUARD_CORE_UNDO_PART_H
#define AGENT_GUARD_CORE_UNDO_PART_H

#include "common/net/snapshot.h"

/* Takes one hop out of a route that has at least two, out of its raw bytes, too. */
void undo_part_leave_out(struct route *route, uint32_t hop);

#endif
