/*
 * bench_routes: the floor under a revert and under a rehearsal: adds N host routes with raw
 * netlink, 256 messages a send, an ACK for each, and deletes them so. Usage: bench_routes N IFINDEX
 * [add]; prints the milliseconds that deleting took, or that adding took.
 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/bench/raw_route.h"

enum { BATCH = 256, FIRST_ADDRESS = 0x0a000000 };

static struct raw_route make(int type, unsigned number, unsigned device)
{
    struct raw_route message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = (unsigned short)type,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                   .nlmsg_seq = number},
        .route = {.rtm_family = 2,
                  .rtm_dst_len = 32,
                  .rtm_table = RT_TABLE_MAIN,
                  .rtm_protocol = 99,
                  .rtm_scope = RT_SCOPE_LINK,
                  .rtm_type = RTN_UNICAST},
        .destination_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_DST},
        .destination = htonl(FIRST_ADDRESS + number),
        .device_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_OIF},
        .device = device,
    };

    if (type == RTM_NEWROUTE)
        message.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
    return message;
}

/* Reads the ACKs of one batch; ends the program at the first error. */
static void read_acks(int fd, unsigned wanted)
{
    static char buffer[65536] __attribute__((aligned(8)));

    while (wanted > 0) {
        ssize_t len = recv(fd, buffer, sizeof(buffer), 0);
        const struct nlmsghdr *answer;

        if (len <= 0)
            exit(1);
        for (size_t at = 0; at < (size_t)len; at += NLMSG_ALIGN((size_t)answer->nlmsg_len)) {
            const struct nlmsgerr *error = (const void *)(buffer + at + NLMSG_HDRLEN);

            answer = (const void *)(buffer + at);
            if (answer->nlmsg_type != NLMSG_ERROR || error->error != 0) {
                fprintf(stderr, "bench_routes: netlink says %d\n", error->error);
                exit(1);
            }
            wanted--;
        }
    }
}

static void change_all(int fd, int type, unsigned count, unsigned device)
{
    static struct raw_route batch[BATCH];

    for (unsigned first = 0; first < count; first += BATCH) {
        unsigned size = count - first < BATCH ? count - first : BATCH;

        for (unsigned i = 0; i < size; i++)
            batch[i] = make(type, first + i, device);
        if (send(fd, batch, size * sizeof(batch[0]), 0) < 0)
            exit(1);
        read_acks(fd, size);
    }
}

int main(int argc, char **argv)
{
    int size = 1 << 20;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    double start, added;

    if (argc != 3 && (argc != 4 || strcmp(argv[3], "add") != 0)) {
        fprintf(stderr, "usage: bench_routes N IFINDEX [add]\n");
        return 2;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    start = now_ms();
    change_all(fd, RTM_NEWROUTE, (unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]));
    added = now_ms() - start;
    start = now_ms();
    change_all(fd, RTM_DELROUTE, (unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]));
    printf("%.3f\n", argc == 4 ? added : now_ms() - start);
    return 0;
}
