/*
 * dump_parts: one listing at a time, for the parts of dump.
 */
#ifndef TESTS_PLANS_DUMP_PARTS_H
#define TESTS_PLANS_DUMP_PARTS_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*dump_take_fn)(const struct nlmsghdr *message, void *context);

int dump_open(void);
/* All objects of that type and family; header: the size of the kind's own header. */
void dump_list(int fd, int type, int family, size_t header, dump_take_fn take, void *context);
/* 0: it has none. */
uint32_t dump_number(const struct nlmsghdr *message, size_t header, int type);

#endif
