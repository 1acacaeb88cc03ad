/*
 * undo_link: how an address or a link is taken back.
 */
#ifndef AGENT_GUARD_CORE_UNDO_LINK_H
#define AGENT_GUARD_CORE_UNDO_LINK_H

#include "agent/guard/core/undo.h"

/* The object of the item in a snapshot (before, after or now); NULL: not there. The device is that
 * of before, with the number that undo_translate has given it. */
const struct link_address *undo_link_find_address(const struct undo_item *item,
                                                  const struct snapshot *where);
const struct link *undo_link_find(const struct undo_item *item, const struct snapshot *where);

/* Whether it makes less of the device: what others have there may go with it. */
bool undo_link_takes_along(const struct operation *operation);

/* Of the object alone, without what went with it. */
enum undo_state undo_link_judge(const struct undo_item *item, const struct snapshot *after,
                                const struct snapshot *now, struct text *why);

/* Link: what is to be written; nothing set: nothing is. */
void undo_link_change(const struct undo_item *item, const struct snapshot *after,
                      const struct snapshot *now, struct operation_link *ret_change);

/* Leaves of part what other does not set; false: nothing. */
bool undo_link_take_out(struct operation_link *part, const struct operation_link *other);

/* Where both set it up or down, and it was not already so, newer's Before is up as older's is
 * (undo_leave_to). */
void undo_link_leave_up(struct undo_item *newer, const struct undo_item *older);

/* A setting of the device that went with its IPv6 (an mtu below 1280), and has come back as
 * another. */
bool undo_link_lost_value(const struct undo_item *item, const struct snapshot *after,
                          const struct snapshot *now, size_t index);

#endif
