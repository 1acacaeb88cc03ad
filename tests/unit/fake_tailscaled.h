/*
 * fake_tailscaled: answers status and prefs of the LocalAPI on a unix socket, from a thread.
 *
 * One peer, nEXIT (tethys, 100.64.0.1), offers itself, and the subnet 198.18.40.0/24. At each
 * change table 52 becomes what tailscaled makes of the prefs, unless it is told to leave it: the
 * defaults by tailscale0, 203.0.113.0/24 thrown (LAN access) or captured, the subnet (accept
 * routes).
 */
#ifndef TESTS_UNIT_FAKE_TAILSCALED_H
#define TESTS_UNIT_FAKE_TAILSCALED_H

#include <stdbool.h>
#include <stdint.h>

enum { FAKE_PROFILES = 2 };

struct fake_tailscaled;

/* In the caller's namespace, which has a device tailscale0. */
struct fake_tailscaled *fake_tailscaled_start(const char *path);
void fake_tailscaled_stop(struct fake_tailscaled *fake);

/* As another's `tailscale set --exit-node=`, `--exit-node=auto:any`,
 * `--exit-node-allow-lan-access`,
 * `--accept-routes`, `--advertise-routes=` (a JSON list). */
void fake_tailscaled_set_exit_node(struct fake_tailscaled *fake, const char *id);
void fake_tailscaled_choose_exit_node(struct fake_tailscaled *fake);
void fake_tailscaled_allow_lan(struct fake_tailscaled *fake, bool allow);
void fake_tailscaled_accept_routes(struct fake_tailscaled *fake, bool accept);
void fake_tailscaled_advertise(struct fake_tailscaled *fake, const char *routes);
void fake_tailscaled_leave_routes(struct fake_tailscaled *fake, bool leave);
/* The table follows so much later than the answer, but for the defaults; 0: it has by now. */
void fake_tailscaled_be_late(struct fake_tailscaled *fake, int ms);
/* Each answer takes so long: a machine that has hardly any time for it. */
void fake_tailscaled_be_slow(struct fake_tailscaled *fake, int ms);
/* Takes connections and says nothing. */
void fake_tailscaled_hang(struct fake_tailscaled *fake, bool hang);
/* `tailscale switch`: to 0, lab@example, with which it starts, or 1, work@example; each has its own
 * prefs and an ID of tailscaled's, 00a0 and 00a1. `tailscale switch remove`. */
void fake_tailscaled_switch(struct fake_tailscaled *fake, int profile);
void fake_tailscaled_remove_profile(struct fake_tailscaled *fake, int profile);
/* How many were asked since this was asked last. */
uint32_t fake_tailscaled_questions(struct fake_tailscaled *fake);
/* "" for none; valid until the next call. */
const char *fake_tailscaled_exit_node(struct fake_tailscaled *fake);
/* As a JSON list. */
const char *fake_tailscaled_advertised(struct fake_tailscaled *fake);
bool fake_tailscaled_accepts_routes(struct fake_tailscaled *fake);

#endif
