/*
 * netlink_socket: a libnl socket to the kernel's routes, or why there is none.
 */
#ifndef AGENT_IO_NETLINK_SOCKET_H
#define AGENT_IO_NETLINK_SOCKET_H

#include "common/core/err.h"

struct nl_sock;

/* NULL and err where there is none; the caller ends it with nl_socket_free. */
struct nl_sock *netlink_socket_open(struct err *err);

/* Says that there is none, by errno's number; false. */
bool netlink_socket_refuse(int error, struct err *err);

#endif
