/*
 * sysctl: the named network settings below /proc/sys/net that an operation or a check may name.
 */
#ifndef AGENT_IO_SYSCTL_H
#define AGENT_IO_SYSCTL_H

#include "common/core/err.h"
#include "common/net/snapshot.h"

/* Appends what can be read of the global ones, and those of all, default and each link in snapshot,
 * up to SYSCTLS_MAX: of very many devices the last are left out. */
void sysctl_read(struct snapshot *snapshot);

/* Append what the kernel has and the snapshot has not, however many those are. False: one could not
 * be read. One that the kernel has not is none: whether it may be gone is not known here.
 *
 * _wanted: of the same those that wanted_fn wants. _also: this one. _ipv6: all that go with the
 * device's IPv6, also those that no operation sets. */
typedef bool (*sysctl_wanted_fn)(const void *context, const char *name);
bool sysctl_read_wanted(sysctl_wanted_fn wanted_fn, const void *context, struct snapshot *snapshot,
                        struct err *err);
bool sysctl_read_also(const char *name, struct snapshot *snapshot, struct err *err);
bool sysctl_read_ipv6(const char *device, struct snapshot *snapshot, struct err *err);

/* One, by its name ("net.ipv4.conf.eth0.rp_filter", "/" for a dot inside a device's name).
 * ERR_MISSING if the kernel has none of that name; where it shows none at all, ERR_SYSTEM. */
bool sysctl_read_one(const char *name, char *ret_value, size_t size, struct err *err);
bool sysctl_write(const struct sysctl *setting, struct err *err);

#endif
