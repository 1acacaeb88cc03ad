/*
 * peers: who is connected to a TCP port of this host (sock_diag(7)).
 */
#include "agent/io/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/io/netlink_parse.h"

enum { BUFFER_SIZE = 32768, ANSWER_S = 1 };

struct look {
    uint16_t port;
    mono_t now;
    struct peers_seen *seen;
};

static bool ask(int fd, int family, uint16_t port, struct err *err)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = (uint8_t)family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_states = 1 << TCP_ESTABLISHED | 1 << TCP_CLOSE_WAIT,
                 .id.idiag_sport = htons(port)},
    };

    if (send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
        return true;
    return err_set(err, ERR_SYSTEM, "ask the kernel for its sockets: %s", strerror(errno));
}

/* ::ffff:203.0.113.10 is an IPv4 peer of a socket for both families. */
static struct address address_of(uint8_t family, const uint32_t *from)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *bytes = (const uint8_t *)from;

    if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0)
        return address_from_bytes(FAMILY_IPV4, bytes + sizeof(mapped));
    return address_from_bytes(family == AF_INET ? FAMILY_IPV4 : FAMILY_IPV6, bytes);
}

static void note(const struct look *look, const struct inet_diag_msg *found)
{
    struct ssh_peer peer = {
        .own = address_of(found->idiag_family, found->id.idiag_src),
        .address = address_of(found->idiag_family, found->id.idiag_dst),
        .port = ntohs(found->id.idiag_dport),
    };

    if (ntohs(found->id.idiag_sport) == look->port)
        peers_seen_note(look->seen, &peer, look->now);
}

/* False as take_answer is. */
static bool take_done(const struct nlmsghdr *done, struct err *err)
{
    int error = netlink_done_error(done);

    if (error == 0)
        return false;
    return err_set(err, ERR_SYSTEM, "the kernel's sockets: expected all, it ends its list with: %s",
                   strerror(-error));
}

/* One datagram of the dump. False at its end; err is set if that was an error. */
static bool take_answer(int fd, const struct look *look, struct err *err)
{
    _Alignas(struct nlmsghdr) char buffer[BUFFER_SIZE];
    ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    size_t left = got > 0 ? (size_t)got : 0;

    if (got < 0)
        return err_set(err, ERR_SYSTEM, "the kernel's sockets: %s", strerror(errno));
    for (char *from = buffer; left >= sizeof(struct nlmsghdr);) {
        const struct nlmsghdr *at = (const struct nlmsghdr *)(const void *)from;
        size_t step = NLMSG_ALIGN(at->nlmsg_len);

        if (at->nlmsg_len < sizeof(*at) || at->nlmsg_len > left)
            break;
        if (at->nlmsg_type == NLMSG_DONE)
            return take_done(at, err);
        if (at->nlmsg_type == NLMSG_ERROR)
            return err_set(err, ERR_SYSTEM, "the kernel's sockets: it says no");
        if (at->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
            note(look, (const struct inet_diag_msg *)(const void *)(from + NLMSG_HDRLEN));
        from += step;
        left -= step < left ? step : left;
    }
    return true;
}

bool peers_look(uint16_t port, mono_t now, struct peers_seen *seen, struct err *err)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct timeval patience = {.tv_sec = ANSWER_S};
    struct look look = {port, now, seen};
    struct err failure = ERR_INIT;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "open SOCK_DIAG: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (unsigned i = 0; i < 2 && failure.kind == ERR_NONE; i++) {
        if (ask(fd, families[i], port, &failure)) {
            while (take_answer(fd, &look, &failure))
                ;
        }
    }
    close(fd);
    if (failure.kind == ERR_NONE)
        return true;
    *err = failure;
    return false;
}
