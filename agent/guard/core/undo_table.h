/*
 * undo_table: whether table 52 still leads into the tailnet what the prefs do not ask for (any
 * more): a change is not taken back, nor settled, before that has gone.
 *
 * Pure. Judged is what contradicts the prefs. What is missing is not: tailscaled makes its list of
 * networks when it sets prefs, so one that came later has no route; which subnets the peers offer
 * is not in a snapshot.
 */
#ifndef AGENT_GUARD_CORE_UNDO_TABLE_H
#define AGENT_GUARD_CORE_UNDO_TABLE_H

#include "common/net/operation.h"

/* Whether these prefs decide over routes at all: not those that are only advertised. */
bool undo_table_is_concerned(const struct operation_tailscale *change);

/* A route of now that the prefs of now contradict, as far as change sets them: a default or a
 * captured network without an exit node, a captured one with LAN access, a thrown one without, an
 * accepted subnet without accept_routes. NULL: none. */
const struct route *undo_table_find_left(const struct operation_tailscale *change,
                                         const struct snapshot *now);

/* Besides, no network is thrown without an exit node: that harms nobody, but says that tailscaled
 * is not done, or has crashed; so it may be waited for, and not for ever. */
const struct route *undo_table_find_thrown(const struct operation_tailscale *change,
                                           const struct snapshot *now);

/* Links, addresses and sysctls of now, and of table 52 what its prefs ask for of an exit node. The
 * caller ends it with snapshot_done. */
void undo_table_predict(const struct snapshot *now, struct snapshot *ret_tailnet);

#endif
