/*
 * netlink_socket: a libnl socket to the kernel's routes, or why there is none.
 */
#include "agent/io/netlink_socket.h"

#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

bool netlink_socket_refuse(int error, struct err *err)
{
    return err_set(err, ERR_SYSTEM, "netlink socket: expected one, the kernel says: %s",
                   strerror(error));
}

/* libnl has no word for most errors ("Unspecific failure", where descriptors are too few). */
static void refuse(int code, int error, struct err *err)
{
    if (error != 0)
        netlink_socket_refuse(error, err);
    else
        err_set(err, ERR_SYSTEM, "netlink socket: expected one, libnl says: %s", nl_geterror(code));
}

struct nl_sock *netlink_socket_open(struct err *err)
{
    struct nl_sock *socket = nl_socket_alloc();
    int code;

    if (socket == NULL)
        abort();
    nl_socket_disable_msg_peek(socket);
    errno = 0;
    code = nl_connect(socket, NETLINK_ROUTE);
    if (code < 0) {
        refuse(code, errno, err);
        nl_socket_free(socket);
        return NULL;
    }
    return socket;
}
