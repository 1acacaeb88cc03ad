/*
 * run_network: the network namespace that this host's guard works in, in a link beside its socket.
 *
 * The journal tells what was changed, not where: in a pod's or a VPN's shell (nsenter -n) all of it
 * would seem undone. The link goes with the boot, as the namespace's number does.
 */
#ifndef AGENT_GUARD_IO_RUN_NETWORK_H
#define AGENT_GUARD_IO_RUN_NETWORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/io/config.h"

/* As the kernel names them, net:[4026531840]; "": not known. */
struct run_network {
    char here[32];  /* this process's */
    char guard[32]; /* the mark's */
};

#define RUN_NETWORK_NAME "network"

void run_network_find(const struct guard_config *config, struct run_network *ret_network);
/* False also where either is not known: that refuses no emergency. */
bool run_network_is_other(const struct run_network *network);
/* A process by which to go where the guard works (nsenter -t PID -n); 0: none is known. */
pid_t run_network_find_way(const struct guard_config *config, const struct run_network *network);

/* Says that it is here, where nobody has said so yet: for whoever has the journal. Where no link
 * can be made, nobody is refused. */
void run_network_mark(const struct guard_config *config);
/* Whatever was said: for the boot unit, which has the journal and found nobody there. */
void run_network_mark_anew(const struct guard_config *config);

#endif
