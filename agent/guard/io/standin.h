/*
 * standin: makes an empty network namespace look like a host, as far as routing goes.
 *
 * Each device is one end of a veth pair that has the name, index and MTU of the host's; where the
 * host's has a carrier, the other end is up. Then the sysctls that operations may write, addresses
 * (without DAD), rules, nexthop objects and routes, in their order. What cannot be set up is
 * counted, not fatal: whoever rehearses on it says so.
 */
#ifndef AGENT_GUARD_IO_STANDIN_H
#define AGENT_GUARD_IO_STANDIN_H

#include "common/core/err.h"
#include "common/net/snapshot.h"

enum { STANDIN_LINKS_MAX = 1024 };

/* Indexes of the far ends, above all of a host's; and of devices whose own one is taken. */
enum { STANDIN_FAR_INDEX = 1 << 30, STANDIN_MOVED_INDEX = 1 << 29 };

struct nl_sock;

struct standin {
    uint32_t missing;        /* objects of the host that could not be set up */
    char first[REASON_SIZE]; /* why the first of them could not */
};

/* False: this is no empty namespace (then nothing was touched), or the host has too many devices.
 */
bool standin_set(const struct snapshot *host, struct standin *ret_standin, struct err *err);

/* Gives the device of index `from` the index `to`, wherever it is named, also in the kernel's own
 * bytes. */
void standin_move(struct snapshot *host, uint32_t from, uint32_t to);

/* ---- standin_link.c, standin_batch.c
 * --------------------------------------------------------------
 */

void standin_miss(struct standin *standin, const struct err *why);

/* Another name for a device that the kernel put into the namespace. */
bool standin_rename_link(struct nl_sock *socket, const struct link *link, struct err *err);
void standin_put_links(const struct snapshot *host, struct standin *standin);

/* Those with a gateway or a nexthop object, or the others: many messages a datagram. Those that are
 * there already are fine. */
void standin_put_routes(const struct snapshot *host, bool gatewayed, struct standin *standin);

#endif
