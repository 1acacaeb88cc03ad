/*
 * netlink: reads from the kernel what decides where packets go.
 */
#include "agent/io/netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/io/netlink_parse.h"

/* A host whose routes never stand still must not keep the guard from undoing. */
enum { TRIES_MAX = 4, DATAGRAM_SIZE = 32 << 10, RECEIVE_BUFFER = 1 << 20 };

struct reader {
    struct nl_sock *socket;
    struct snapshot *snapshot; /* borrowed */
    int type;                  /* of the dump that runs */
    uint8_t family;            /* of it; others are passed over */
    bool interrupted;
    bool over;
};

static bool refuse(int code, const char *what, struct err *err)
{
    return err_set(err, ERR_SYSTEM, "netlink %s: %s", what, nl_geterror(code));
}

static bool open_socket(struct reader *reader, struct err *err)
{
    int on = 1;
    int code;

    reader->socket = nl_socket_alloc();
    if (reader->socket == NULL)
        abort();
    nl_socket_disable_auto_ack(reader->socket);
    nl_socket_disable_msg_peek(reader->socket);
    code = nl_connect(reader->socket, NETLINK_ROUTE);
    if (code < 0)
        return refuse(code, "socket", err);
    nl_socket_set_buffer_size(reader->socket, RECEIVE_BUFFER, 0);
    nl_socket_set_msg_buf_size(reader->socket, DATAGRAM_SIZE);
    /* Leaves out exceptions, and lets the kernel filter; older ones than 4.20 do neither. */
    setsockopt(nl_socket_get_fd(reader->socket), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
               sizeof(on));
    return true;
}

/* ---- one dump ---------------------------------------------------------------------------------
 */

static const char *name_of(int type)
{
    switch (type) {
    case RTM_GETLINK:
        return "links";
    case RTM_GETADDR:
        return "addresses";
    case RTM_GETRULE:
        return "rules";
    case RTM_GETNEXTHOP:
        return "nexthop objects";
    default:
        return "routes";
    }
}

/* No such table, or a kernel without nexthop objects or IPv6: nothing to read, not an error. */
static bool end_with(const struct reader *reader, int error, struct err *err)
{
    if (error >= 0 || error == -ENOENT || error == -EOPNOTSUPP || error == -EAFNOSUPPORT)
        return true;
    return err_set(err, ERR_SYSTEM, "netlink: expected all %s, the kernel ends its list with: %s",
                   name_of(reader->type), strerror(-error));
}

static bool take_error(struct reader *reader, const struct nlmsghdr *message, struct err *err)
{
    const struct nlmsgerr *error = nlmsg_data(message);

    reader->over = true;
    if (!nlmsg_valid_hdr(message, sizeof(*error)))
        return err_set(err, ERR_PEER, "netlink: an error message of %u bytes", message->nlmsg_len);
    return end_with(reader, error->error, err);
}

static bool take_done(struct reader *reader, const struct nlmsghdr *message, struct err *err)
{
    reader->over = true;
    return end_with(reader, netlink_done_error(message), err);
}

/* Where the kernel lacks a family it answers with all others. */
static bool is_wanted(const struct reader *reader, const struct nlmsghdr *message)
{
    const struct rtgenmsg *header = nlmsg_data(message);

    return reader->family == FAMILY_NONE || header->rtgen_family == reader->family;
}

static bool take_datagram(struct reader *reader, void *data, int len, struct err *err)
{
    for (struct nlmsghdr *message = data; nlmsg_ok(message, len);
         message = nlmsg_next(message, &len)) {
        if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
            reader->interrupted = true;
        if (message->nlmsg_type == NLMSG_ERROR)
            return take_error(reader, message, err);
        if (message->nlmsg_type == NLMSG_DONE)
            return take_done(reader, message, err);
        if (is_wanted(reader, message) && !netlink_parse(message, reader->snapshot, err))
            return false;
    }
    return true;
}

static bool take_answer(struct reader *reader, struct err *err)
{
    reader->over = false;
    while (!reader->over) {
        struct sockaddr_nl from;
        unsigned char *data = NULL;
        int len = nl_recv(reader->socket, &from, &data, NULL);
        bool good = len > 0;

        if (len <= 0)
            refuse(len, "dump", err);
        else if (from.nl_pid == 0) /* the kernel's */
            good = take_datagram(reader, data, len, err);
        free(data);
        if (!good)
            return false;
    }
    return true;
}

