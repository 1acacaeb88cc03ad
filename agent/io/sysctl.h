/*
 * sysctl: the named network settings below /proc/sys/net that an operation or a check may name.
 */
#ifndef AGENT_IO_SYSCTL_H
#define AGENT_IO_SYSCTL_H

#include "common/core/err.h"
#include "common/net/snapshot.h"

/* Appends what is there: the global ones, and those of all, default and each link in snapshot. */
void sysctl_read(struct snapshot *snapshot);

/* This one too, where it is there and was left out: of very many devices not all are read. */
void sysctl_read_also(const char *name, struct snapshot *snapshot);

/* Appends those of the device that go with its IPv6 and that no operation sets: whole numbers, of
 * which the kernel takes each as it gives it. One that is in the snapshot is not appended again. */
void sysctl_read_ipv6(const char *device, struct snapshot *snapshot);

/* One, by its name ("net.ipv4.conf.eth0.rp_filter", "/" for a dot inside a device's name).
 * ERR_MISSING if the kernel has none of that name. */
bool sysctl_read_one(const char *name, char *ret_value, size_t size, struct err *err);
bool sysctl_write(const struct sysctl *setting, struct err *err);

#endif
