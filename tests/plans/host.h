/*
 * host: a random host: devices, and then parts that may be left out one by one.
 */
#ifndef TESTS_PLANS_HOST_H
#define TESTS_PLANS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOST_PARTS_MAX = 48, HOST_LINE_SIZE = 320 };

struct host_part {
    uint32_t number;           /* by which it is left out */
    int group;                 /* in which order they are made */
    char line[HOST_LINE_SIZE]; /* of ip(8); "/proc/sys/net/PATH VALUE" */
};

struct host {
    char devices[2048]; /* for ip -batch */
    uint32_t count;
    struct host_part parts[HOST_PARTS_MAX];
};

/* without: bits of the parts that are left out. */
void host_draw(uint64_t seed, uint64_t without, struct host *ret_host);
/* In this process's namespace, which is fresh. What the kernel refuses is not there. with_ipv6: nor
 * are without it the routes, rules and objects of IPv6: the seeds that are known were drawn when
 * ip -batch was given "-6 route add ...", which it takes for nothing (README.md). */
void host_make(const struct host *host, bool with_ipv6);
/* As lines of a shell. */
void host_print(const struct host *host);

/* Lines for ip -force -batch; those that are refused are passed over. False: one was. */
bool host_ip(const char *lines);
/* The same of lines that may begin with "-6 ". */
void host_ip_each(const char *lines);
void host_write(const char *path, const char *value);

#endif
