/*
 * kernel_parts: one rtnetlink request at a time, for the parts of kernel.
 */
#ifndef TESTS_CRASH_KERNEL_PARTS_H
#define TESTS_CRASH_KERNEL_PARTS_H

#include <linux/netlink.h>
#include <stddef.h>

enum { KERNEL_BODY = 512 };

struct kernel_request {
    struct nlmsghdr head;
    char body[KERNEL_BODY];
};

typedef void (*kernel_take_fn)(const struct nlmsghdr *message, void *context);

int kernel_open(void);
/* Gives all answers up to the end to take. Returns the kernel's error number, 0 for none. */
int kernel_ask(int fd, const struct kernel_request *request, kernel_take_fn take, void *context);
/* All objects of that type and family; header: the size of the kind's own header. */
void kernel_list(int fd, int type, int family, size_t header, kernel_take_fn take, void *context);

#endif
