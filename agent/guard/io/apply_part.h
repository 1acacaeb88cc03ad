/*
 * apply_part: what apply.c and apply_undo.c share: reading only what one operation concerns.
 */
#ifndef AGENT_GUARD_IO_APPLY_PART_H
#define AGENT_GUARD_IO_APPLY_PART_H

#include "agent/guard/io/apply.h"
#include "common/core/mono.h"

enum { APPLY_LOCALAPI_MS = 2000 };

/* Whatever decides over this operation and its undo; the rest of the snapshot stays empty. Waits
 * for tailscaled, where it is concerned, at most until `until`. */
bool apply_part_read(const struct apply *apply, const struct operation *operation, mono_t until,
                     struct snapshot *ret_snapshot, struct err *err);

/* The same for its undo: whether the profile of before is there, too, where another is current. */
bool apply_part_read_item(const struct apply *apply, const struct undo_item *item, mono_t until,
                          struct snapshot *ret_snapshot, struct err *err);

/* Everything, and the files, settings and profiles that the items name. */
bool apply_part_read_items(const struct apply *apply, const struct undo_item *items, uint32_t count,
                           struct snapshot *ret_now, struct err *err);

/* Where another profile than home is current: whether home is there. */
void apply_part_find_profile(const struct apply *apply, const struct tailscale_profile *home,
                             struct snapshot *now);

/* False, with both, of prefs where tailscaled's current profile is not home. */
bool apply_part_check_profile(const struct operation *operation,
                              const struct tailscale_profile *home, const struct snapshot *now,
                              struct err *err);

/* Adds to a whole snapshot the settings that this operation takes along and that may have been left
 * out: those that its own overwrites; of an mtu below 1280 the device's of IPv6. False: one could
 * not be read. */
bool apply_part_add(const struct operation *operation, struct snapshot *snapshot, struct err *err);

/* The same of its own setting alone. False also where that is not seen and cannot be gone. */
bool apply_part_add_own(const struct operation *operation, struct snapshot *snapshot,
                        struct err *err);

/* Does one operation. now: as apply_part_read gives it; not looked at for routes. */
struct nl_sock;
bool apply_part_do(const struct apply *apply, struct nl_sock *socket,
                   const struct operation *operation, const struct snapshot *now, struct err *err);

/* Until when an answer is waited for that is asked for now. */
mono_t apply_part_until(void);

/* The operation's own routes of that table, read cheaply: the kernel leaves out all others. */
bool apply_part_read_own(const struct operation_route *operation, struct snapshot *ret_snapshot,
                         struct err *err);

/* The same of the kernel, and what tailscaled has said of itself: it is not asked again. */
bool apply_part_read_told(const struct apply *apply, const struct operation *operation,
                          const struct tailscale *told, struct snapshot *ret_snapshot,
                          struct err *err);

/* Waits until table 52 is as the prefs ask that tailscaled has told, with nothing thrown any more
 * where there is no exit node; at most until `until`. */
bool apply_part_wait_table(const struct apply *apply, const struct operation *operation,
                           const struct tailscale *told, mono_t until, struct err *err);

/* Table 52's default routes are as tailscaled makes them from the snapshot's own prefs, and of what
 * the operation sets nothing is left that they contradict (undo_table.h). */
bool apply_part_table_fits(const struct operation *operation, const struct snapshot *now,
                           struct err *err);

#endif
