/*
 * apply_restore: puts back what the kernel took along, under the protocols that it had.
 */
#ifndef AGENT_GUARD_IO_APPLY_RESTORE_H
#define AGENT_GUARD_IO_APPLY_RESTORE_H

#include "agent/guard/io/apply.h"
#include "common/core/mono.h"

struct nl_sock;

/* What reading the touched objects needs. */
struct apply_restore {
    const struct apply *apply;
    struct nl_sock *socket;
    const struct operation *operation;
    mono_t until;
};

/* Deletes it; what of `there` (addresses of its link, routes) goes along is back with the same
 * call, so that whoever is killed behind it leaves nothing of others undone. */
bool apply_restore_delete_address(const struct link_address *own, const struct snapshot *there,
                                  struct err *err);

/* Looks, and puts back what of `had` is not there and not in `after` (undo_lost.h): addresses
 * (NODAD, in their order), nexthop objects, connected routes, gatewayed routes. False, with the
 * reason: something is left; "waits for carrier of eth0" where the kernel takes it with a carrier
 * only. */
bool apply_restore(const struct apply_restore *with, const struct snapshot *had,
                   const struct snapshot *after, struct err *err);
/* Behind that, what the undo itself took of what was there before it (`taken`); the order of those
 * that `had` has is left as it is by now. */
bool apply_restore_taken(const struct apply_restore *with, const struct snapshot *taken,
                         const struct snapshot *had, struct err *err);

/* Looks, and gives the routes of `had` that are there with another MTU theirs again. */
bool apply_restore_mtus(const struct apply_restore *with, const struct snapshot *had,
                        struct err *err);

#endif
