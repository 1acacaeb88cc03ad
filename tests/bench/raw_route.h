/*
 * raw_route: what the floors share: a route by a device as the kernel takes it, and the time.
 */
#ifndef TESTS_BENCH_RAW_ROUTE_H
#define TESTS_BENCH_RAW_ROUTE_H

#include <linux/rtnetlink.h>
#include <stdint.h>
#include <time.h>

struct raw_route {
    struct nlmsghdr header;
    struct rtmsg route;
    struct rtattr destination_header;
    uint32_t destination; /* network byte order */
    struct rtattr device_header;
    uint32_t device;
};

static inline double now_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

#endif
