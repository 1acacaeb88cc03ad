/*
 * bench_snapshot: one raw RTM_GETROUTE walk (recv and header walk, nothing kept) beside one whole
 * snapshot, in turn, five times. Prints "raw_ms snapshot_ms routes" a line.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/io/netlink.h"

static double now_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

/* One dump of all tables of a family; returns the number of messages. */
static size_t walk_family(int fd, unsigned char family)
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
    } request = {.header = {.nlmsg_len = sizeof(request),
                            .nlmsg_type = RTM_GETROUTE,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                 .route = {.rtm_family = family}};
    static char buffer[32768] __attribute__((aligned(8)));
    size_t count = 0;

    if (send(fd, &request, sizeof(request), 0) < 0)
        exit(1);
    for (;;) {
        ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
        struct nlmsghdr *message;

        if (got <= 0)
            exit(1);
        for (size_t at = 0; at < (size_t)got; at += NLMSG_ALIGN((size_t)message->nlmsg_len)) {
            message = (struct nlmsghdr *)(void *)(buffer + at);
            if (message->nlmsg_type == NLMSG_DONE)
                return count;
            count++;
        }
    }
}

static size_t walk(int fd)
{
    return walk_family(fd, 2) + walk_family(fd, 10); /* AF_INET, AF_INET6 */
}

int main(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    for (int i = 0; i < 5; i++) {
        struct snapshot snapshot;
        struct err err = ERR_INIT;
        double start = now_ms();
        size_t routes = walk(fd);
        double middle = now_ms();

        if (!netlink_snapshot(&snapshot, &err)) {
            fprintf(stderr, "bench_snapshot: %s\n", err.text);
            return 1;
        }
        printf("%.2f %.2f %zu\n", middle - start, now_ms() - middle, routes);
        snapshot_done(&snapshot);
    }
    close(fd);
    return 0;
}
