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
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/io/netlink_parse.h"
#include "agent/io/netlink_socket.h"
#include "common/io/clock.h"

enum {
    TRIES_MAX = 4,
    TORN_MS = 1000, /* for so long a list that was interrupted is asked for again */
    TORN_PAUSE_MS = 5,
    DATAGRAM_SIZE = 32 << 10,
    RECEIVE_BUFFER = 1 << 20,
};

struct reader {
    struct nl_sock *socket;
    struct snapshot *snapshot;   /* borrowed */
    struct netlink_watch *watch; /* borrowed */
    unsigned changes;            /* it told, since all was begun; enum netlink_change */
    mono_t until;                /* see TORN_MS */
    int type;                    /* of the dump that runs */
    uint8_t family;              /* of it; others are passed over */
    unsigned datagrams;          /* of the dump that runs */
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

    reader->socket = netlink_socket_open(err);
    if (reader->socket == NULL)
        return false;
    nl_socket_disable_auto_ack(reader->socket);
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
        else if (from.nl_pid == 0) { /* the kernel's */
            reader->datagrams++;
            good = take_datagram(reader, data, len, err);
        }
        free(data);
        if (!good)
            return false;
    }
    return true;
}

/* header begins with its family. table 0: all. */
static bool dump_once(struct reader *reader, int type, const void *header, size_t size,
                      uint32_t table, struct err *err)
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
    reader->datagrams = 0;
    reader->interrupted = false;
    return code < 0 ? refuse(code, "dump", err) : take_answer(reader, err);
}

/* Takes out what came behind those that `had` counts. */
static void cut(struct snapshot *snapshot, const struct snapshot *had)
{
    snapshot->links_count = had->links_count;
    snapshot->addresses_count = had->addresses_count;
    while (snapshot->routes_count > had->routes_count)
        snapshot_remove_route(snapshot, snapshot->routes_count - 1);
    while (snapshot->rules_count > had->rules_count)
        snapshot_remove_rule(snapshot, snapshot->rules_count - 1);
    while (snapshot->nexthops_count > had->nexthops_count)
        snapshot_remove_nexthop(snapshot, snapshot->nexthops_count - 1);
}

/* The kernel does not say of rules that it was interrupted: of those that came in several messages
 * one may be lacking if any has changed. Of routes it does not say it either (dump_until_still). */
static bool is_torn(struct reader *reader)
{
    unsigned changes = netlink_watch_take(reader->watch);

    reader->changes |= changes;
    return reader->interrupted ||
           (reader->type == RTM_GETRULE && reader->datagrams > 1 && (changes & NETLINK_RULES) != 0);
}

/* Interrupted, a list may lack what stands all the time: the kernel counts where it was, and what
 * is deleted before that moves the rest up. Such a one is none. */
static bool dump(struct reader *reader, int type, const void *header, size_t size, uint32_t table,
                 struct err *err)
{
    const struct snapshot had = *reader->snapshot; /* its counts */

    reader->changes |= netlink_watch_take(reader->watch);
    for (unsigned tries = 1;; tries++) {
        if (!dump_once(reader, type, header, size, table, err))
            return false;
        if (!is_torn(reader))
            return true;
        if (tries >= TRIES_MAX && clock_now() >= reader->until)
            return err_set(err, ERR_SYSTEM,
                           "netlink: expected all %s in one piece, the kernel was interrupted in "
                           "each of %u lists, so often are they changed",
                           name_of(type), tries);
        cut(reader->snapshot, &had);
        if (tries >= TRIES_MAX)
            poll(NULL, 0, TORN_PAUSE_MS);
    }
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
    return dump_links(reader, filter->parts, err) && dump_rules(reader, filter->parts, err) &&
           dump_routes(reader, filter, err);
}

/* Each list is whole; of what is told to have changed meanwhile one may have it and another not.
 * Only routes are taken as they are in the end: there are hosts on which they never stand still,
 * and those must not keep the guard from undoing, nor each check from its verdict. Of IPv4 none is
 * lacking that stands all the time: the kernel goes on behind the prefix that it told last. Of IPv6
 * it counts them when any has changed, so of several hundred one may be. */
static bool dump_until_still(struct reader *reader, const struct netlink_filter *filter,
                             struct err *err)
{
    for (int i = 1;; i++) {
        reader->changes = 0;
        if (!dump_all(reader, filter, err))
            return false;
        if ((reader->changes & filter->parts) == 0 || i == TRIES_MAX)
            return true;
        snapshot_done(reader->snapshot);
    }
}

bool netlink_read(const struct netlink_filter *filter, struct snapshot *ret_snapshot,
                  struct err *err)
{
    struct reader reader = {.snapshot = ret_snapshot,
                            .watch = netlink_watch_open(-1, err),
                            .until = clock_now() + TORN_MS};
    bool good = reader.watch != NULL;

    snapshot_init(ret_snapshot);
    good = good && open_socket(&reader, err) && dump_until_still(&reader, filter, err);
    nl_socket_free(reader.socket);
    netlink_watch_close(reader.watch);
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
