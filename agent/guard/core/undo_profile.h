/*
 * undo_profile: in which of tailscaled's profiles prefs were changed, and whether that one is
 * current.
 *
 * Prefs belong to a profile, and `tailscale switch` makes another one current: what is current then
 * is somebody else's, whatever it says, and the change stands where it was made. It comes back with
 * that profile; so it is open, as where tailscaled does not answer. Pure.
 */
#ifndef AGENT_GUARD_CORE_UNDO_PROFILE_H
#define AGENT_GUARD_CORE_UNDO_PROFILE_H

#include "agent/guard/core/undo.h"

/* True also of a home without a node: not logged in, or of a record that does not know it. */
bool undo_profile_is_current(const struct tailscale_profile *home, const struct tailscale *now);

/* Another one is current, and the one in which this changed prefs may still be there. False of what
 * changed nothing, and where tailscaled does not answer. */
bool undo_profile_is_away(const struct undo_item *item, const struct snapshot *now);

/* Where another one is current: in which it was changed, how one comes back there, which is
 * current.
 */
void undo_profile_say(const struct tailscale_profile *home, const struct tailscale *now,
                      struct text *out);

/* "lab@example (a1b2)". */
void undo_profile_render(const struct tailscale_profile *profile, struct text *out);

#endif
