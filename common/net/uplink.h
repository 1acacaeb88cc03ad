/*
 * uplink: the devices by which main reaches the world, and the addresses that answer on them.
 */
#ifndef COMMON_NET_UPLINK_H
#define COMMON_NET_UPLINK_H

#include "common/net/snapshot.h"

/* Whether it is an address of global scope on a device that has a default route of its family in
 * main. Loopback, link-local, tailnet and temporary addresses are not. */
bool uplink_has_address(const struct snapshot *snapshot, const struct link_address *own);

/* Who may be talking to it: everybody with a public address, with a private one the network that
 * it is connected to (design 7, audience). */
struct prefix uplink_audience(const struct link_address *own);

#endif
