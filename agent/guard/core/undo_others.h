/*
 * undo_others: what went with an operation and is for others to bring back: the kernel, a lease, a
 * router, tailscaled, a daemon, the pods' network. It is never put back; what does not come back by
 * itself is told.
 *
 * Pure. Routes and addresses: of the rules none goes with anything. What went is known when the
 * operation's After is read; where the guard died before that, nothing is told.
 */
#ifndef AGENT_GUARD_CORE_UNDO_OTHERS_H
#define AGENT_GUARD_CORE_UNDO_OTHERS_H

#include "agent/guard/core/undo.h"

enum { OTHERS_MAX = 256 }; /* of one operation; more are not remembered */

/* Fills item->others with what of now might go: right before it is done. */
void undo_others_take(struct undo_item *item, const struct snapshot *now);
/* Leaves there what went, and whose device is still there. tailscaled has its table in order only
 * later: of prefs all of table 52 and of the tailnet's addresses stays, and nothing else. */
void undo_others_keep_lost(struct undo_item *item, const struct snapshot *now);

/* Whether it may have taken what cannot be put back, and is told, too (undo_lost.h): a route with
 * another hop that was dead, the order of addresses among which somebody else's are. */
bool undo_others_may_be_held_up(const struct undo_item *item);

/* Appends what is not there, with its owner; nothing where all is back. */
void undo_others_tell(const struct undo_item *items, uint32_t count, const struct snapshot *now,
                      struct text *out);

#endif
