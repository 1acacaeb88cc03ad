/*
 * fake_bus: a D-Bus of a test's own, with a networkd and a systemd on it that only count, and a
 * networkd that does what the test says besides.
 */
#ifndef TESTS_UNIT_FAKE_BUS_H
#define TESTS_UNIT_FAKE_BUS_H

#include <stdbool.h>

enum fake_daemon { FAKE_NETWORKD, FAKE_SYSTEMD, FAKE_DAEMON_COUNT };

/* Starts a dbus-daemon below that folder, with both on it. Fails the test where it cannot. systemd
 * has run its generators once. */
void fake_bus_start(const char *folder);
void fake_bus_stop(void);
const char *fake_bus_address(void);

/* The bus neither reads nor answers until it is let go on. */
void fake_bus_freeze(bool frozen);

/* One of the two leaves the bus. */
void fake_bus_end(enum fake_daemon daemon);
/* It answers with an error from now on, or not any more. */
void fake_bus_refuse(enum fake_daemon daemon, bool refuses);
/* From now on netplan's generator does not like what it reads: systemd answers as ever, and no
 * stamp is in the folder's run/systemd/generator. */
void fake_bus_fail_netplan(bool fails);
/* What systemd says of networkd's unit: "inactive" at first. */
void fake_bus_set_state(const char *state);
/* A line of a shell that networkd runs, in the test's network namespace, when it is told to reload
 * ("": none). */
void fake_bus_do(const char *line);
/* How often it has been told to reload. */
unsigned fake_bus_reloads(enum fake_daemon daemon);

#endif
