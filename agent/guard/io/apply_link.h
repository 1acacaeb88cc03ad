/*
 * apply_link: puts and removes addresses, sets links, and takes both back.
 */
#ifndef AGENT_GUARD_IO_APPLY_LINK_H
#define AGENT_GUARD_IO_APPLY_LINK_H

#include "agent/guard/core/undo.h"
#include "agent/guard/io/apply_restore.h"

/* now: as apply_part_read gives it. Already so is fine. */
bool apply_link_do_address(struct nl_sock *socket, const struct operation *operation,
                           const struct snapshot *now, struct err *err);
bool apply_link_do(struct nl_sock *socket, const struct operation *operation,
                   const struct snapshot *now, struct err *err);

/* What others have put meanwhile, and what the kernel takes with the undo itself, stays. */
bool apply_link_undo_address(const struct apply_restore *restore, const struct undo_item *item,
                             const struct snapshot *now, struct err *err);
bool apply_link_undo(const struct apply_restore *restore, const struct undo_item *item,
                     const struct snapshot *now, struct err *err);

/* Duplicate address detection is over and found nobody. */
bool apply_link_is_usable(const struct operation *operation, const struct snapshot *now);

/* What was to be put back with it is gone already: somebody else changed it since it was planned.
 */
bool apply_link_check_unchanged(const struct undo_item *item, const struct snapshot *now,
                                struct err *err);

#endif
