/*
 * undo_prefs: the undo of Tailscale prefs, field by field, as far as the operation set them.
 */
#ifndef AGENT_GUARD_CORE_UNDO_PREFS_H
#define AGENT_GUARD_CORE_UNDO_PREFS_H

#include "agent/guard/core/undo.h"

/* Prefs that are as before count only when table 52 has nothing left that they contradict. */
enum undo_state undo_prefs_judge(const struct undo_item *item, const struct tailscale *after,
                                 const struct snapshot *now, struct text *why);

/* In another profile than the one of before nothing is looked at: undo_profile.h. */

/* Only the fields that are as the change left them. False if the exit node of before was named by
 * an address that no peer had, or was chosen automatically: there is no StableID to restore. */
bool undo_prefs_change(const struct undo_item *item, const struct tailscale *after,
                       const struct snapshot *now, struct operation_tailscale *ret_change,
                       struct err *err);

/* Whether it left any field that it sets other than it was before. */
bool undo_prefs_differ(const struct undo_item *item);

/* Takes out what other sets too; false: nothing is left. */
bool undo_prefs_take_out(struct operation_tailscale *change,
                         const struct operation_tailscale *other);

bool undo_prefs_is_possible(const struct undo_item *item, struct err *err);

/* There was no exit node before the change, and there is one now, whoever set it. */
bool undo_prefs_diverts(const struct undo_item *item, const struct snapshot *now);

/* "tailscale exit node to none", for people. */
void undo_prefs_render(const struct undo_item *item, struct text *out);

/* An exit node's default route in table 52, of either family; NULL if there is none. */
const struct route *undo_prefs_exit_route(const struct snapshot *snapshot, uint8_t family);

#endif
