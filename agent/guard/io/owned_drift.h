/*
 * owned_drift: tells the agent which owned items that only the guard can compare have drifted.
 */
#ifndef AGENT_GUARD_IO_OWNED_DRIFT_H
#define AGENT_GUARD_IO_OWNED_DRIFT_H

#include "agent/guard/io/guard.h"

void owned_drift_want(struct guard *guard); /* looked at soon */
/* A new connection may still have what another guard said: where nothing is owned it is told so at
 * once, else all is looked at soon. */
void owned_drift_greet(struct guard *guard, unsigned client);
int owned_drift_fd(const struct guard *guard); /* -1: nothing was owned yet */
void owned_drift_tick(struct guard *guard);
void owned_drift_take(struct guard *guard);
mono_t owned_drift_deadline(const struct guard *guard);

#endif
