/*
 * peers: who is connected to a TCP port of this host, from the kernel (SOCK_DIAG, no privileges).
 */
#ifndef AGENT_IO_PEERS_H
#define AGENT_IO_PEERS_H

#include "agent/core/source.h"

/* Notes every established connection to that local port, of both families. */
bool peers_look(uint16_t port, mono_t now, struct peers_seen *seen, struct err *err);

#endif
