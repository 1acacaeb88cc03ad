/*
 * undo_nexthop: how a nexthop object is taken back, and the groups that lost it.
 */
#ifndef AGENT_GUARD_CORE_UNDO_NEXTHOP_H
#define AGENT_GUARD_CORE_UNDO_NEXTHOP_H

#include "agent/guard/core/undo.h"

/* Copies of the object, of the groups that have it, and of the routes that go with it when it is
 * deleted. */
void undo_nexthop_take(const struct operation_nexthop *operation, const struct snapshot *from,
                       struct snapshot *to);

/* False, with the reason, if a route would vanish that belongs to somebody who alone may put it
 * back. */
bool undo_nexthop_is_possible(const struct undo_item *item, struct err *err);

/* Of object and groups. What stands in the way of deleting it is UNDO_FOREIGN, too: a route of
 * somebody else's that uses it by now. */
enum undo_state undo_nexthop_judge(const struct undo_item *item, const struct snapshot *after,
                                   const struct snapshot *now, struct text *why);

#endif
