/*
 * bench_libnl: the floor under the guard at rest: a program of libnl and nothing else that hears of
 * links, addresses, routes and rules. Prints "ready", and ends with its input.
 */
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    struct nl_sock *socket = nl_socket_alloc();
    struct pollfd polls[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.events = POLLIN}};
    char byte;

    if (socket == NULL || nl_connect(socket, NETLINK_ROUTE) < 0 ||
        nl_socket_add_memberships(socket, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                  RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
                                  RTNLGRP_IPV6_RULE, RTNLGRP_NONE) < 0) {
        fprintf(stderr, "bench_libnl: no netlink socket\n");
        return 1;
    }
    nl_socket_disable_seq_check(socket);
    nl_socket_set_nonblocking(socket);
    polls[1].fd = nl_socket_get_fd(socket);
    puts("ready");
    fflush(stdout);
    while (poll(polls, 2, -1) > 0 && (polls[0].revents == 0 || read(STDIN_FILENO, &byte, 1) > 0)) {
        if (polls[1].revents != 0)
            nl_recvmsgs_default(socket);
    }
    nl_socket_free(socket);
    return 0;
}
