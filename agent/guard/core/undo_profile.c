/*
 * undo_profile: in which of tailscaled's profiles prefs were changed, and whether that one is
 * current.
 */
#include "agent/guard/core/undo_profile.h"

#include "agent/guard/core/undo_prefs.h"
#include "common/net/tailnet.h"

/* One that was registered anew has another node, and is the same one to tailscaled. */
bool undo_profile_is_current(const struct tailscale_profile *home, const struct tailscale *now)
{
    return home->node_id[0] == '\0' || tailnet_same_profile(home, &now->profile) ||
           (home->id[0] != '\0' && text_equal(home->id, now->profile.id));
}

bool undo_profile_is_away(const struct undo_item *item, const struct snapshot *now)
{
    return item->change.kind == OPERATION_TAILSCALE &&
           now->tailscale.presence == TAILSCALE_ANSWERS && now->tailscale.home != HOME_GONE &&
           !undo_profile_is_current(&item->before.tailscale.profile, &now->tailscale) &&
           undo_prefs_differ(item);
}

void undo_profile_render(const struct tailscale_profile *profile, struct text *out)
{
    if (profile->name[0] != '\0')
        text_add(out, "%.40s", profile->name);
    if (profile->id[0] != '\0')
        text_add(out, profile->name[0] != '\0' ? " (%s)" : "%s", profile->id);
    if (profile->name[0] == '\0' && profile->id[0] == '\0')
        text_add(out, profile->node_id[0] != '\0' ? "node %.40s" : "one that is not logged in",
                 profile->node_id);
}

void undo_profile_say(const struct tailscale_profile *home, const struct tailscale *now,
                      struct text *out)
{
    const char *word = home->id[0] != '\0' ? home->id : home->name;

    text_add(out, "changed in tailscale's profile ");
    undo_profile_render(home, out);
    if (now->home == HOME_GONE)
        text_add(out, ", which is gone, and that with it");
    else if (word[0] != '\0')
        text_add(out, ": `tailscale switch %s` leads back", word);
    else
        text_add(out, ": `tailscale switch --list` shows the way back");
    text_add(out, "; now ");
    undo_profile_render(&now->profile, out);
    text_add(out, " is current, and is left as it is");
}
