/*
 * uplink: the devices by which main reaches the world, and the addresses that answer on them.
 */
#ifndef COMMON_NET_UPLINK_H
#define COMMON_NET_UPLINK_H

#include "common/net/snapshot.h"

/* Whether it is an address of global scope on a device that has a default route of its family in
 * main. Loopback, link-local, tailnet and temporary addresses are not. */
bool uplink_has_address(const struct snapshot *snapshot, const struct link_address *own);

/* Whether SSH is at this address, and it is of no uplink and answers all the same: one of the
 * tailnet, where somebody else is in it, or a private one. ssh may be NULL or not set. */
bool uplink_answers_beside(const struct snapshot *snapshot, const struct link_address *own,
                           const struct address *ssh);

/* Who may be talking to it: everybody with a public address, with a private one the network that
 * it is connected to, with a tailnet one the peers, who are in its network (design 7, audience). */
struct prefix uplink_audience(const struct link_address *own);

#endif
