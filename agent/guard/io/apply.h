/*
 * apply: does operations to kernel and tailscaled, takes them back, and looks whether it is so.
 *
 * Blocks, each call for a bounded time: for the guard's worker thread and for rescue. LocalAPI has
 * 2 s for each answer, of which apply_undo waits for three at most, and for table 52: 8 s, 2 s
 * where none comes. Every netlink message is acknowledged; the kernel's extended-ack text is in the
 * error.
 */
#ifndef AGENT_GUARD_IO_APPLY_H
#define AGENT_GUARD_IO_APPLY_H

#include "agent/guard/core/revert.h"
#include "agent/guard/core/undo.h"
#include "common/core/err.h"
#include "common/net/flow.h"

struct hand;

struct apply {
    const char *tailscale_socket; /* "" or NULL: there is none, its prefs are not read */
    const char *root;             /* in front of configuration files, for tests; NULL: "/" */
    const char *bus;              /* D-Bus address, for tests; NULL: the system's */
    struct hand *hand;            /* writes files on disks that may hang; NULL: nobody waits */
};

/* Kernel, sysctls and Tailscale of this moment, in normal form. A silent tailscaled is an answer
 * (tailscale.presence). Initialises; the caller ends it with snapshot_done. */
bool apply_read(const struct apply *apply, struct snapshot *ret_snapshot, struct err *err);

/* Does one; on true item's `after` has been read back. Already so is fine. On false nothing of it
 * stays, as far as the kernel says. */
bool apply_run(const struct apply *apply, struct undo_item *item, struct err *err);

/* The same of the first of several (undo_joins), and of as many behind it as nothing stands in the
 * way of: one acknowledged message each, up to the first that is refused, and one look at all of
 * them. On true *ret_done are done, at least one. False: the first is not; or several could not be
 * read back, and are there. */
bool apply_run_joined(const struct apply *apply, struct undo_item *items, uint32_t count,
                      uint32_t *ret_done, struct err *err);

/* Takes one back: REVERT_DONE, REVERT_LEFT (changed by others: ret_why) or REVERT_RETRY (ret_why).
 */
enum revert_outcome apply_undo(const struct apply *apply, const struct undo_item *item,
                               char *ret_why, size_t size);

/* The same of one of several that are all taken back. older: the one before it that may cut its way
 * back short (undo_plan.h); NULL: none. */
enum revert_outcome apply_undo_of(const struct apply *apply, const struct undo_item *item,
                                  const struct undo_item *older, char *ret_why, size_t size);

/* Deletes, in this order, routes that apply_run put and read back (undo_find_made), as exactly
 * those, up to the first that the kernel refuses. Returns how many: each is REVERT_DONE. */
uint32_t apply_undo_as_made(const struct snapshot *made);

/* One look: are the effects of all items there (tailscale: prefs, and table 52 as predicted)? */
bool apply_is_settled(const struct apply *apply, const struct undo_item *items, uint32_t count,
                      struct err *err);

/* One look: every touched object as before (or left because it is foreign), and every flow whose
 * bit is set in flows_held answering as it demands (where its device is there). The error names the
 * first that is not. */
bool apply_is_restored(const struct apply *apply, const struct undo_item *items, uint32_t count,
                       const struct protected_flow *flows, uint32_t flows_count,
                       uint64_t flows_held, struct err *err);

/* Of what was taken note of before a step that failed leaves what is gone; nothing where that
 * cannot be read. */
void apply_keep_lost(struct undo_item *item);

/* What of others went with the operations and is not back (undo_others.h), or that nobody could
 * look; "": all is. The kernel makes its own a moment later: it is given 1 s. */
void apply_tell_others(const struct undo_item *items, uint32_t count, char *ret_what, size_t size);

/* Takes back what is as the operations made it although all were undone: a tailscaled that was
 * frozen may take a pref late. False: there was nothing, or it could not be. */
bool apply_undo_again(const struct apply *apply, const struct undo_item *items, uint32_t count);

/* Puts back those of the operations that do not hold now (shields; at boot what was confirmed).
 * Persisting ones are passed over. Returns how many it put back; what cannot be put yet (device
 * missing) is counted in *ret_pending. Behind one that fails nothing is taken from its device. */
uint32_t apply_assert(const struct apply *apply, const struct operation *operations, uint32_t count,
                      uint32_t *ret_pending, struct err *err);

#endif
