/*
 * netlink: reads from the kernel what decides where packets go, and hints when it has changed.
 *
 * Streams with callbacks (libnl's route cache is quadratic). Subscribe first, then dump; a
 * notification is only a hint to dump again. Links, addresses, routes of all tables, rules and
 * nexthops, IPv4 and IPv6; raw bytes are kept for whatever may be restored.
 */
#ifndef AGENT_IO_NETLINK_H
#define AGENT_IO_NETLINK_H

#include "common/core/err.h"
#include "common/net/snapshot.h"

enum netlink_change { /* bits */
                      NETLINK_LINKS = 1,
                      NETLINK_ADDRESSES = 2,
                      NETLINK_ROUTES = 4,
                      NETLINK_RULES = 8,
                      NETLINK_NEXTHOPS = 16,
                      NETLINK_EVERYTHING = 31,
};

/* Kernel part of a snapshot, in normal form (snapshot_sort); sysctls and tailscale stay empty.
 * Initialises ret_snapshot; on true the caller ends it with snapshot_done. */
bool netlink_snapshot(struct snapshot *ret_snapshot, struct err *err);

/* Only these parts of it; of the routes only those with that family, table and protocol (0: any;
 * the kernel filters). Where somebody changes them all the time, the last of several dumps; never
 * one in which the kernel was interrupted: false, where it is so for a second. */
struct netlink_filter {
    unsigned parts; /* enum netlink_change */
    uint8_t family;
    uint8_t protocol;
    uint32_t table;
};
bool netlink_read(const struct netlink_filter *filter, struct snapshot *ret_snapshot,
                  struct err *err);

struct netlink_watch;

/* fd: a netlink route socket handed over by systemd (taken), or -1: opens its own, with the largest
 * receive buffer that it may have. */
struct netlink_watch *netlink_watch_open(int fd, struct err *err);
void netlink_watch_close(struct netlink_watch *watch);
int netlink_watch_fd(const struct netlink_watch *watch); /* readable when something has changed */

/* Takes all that waits, without blocking: bits of enum netlink_change, 0 for none. The kernel
 * deletes silently: link, address and nexthop events count as routes and nexthops too. Lost
 * notifications (ENOBUFS) count as everything. */
unsigned netlink_watch_take(struct netlink_watch *watch);

#endif
