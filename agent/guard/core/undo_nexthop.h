/*
 * undo_nexthop: how a nexthop object is taken back, and the groups that lost it.
 */
#ifndef AGENT_GUARD_CORE_UNDO_NEXTHOP_H
#define AGENT_GUARD_CORE_UNDO_NEXTHOP_H

#include "agent/guard/core/undo.h"

/* Whether it goes with one of these objects. */
bool undo_nexthop_goes(const struct route *route, const struct snapshot *objects);

/* Copies of the object, of the groups that have it, and of the routes that go with it when it is
 * deleted, and IPv4 ones of their keys that stay. */
void undo_nexthop_take(const struct operation_nexthop *operation, const struct snapshot *from,
                       struct snapshot *to);

/* Copies of the objects by that link and of the groups that have one of them; only what Oceanid may
 * restore. */
void undo_nexthop_take_link(const struct snapshot *from, uint32_t link, struct snapshot *to);

/* A group that lost its member by a link is touched no more, but left: copies of what is there now
 * of before's objects, and of the routes that use them. */
void undo_nexthop_take_left(const struct snapshot *before, const struct snapshot *now,
                            struct snapshot *to);

/* Takes one object out of the touched ones. */
void undo_nexthop_drop(uint32_t id, struct snapshot *touched);

/* False, with the reason, if a route would vanish that belongs to somebody who alone may put it
 * back. */
bool undo_nexthop_is_possible(const struct undo_item *item, struct err *err);

/* Of object and groups. What stands in the way of deleting it is UNDO_FOREIGN, too: a route of
 * somebody else's that uses it by now. */
enum undo_state undo_nexthop_judge(const struct undo_item *item, const struct snapshot *after,
                                   const struct snapshot *now, struct text *why);

#endif
