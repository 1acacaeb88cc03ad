/*
 * in_force: what the guard goes by since it started, kept in /run: for a rescue that cannot read
 * guard.yaml, because its disk is dead, or somebody is in the middle of a change of it.
 *
 * At one place, whatever guard.yaml says, so that it is found without guard.yaml. /run/oceanid is
 * root's (docs/decisions/0004).
 */
#ifndef AGENT_GUARD_IO_IN_FORCE_H
#define AGENT_GUARD_IO_IN_FORCE_H

#include "common/io/config.h"

#define IN_FORCE_PATH "/run/oceanid/in-force.yaml"

/* For the guard of this host, which nobody gave another file by name. Where it cannot be written,
 * the one of an earlier start goes: a rescue would take it for this guard's. */
void in_force_write(const struct guard_config *config);
/* ERR_MISSING: no guard has started since this host has. */
bool in_force_read(struct guard_config *ret_config, struct err *err);

#endif