/* header begins with its family. table 0: all. */
static bool dump(struct reader *reader, int type, const void *header, size_t size, uint32_t table,
                 struct err *err)
{
    struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
    int code;

    if (message == NULL ||
        nlmsg_append(message, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0)
        abort();
    if (table != 0 && nla_put_u32(message, RTA_TABLE, table) < 0)
        abort();
    code = nl_send_auto(reader->socket, message);
    nlmsg_free(message);
    reader->type = type;
    reader->family = ((const struct rtgenmsg *)header)->rtgen_family;
    return code < 0 ? refuse(code, "dump", err) : take_answer(reader, err);
}

/* ---- all that was asked for -------------------------------------------------------------------
 */

static bool dump_links(struct reader *reader, unsigned parts, struct err *err)
{
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    struct ifaddrmsg ipv4 = {.ifa_family = FAMILY_IPV4};
    struct ifaddrmsg ipv6 = {.ifa_family = FAMILY_IPV6};

    return ((parts & NETLINK_LINKS) == 0 ||
            dump(reader, RTM_GETLINK, &link, sizeof(link), 0, err)) &&
           ((parts & NETLINK_ADDRESSES) == 0 ||
            (dump(reader, RTM_GETADDR, &ipv4, sizeof(ipv4), 0, err) &&
             dump(reader, RTM_GETADDR, &ipv6, sizeof(ipv6), 0, err)));
}

static bool dump_routes(struct reader *reader, const struct netlink_filter *filter, struct err *err)
{
    static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6};

    if ((filter->parts & NETLINK_ROUTES) == 0)
        return true;
    for (size_t i = 0; i < sizeof(families); i++) {
        struct rtmsg header = {.rtm_family = families[i], .rtm_protocol = filter->protocol};

        if (filter->family != FAMILY_NONE && filter->family != families[i])
            continue;
        if (!dump(reader, RTM_GETROUTE, &header, sizeof(header), filter->table, err))
            return false;
    }
    return true;
}

static bool dump_rules(struct reader *reader, unsigned parts, struct err *err)
{
    struct fib_rule_hdr ipv4 = {.family = FAMILY_IPV4};
    struct fib_rule_hdr ipv6 = {.family = FAMILY_IPV6};
    struct nhmsg nexthop = {.nh_family = AF_UNSPEC};

    return ((parts & NETLINK_RULES) == 0 ||
            (dump(reader, RTM_GETRULE, &ipv4, sizeof(ipv4), 0, err) &&
             dump(reader, RTM_GETRULE, &ipv6, sizeof(ipv6), 0, err))) &&
           ((parts & NETLINK_NEXTHOPS) == 0 ||
            dump(reader, RTM_GETNEXTHOP, &nexthop, sizeof(nexthop), 0, err));
}

static bool dump_all(struct reader *reader, const struct netlink_filter *filter, struct err *err)
{
    reader->interrupted = false;
    return dump_links(reader, filter->parts, err) && dump_rules(reader, filter->parts, err) &&
           dump_routes(reader, filter, err);
}

/* NLM_F_DUMP_INTR is never set for IPv4 routes: only the subscription tells of changes meanwhile.
 */
static bool dump_until_still(struct reader *reader, const struct netlink_filter *filter,
                             struct netlink_watch *watch, struct err *err)
{
    for (int i = 1;; i++) {
        unsigned changes;

        if (!dump_all(reader, filter, err))
            return false;
        changes = netlink_watch_take(watch) & filter->parts;
        if ((changes == 0 && !reader->interrupted) || i == TRIES_MAX)
            return true;
        snapshot_done(reader->snapshot);
    }
}

bool netlink_read(const struct netlink_filter *filter, struct snapshot *ret_snapshot,
                  struct err *err)
{
    struct reader reader = {.snapshot = ret_snapshot};
    struct netlink_watch *watch = netlink_watch_open(-1, err);
    bool good = watch != NULL;

    snapshot_init(ret_snapshot);
    good = good && open_socket(&reader, err) && dump_until_still(&reader, filter, watch, err);
    nl_socket_free(reader.socket);
    netlink_watch_close(watch);
    if (good)
        snapshot_sort(ret_snapshot);
    else
        snapshot_done(ret_snapshot);
    return good;
}

bool netlink_snapshot(struct snapshot *ret_snapshot, struct err *err)
{
    struct netlink_filter everything = {.parts = NETLINK_EVERYTHING};

    return netlink_read(&everything, ret_snapshot, err);
}
