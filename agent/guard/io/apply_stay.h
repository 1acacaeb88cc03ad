/*
 * apply_stay: lets the routes by a device and from its addresses stay while those are taken away
 * and put back in one call.
 *
 * With the last IPv4 address of a device the kernel drops all routes by it, and with an address
 * those from it; and it would not take each of them anew: not one of several hops of which one's
 * device is down, nor a gateway where a rule swallows what is from all. So meanwhile each address
 * is there with another length, too. IPv6 has no address twice, and drops no such route.
 */
#ifndef AGENT_GUARD_IO_APPLY_STAY_H
#define AGENT_GUARD_IO_APPLY_STAY_H

#include "agent/guard/io/apply_batch.h"
#include "common/net/snapshot.h"

/* Puts what stands for that address, or takes it away. there: as it was before the batch; whatever
 * is there by itself is neither put nor taken away. */
void apply_stay_add(struct apply_batch *batch, const struct link_address *own,
                    const struct snapshot *there, bool ends);

#endif
