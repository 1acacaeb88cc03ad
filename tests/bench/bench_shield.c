/*
 * bench_shield: takes a shield away N times and prints, a line each, the milliseconds until the
 * kernel's own notification of that was heard (the floor), and until the shield was back.
 *
 * Usage: bench_shield N IFINDEX. The shield is the host route 198.18.0.0 of protocol 153 in main.
 * Between two removals so much time passes that the guard does not take it for a fight.
 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/bench/raw_route.h"

enum { SHIELD = 0xc6120000, PROTOCOL = 153, PACE_MS = 600, PATIENCE_MS = 5000 };

static void remove_shield(int fd, uint32_t device)
{
    const struct raw_route message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = RTM_DELROUTE,
                   .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = 2,
                  .rtm_dst_len = 32,
                  .rtm_table = RT_TABLE_MAIN,
                  .rtm_protocol = PROTOCOL,
                  .rtm_scope = RT_SCOPE_LINK,
                  .rtm_type = RTN_UNICAST},
        .destination_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_DST},
        .destination = htonl(SHIELD),
        .device_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_OIF},
        .device = device,
    };

    if (send(fd, &message, sizeof(message), 0) < 0)
        exit(1);
}

/* Reads notifications until one of this type is among them; false after `ms`. */
static bool hears(int fd, unsigned type, double ms)
{
    static char buffer[65536] __attribute__((aligned(8)));
    double until = now_ms() + ms;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    while (now_ms() < until && poll(&poll_fd, 1, (int)(until - now_ms()) + 1) >= 0) {
        ssize_t len = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        const struct nlmsghdr *message;

        for (size_t at = 0; len > 0 && at < (size_t)len;
             at += NLMSG_ALIGN((size_t)message->nlmsg_len)) {
            const struct rtmsg *route = (const void *)(buffer + at + NLMSG_HDRLEN);

            message = (const void *)(buffer + at);
            if (message->nlmsg_type == type && route->rtm_protocol == PROTOCOL)
                return true;
        }
    }
    return false;
}

static void measure(int fd, int watch, uint32_t device)
{
    double began = now_ms();
    double heard;

    remove_shield(fd, device);
    if (!hears(watch, RTM_DELROUTE, PATIENCE_MS)) {
        fprintf(stderr, "bench_shield: the shield was not there to be taken away\n");
        exit(1);
    }
    heard = now_ms();
    if (!hears(watch, RTM_NEWROUTE, PATIENCE_MS)) {
        fprintf(stderr, "bench_shield: not put back in %d ms\n", PATIENCE_MS);
        exit(1);
    }
    printf("%.3f %.3f\n", heard - began, now_ms() - began);
    hears(watch, RTM_DELROUTE, PACE_MS);
}

int main(int argc, char **argv)
{
    struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_ROUTE};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (argc != 3) {
        fprintf(stderr, "usage: bench_shield N IFINDEX\n");
        return 2;
    }
    if (bind(watch, (struct sockaddr *)&own, sizeof(own)) < 0)
        return 1;
    for (int i = 0; i < atoi(argv[1]); i++)
        measure(fd, watch, (uint32_t)atoi(argv[2]));
    return 0;
}
