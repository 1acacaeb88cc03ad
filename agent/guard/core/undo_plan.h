/*
 * undo_plan: what one operation of several answers for when all are taken back.
 *
 * An object that an older one touches too is that one's to judge: it knows how it was before both.
 * So is one that an older one took along, which the newer then found missing. Pure.
 */
#ifndef AGENT_GUARD_CORE_UNDO_PLAN_H
#define AGENT_GUARD_CORE_UNDO_PLAN_H

#include "agent/guard/core/undo.h"

/* The state of items[number], as far as none of those before it answers for it. ret_part: so much
 * of it as apply_undo may be given; the caller ends it. ret_why has REASON_SIZE. */
enum undo_state undo_plan_judge(const struct undo_item *items, uint32_t number,
                                const struct snapshot *now, struct undo_item *ret_part,
                                char *ret_why);

/* The one before it that may cut the way back of items[number] short: the oldest that touches the
 * very route, address or nexthop object; of a link the one whose mtu took IPv6, which this one's
 * gives back. NULL: none. */
const struct undo_item *undo_plan_find_older(const struct undo_item *items, uint32_t number);

/* What is left to take back of the item where that is as it was before all of them: what went with
 * it. What stood between two of them the kernel may not take any more. Of a link: the way to the
 * mtu before both, for others would lose their IPv6 by that between. False: it is not so, and the
 * item is to be taken back as it is. The caller ends ret_part. */
bool undo_plan_shorten(const struct undo_item *item, const struct undo_item *older,
                       const struct snapshot *now, struct undo_item *ret_part);

#endif
