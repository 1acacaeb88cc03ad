/*
 * localapi_parse: the LocalAPI's documents as values. What is foreign in them is passed over, what
 * is missing or of another type is as if it were not set.
 */
#ifndef COMMON_IO_LOCALAPI_PARSE_H
#define COMMON_IO_LOCALAPI_PARSE_H

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "common/net/operation.h"

/* GET status: backend state, version, own addresses, peers. peers are heap, the caller's. */
bool localapi_parse_status(struct bytes document, struct tailscale *tailscale, struct err *err);

/* GET or PATCH prefs. Advertised routes that do not fit or are no networks are passed over, and
 * advertise_routes_unread says so. */
bool localapi_parse_prefs(struct bytes document, struct tailscale *tailscale, struct err *err);

/* GET profiles/: fills now->profile.id and, where a profile is sought, now->home. */
bool localapi_parse_profiles(struct bytes document, const struct tailscale_profile *sought,
                             struct tailscale *now, struct err *err);

/* POST ping: false with the reason unless the peer that has the address itself has answered. A ping
 * to an unknown address is answered by the exit node: NodeIP tells (facts). */
bool localapi_parse_ping(struct bytes document, const struct address *address, struct err *err);

/* The text of {"Error": TEXT}, or of anything else; to is always filled. */
void localapi_parse_error(struct bytes document, char *to, size_t size);

/* Body of PATCH prefs (MaskedPrefs): only fields whose set_* is true. Heap; the caller frees it. */
char *localapi_format_prefs(const struct operation_tailscale *change);

#endif
