/*
 * fake_tailscaled: answers status and prefs of the LocalAPI on a unix socket, from a thread.
 *
 * One peer, nEXIT (tethys, 100.64.0.1), offers itself. When the exit node changes it puts or takes
 * table 52's default route by tailscale0, as tailscaled does, unless told to leave it.
 */
#ifndef TESTS_UNIT_FAKE_TAILSCALED_H
#define TESTS_UNIT_FAKE_TAILSCALED_H

#include <stdbool.h>

struct fake_tailscaled;

/* In the caller's namespace, which has a device tailscale0. */
struct fake_tailscaled *fake_tailscaled_start(const char *path);
void fake_tailscaled_stop(struct fake_tailscaled *fake);

/* As another's `tailscale set --exit-node=`. */
void fake_tailscaled_set_exit_node(struct fake_tailscaled *fake, const char *id);
void fake_tailscaled_leave_routes(struct fake_tailscaled *fake, bool leave);
/* Takes connections and says nothing. */
void fake_tailscaled_hang(struct fake_tailscaled *fake, bool hang);
/* "" for none; valid until the next call. */
const char *fake_tailscaled_exit_node(struct fake_tailscaled *fake);

#endif
