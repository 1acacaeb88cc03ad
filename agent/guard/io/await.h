/*
 * await: what a guard that starts waits for before it has its journal: a disk that does not answer
 * (its configuration's, the journal's), or a rescue. It touches nothing meanwhile, and says so.
 */
#ifndef AGENT_GUARD_IO_AWAIT_H
#define AGENT_GUARD_IO_AWAIT_H

#include <stdbool.h>

#include "common/io/config.h"

/* To systemd: ready, as far as a boot has to wait for it, and alive: it may take hours, and to kill
 * it for that would help nobody. False: told to stop. */
bool await_more(const char *what);

/* guard.yaml, read at last; an ALARM after 2 s, when what an earlier guard of this boot went by
 * holds (in_force.h). By the defaults it might take another journal and another tailscaled for its
 * own. option: by which path was named, NULL: nobody named it. False:
 * told to stop meanwhile (ERR_NONE), or the reason. */
bool await_config(const char *option, const char *path, struct guard_config *ret_config,
                  struct err *err);

/* Until the journal's disk answers those who read, and those who write; an ALARM after 2 s. What
 * was to be undone, and what stands, is on that disk alone. False: told to stop meanwhile. */
bool await_disk(const char *state);

#endif
