/*
 * tailscaled: answers status and prefs of the LocalAPI, from the world's own process.
 *
 * One peer, nEXIT, offers itself. Its prefs outlive a power loss, its routes do not.
 */
#ifndef TESTS_CRASH_TAILSCALED_H
#define TESTS_CRASH_TAILSCALED_H

/* Starts: what the prefs say comes back into table 52. */
void tailscaled_start(void);
void tailscaled_stop(void);
/* Its package is removed: it does not come back, its routes go, what it has on its disk stays. */
void tailscaled_remove(void);
/* A dump without the routes that go with it. to: as large as the dump. */
const char *tailscaled_cut_routes(const char *dump, char *to);
int tailscaled_fd(void); /* to poll; -1 while it does not run */
/* One connection: request and answer. */
void tailscaled_serve(void);

#endif
