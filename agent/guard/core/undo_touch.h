/*
 * undo_touch: which objects of a snapshot an operation touches, its side effects included.
 *
 * Pure. Foreign objects are touched only where the kernel changes them by itself: other devices'
 * sysctls; addresses and routes that go with an address, a link, an mtu or IPv6 switched off.
 */
#ifndef AGENT_GUARD_CORE_UNDO_TOUCH_H
#define AGENT_GUARD_CORE_UNDO_TOUCH_H

#include "common/net/operation.h"

/* Copies of what it touches, with raw bytes, and of the links that they name. ret_touched is
 * initialised here; rules are all of that priority, because their order is state. */
void undo_touch_take(const struct operation *operation, const struct snapshot *from,
                     struct snapshot *ret_touched);

/* A copy of one route, with raw bytes, and of its links. */
void undo_touch_take_route(const struct snapshot *from, const struct route *route,
                           struct snapshot *to);

/* What it is expected to leave of the touched objects, where nobody has read it back. */
void undo_touch_predict(const struct operation *operation, const struct snapshot *before,
                        struct snapshot *ret_after);

/* The same object to the kernel, whatever it leads to. */
bool undo_touch_same_key(const struct route *a, const struct route *b);
/* The same route, as far as one can be read back: hops that lead nowhere do not count. */
bool undo_touch_same_route(const struct route *a, const struct route *b);
/* The same rule, whoever put it. */
bool undo_touch_same_rule(const struct rule *a, const struct rule *b);
bool undo_touch_same_address(const struct link_address *a, const struct link_address *b);
/* The same one has the form that it had: nobody has put it anew in another. */
bool undo_touch_is_as_put(const struct link_address *there, const struct link_address *was);

/* Whether the kernel may take others' objects along: of an address, a link, IPv6 switched off. */
bool undo_touch_has_losses(const struct operation *operation);

/* Takes the operation's own object out of a snapshot. */
void undo_touch_drop(const struct operation *operation, struct snapshot *touched);

/* Who may restore what: the table of common/net/owner.c, which docs/undo.md prints. */
bool undo_touch_may_restore(const struct route *route, const struct snapshot *snapshot);

#endif
