/*
 * netlink_watch: one subscribed netlink socket that says what has to be read again.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/io/netlink.h"
#include "agent/io/netlink_socket.h"
#include "common/core/mem.h"

enum { RECEIVE_BUFFER = 16 << 20, DATAGRAM_SIZE = 32 << 10 };

struct netlink_watch {
    int fd;
};

static const int groups[] = {
    RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
    RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,   RTNLGRP_NEXTHOP,
};

/* RTNLGRP_NEXTHOP is younger (5.3) than the rest: a kernel without it has no nexthop objects. */
static bool join(int fd, struct err *err)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) <
                0 &&
            groups[i] != RTNLGRP_NEXTHOP)
            return err_set(err, ERR_SYSTEM, "netlink group %d: %s", groups[i], strerror(errno));
    }
    return true;
}

/* Without privilege net.core.rmem_max bounds it; then more is lost, and read again. */
static int open_own(struct err *err)
{
    int size = RECEIVE_BUFFER;
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0) {
        netlink_socket_refuse(errno, err);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return fd;
}

struct netlink_watch *netlink_watch_open(int fd, struct err *err)
{
    struct netlink_watch *watch;

    if (fd < 0)
        fd = open_own(err);
    if (fd < 0)
        return NULL;
    if (!join(fd, err)) {
        close(fd);
        return NULL;
    }
    watch = mem_alloc(1, sizeof(*watch));
    watch->fd = fd;
    return watch;
}

void netlink_watch_close(struct netlink_watch *watch)
{
    if (watch == NULL)
        return;
    close(watch->fd);
    mem_free_pointer(&watch);
}

int netlink_watch_fd(const struct netlink_watch *watch)
{
    return watch->fd;
}

/* What is to be read again after a message of this type: deletions that follow from another one
 * are not told. */
static unsigned change_of(unsigned type)
{
    switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        return NETLINK_LINKS | NETLINK_ADDRESSES | NETLINK_ROUTES | NETLINK_NEXTHOPS;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return NETLINK_ADDRESSES | NETLINK_ROUTES | NETLINK_NEXTHOPS;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        return NETLINK_ROUTES | NETLINK_NEXTHOPS;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return NETLINK_ROUTES;
    case RTM_NEWRULE:
    case RTM_DELRULE:
        return NETLINK_RULES;
    default:
        return 0;
    }
}

static unsigned changes_in(void *data, int len)
{
    unsigned changes = 0;

    for (struct nlmsghdr *message = data; nlmsg_ok(message, len);
         message = nlmsg_next(message, &len))
        changes |= change_of(message->nlmsg_type);
    return changes;
}

unsigned netlink_watch_take(struct netlink_watch *watch)
{
    unsigned changes = 0;
    _Alignas(struct nlmsghdr) char data[DATAGRAM_SIZE];

    for (;;) {
        ssize_t len = recv(watch->fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC);

        if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return changes;
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno != ENOBUFS)
            return NETLINK_EVERYTHING;
        if (len < 0 || (size_t)len > sizeof(data))
            changes |= NETLINK_EVERYTHING;
        else
            changes |= changes_in(data, (int)len);
    }
}
