/*
 * apply_ack: one request to the kernel and its acknowledgement, with the kernel's own words.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/io/netlink_socket.h"

enum { ANSWER_TIMEOUT_S = 2 };

static bool refuse(int code, const char *what, struct err *err)
{
    return err_set(err, ERR_SYSTEM, "%s: netlink: %s", what, nl_geterror(code));
}

struct nl_sock *apply_netlink_open(struct err *err)
{
    struct nl_sock *socket = netlink_socket_open(err);
    struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
    int on = 1;
    int fd;

    if (socket == NULL)
        return NULL;
    fd = nl_socket_get_fd(socket);
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return socket;
}

void apply_netlink_close(struct nl_sock *socket)
{
    if (socket != NULL)
        nl_socket_free(socket);
}

/* NLMSGERR_ATTR_MSG, or "". It stands behind the error, and behind our message if that was sent
 * back whole. */
static void copy_words(struct nlmsghdr *answer, char *to, size_t size)
{
    struct nlattr *attributes[NLMSGERR_ATTR_MAX + 1];
    const struct nlmsgerr *error = nlmsg_data(answer);
    size_t skip = sizeof(*error);

    to[0] = '\0';
    if ((answer->nlmsg_flags & NLM_F_ACK_TLVS) == 0)
        return;
    if ((answer->nlmsg_flags & NLM_F_CAPPED) == 0)
        skip += NLMSG_ALIGN((size_t)error->msg.nlmsg_len) - sizeof(error->msg);
    if ((size_t)nlmsg_datalen(answer) <= skip ||
        nlmsg_parse(answer, (int)skip, attributes, NLMSGERR_ATTR_MAX, NULL) < 0)
        return;
    if (attributes[NLMSGERR_ATTR_MSG] != NULL)
        nla_strlcpy(to, attributes[NLMSGERR_ATTR_MSG], size);
}

static enum err_kind kind_of(int error)
{
    switch (error) {
    case EEXIST:
        return ERR_CONFLICT;
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case ENXIO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
        return ERR_MISSING;
    default:
        return ERR_SYSTEM;
    }
}

static bool take_answer(struct nlmsghdr *answer, const char *what, struct err *err)
{
    const struct nlmsgerr *error = nlmsg_data(answer);
    char words[REASON_SIZE];

    if (!nlmsg_valid_hdr(answer, sizeof(*error)))
        return err_set(err, ERR_PEER, "%s: netlink: an answer of %u bytes", what,
                       answer->nlmsg_len);
    if (error->error == 0)
        return true;
    copy_words(answer, words, sizeof(words));
    return err_set(err, kind_of(-error->error), "%s: the kernel says: %s%s%s", what,
                   strerror(-error->error), words[0] != '\0' ? ": " : "", words);
}

enum apply_ack apply_ack_read(void *datagram, int len, uint32_t number, const char *what,
                              struct err *err)
{
    for (struct nlmsghdr *answer = datagram; nlmsg_ok(answer, len);
         answer = nlmsg_next(answer, &len)) {
        if (answer->nlmsg_type == NLMSG_ERROR && answer->nlmsg_seq == number)
            return take_answer(answer, what, err) ? APPLY_ACK_DONE : APPLY_ACK_REFUSED;
    }
    return APPLY_ACK_NONE;
}

bool apply_ack_wait(struct nl_sock *socket, uint32_t number, const char *what, struct err *err)
{
    for (;;) {
        struct sockaddr_nl from;
        unsigned char *data = NULL;
        int len = nl_recv(socket, &from, &data, NULL);
        enum apply_ack ack = APPLY_ACK_NONE;

        if (len == -NLE_AGAIN || len == 0)
            err_set(err, ERR_TIMEOUT, "%s: the kernel did not answer in %u s", what,
                    ANSWER_TIMEOUT_S);
        else if (len < 0)
            refuse(len, what, err);
        else if (from.nl_pid == 0) /* the kernel's */
            ack = apply_ack_read(data, len, number, what, err);
        free(data);
        if (len <= 0 || ack != APPLY_ACK_NONE)
            return ack == APPLY_ACK_DONE;
    }
}

bool apply_netlink_request(struct nl_sock *socket, struct nl_msg *take_message, const char *what,
                           struct err *err)
{
    int code = nl_send_auto(socket, take_message); /* numbers it and asks for an ACK */
    uint32_t number = nlmsg_hdr(take_message)->nlmsg_seq;

    nlmsg_free(take_message);
    return code < 0 ? refuse(code, what, err) : apply_ack_wait(socket, number, what, err);
}
