/*
 * bench_sync: the floor under one durable change: what goes to a journal is written and synced, a
 * route is added with an ACK, and what came of it is written and synced.
 * Usage: bench_sync FOLDER IFINDEX; prints the milliseconds that it took.
 *
 * The sizes are those of the guard's records of a trial of one route.
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/raw_route.h"

enum { BEGIN_SIZE = 4096, RESULT_SIZE = 256, ADDRESS = 0x0101010a /* 10.1.1.1 */ };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void append(int fd, size_t size)
{
    static const char bytes[BEGIN_SIZE] = {1};

    if (write(fd, bytes, size) != (ssize_t)size || fdatasync(fd) != 0)
        fail("bench_sync: journal");
}

static void change(int fd, int type, uint32_t device)
{
    struct raw_route message = {
        .header = {.nlmsg_len = sizeof(message),
                   .nlmsg_type = (unsigned short)type,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .route = {.rtm_family = 2,
                  .rtm_dst_len = 32,
                  .rtm_table = RT_TABLE_MAIN,
                  .rtm_protocol = 99,
                  .rtm_scope = RT_SCOPE_LINK,
                  .rtm_type = RTN_UNICAST},
        .destination_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_DST},
        .destination = ADDRESS,
        .device_header = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_OIF},
        .device = device,
    };
    char answer[4096] __attribute__((aligned(8)));
    const struct nlmsgerr *error = (const void *)(answer + NLMSG_HDRLEN);

    if (type == RTM_NEWROUTE)
        message.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
    if (send(fd, &message, sizeof(message), 0) < 0 || recv(fd, answer, sizeof(answer), 0) < 0 ||
        error->error != 0)
        fail("bench_sync: netlink");
}

int main(int argc, char **argv)
{
    int journal, netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    char path[4096];
    double start;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_sync FOLDER IFINDEX\n");
        return 2;
    }
    snprintf(path, sizeof(path), "%s/bench_sync", argv[1]);
    journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0)
        fail(path);
    append(journal, BEGIN_SIZE); /* it is there already, as a journal is */
    start = now_ms();
    append(journal, BEGIN_SIZE);
    change(netlink, RTM_NEWROUTE, (uint32_t)atoi(argv[2]));
    append(journal, RESULT_SIZE);
    printf("%.3f\n", now_ms() - start);
    change(netlink, RTM_DELROUTE, (uint32_t)atoi(argv[2]));
    unlink(path);
    return 0;
}
