/*
 * bus: the few calls that are made over D-Bus: networkd and systemd read their files again.
 *
 * Blocks for a bounded time, whatever the bus does: for the guard's worker thread and for rescue.
 * Nobody is started by it, and no program is run. The only file that includes sd-bus.h is bus.c.
 */
#ifndef AGENT_GUARD_IO_BUS_H
#define AGENT_GUARD_IO_BUS_H

#include "common/core/err.h"
#include "common/net/patience.h"

/* systemd runs its generators again, netplan's among them; many units take it longer than a call
 * to any other daemon. */
enum { BUS_CALL_MS = 1000 * PATIENCE_CALL_S, BUS_GENERATORS_MS = 1000 * PATIENCE_GENERATORS_S };

/* org.freedesktop.network1.Manager.Reload: networkd reconfigures the interfaces of every .network
 * file that is new, gone or altered (networkctl(1), `reload`). ERR_MISSING: systemd says that it
 * does not run. address NULL: the system's bus. */
bool bus_reload_networkd(const char *address, struct err *err);

/* org.freedesktop.systemd1.Manager.Reload. */
bool bus_run_generators(const char *address, struct err *err);

#endif
