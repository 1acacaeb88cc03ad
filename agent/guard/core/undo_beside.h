/*
 * undo_beside: IPv4 routes of one destination, of which the kernel uses, and deletes, the first.
 *
 * Pure. One that stays, by another device, beside one that goes with a device, tells where that
 * comes back to, and is not somebody's who took its place.
 */
#ifndef AGENT_GUARD_CORE_UNDO_BESIDE_H
#define AGENT_GUARD_CORE_UNDO_BESIDE_H

#include "agent/guard/core/undo_lost.h"
#include "common/net/operation.h"

bool undo_beside_leads_by(const struct route *route, uint32_t link);

/* Whether it goes with that device, or with one of these nexthop objects, and may come back. */
bool undo_beside_goes(const struct route *route, uint32_t link, const struct snapshot *objects,
                      const struct snapshot *from);

/* Whether it stays, whosever it is, beside one of its key that goes. */
bool undo_beside_stands(const struct route *route, uint32_t link, const struct snapshot *objects,
                        const struct snapshot *from);

/* Told to delete one without a metric, the kernel takes the first that fits (fib_nh_match): whether
 * that may be this one of ours, where own is gone. */
bool undo_beside_fits(const struct route *there, const struct route *own);

/* Whether that very route is among them. */
bool undo_beside_has(const struct snapshot *snapshot, const struct route *route);

/* Whether this one, of a snapshot, stood before all others of its key there. */
bool undo_beside_is_first(const struct snapshot *snapshot, const struct route *route);

/* Where a lost route (undo_lost_route) is put among those of its key, as loss->now is before the
 * first of them is put. Those that come first are put last one first, before the others. */
enum undo_beside_place {
    UNDO_BESIDE_ALONE,
    UNDO_BESIDE_FIRST,
    UNDO_BESIDE_LAST,
    UNDO_BESIDE_INSTEAD,
};
enum undo_beside_place undo_beside_place(const struct undo_loss *loss, size_t index);

/* Adds to what was read back of an address or a link what is there of the keys of before by other
 * devices, of a nexthop object by any, whosever it is. */
void undo_beside_take_left(const struct operation *operation, const struct snapshot *before,
                           const struct snapshot *now, struct snapshot *to);

#endif
