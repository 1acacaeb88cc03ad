/*
 * localapi: Tailscale's LocalAPI over its unix socket, by libcurl; protocol and socket pinned.
 *
 * Every call has a time-out. An absent, hanging or babbling daemon is an answer, not an error:
 * tailscale.presence and .why say it (facts: shared ground is docs/tailscale.md).
 */
#ifndef COMMON_IO_LOCALAPI_H
#define COMMON_IO_LOCALAPI_H

#include "common/core/err.h"
#include "common/net/operation.h"

/* status and prefs. Always fills ret_tailscale (peers are heap: the snapshot's). */
void localapi_read(const char *socket_path, int timeout_ms, struct tailscale *ret_tailscale);

/* Which profile is current by tailscaled's own ID for it, and whether the one that is sought (NULL:
 * none is) is there; only root is told. False: now stays as it is. */
bool localapi_find_profile(const char *socket_path, int timeout_ms,
                           const struct tailscale_profile *sought, struct tailscale *now,
                           struct err *err);

/* PATCH prefs. now: as they were read; they become what tailscaled answers, from which it is taken
 * whether they are as asked. False, too, if they are another profile's than now's was (where that
 * is not known: whichever is current). */
bool localapi_patch(const char *socket_path, int timeout_ms,
                    const struct operation_tailscale *change, struct tailscale *now,
                    struct err *err);

/* Disco ping: false unless NodeIP is the address that was pinged. */
bool localapi_ping(const char *socket_path, int timeout_ms, const struct address *address,
                   struct err *err);

/* Follows the bus until it ends; line_fn is a wake-up. Runs in a thread of the caller's. */
typedef bool (*localapi_line_fn)(void *context);
void localapi_watch(const char *socket_path, localapi_line_fn line_fn, void *context);

#endif
