/*
 * undo_hops: where a route leads, hop by hop.
 *
 * Pure. IPv4 has a route as a whole; IPv6 keeps each hop as a route of its own, and loses one by
 * one.
 */
#ifndef AGENT_GUARD_CORE_UNDO_HOPS_H
#define AGENT_GUARD_CORE_UNDO_HOPS_H

#include "agent/guard/core/undo.h"

/* How many; ret_hops borrows. */
uint32_t undo_hops_of(const struct route *route, const struct hop **ret_hops);

bool undo_hops_has(const struct route *route, const struct hop *hop);

/* Where it leads to, or by which object. hop: one of was; NULL: it has none. */
bool undo_hops_lead_so(const struct route *there, const struct route *was, const struct hop *hop);

/* Whether it, or that hop of it, is there. hop: likewise. */
bool undo_hops_have_way(const struct snapshot *snapshot, const struct route *was,
                        const struct hop *hop);

/* All its hops, in one route or in several. */
bool undo_hops_have_all(const struct snapshot *snapshot, const struct route *was);

/* IPv6 keeps the hop by a device that is down, dead, and loses it with what that device loses next,
 * by a later operation, whose undo knows nothing of it. True only while another hop of the route is
 * there.
 */
bool undo_hops_have_lost_dead(const struct route *was, const struct snapshot *after,
                              const struct snapshot *now);

/* behind: before, as far as it was predicted to be left (operation_predict keeps the order). All of
 * its routes are, with their hops and their sources. */
bool undo_hops_stay(const struct snapshot *before, const struct snapshot *behind);

#endif
