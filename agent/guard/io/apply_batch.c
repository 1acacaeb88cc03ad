/*
 * apply_batch: several messages in one datagram.
 */
#include "agent/guard/io/apply_batch.h"

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/guard/io/apply_netlink.h"
#include "common/core/mem.h"

enum { ROOM_BESIDE = 64 << 10, ANSWER_ROOM = 2 << 10, ANSWERS_USUAL = 128 };

void apply_batch_add_take(struct apply_batch *batch, struct nl_msg *take_message)
{
    struct nlmsghdr *head = nlmsg_hdr(take_message);
    size_t len = NLMSG_ALIGN(head->nlmsg_len);

    head->nlmsg_seq = ++batch->count;
    if (batch->count == batch->ahead + 1)
        head->nlmsg_flags |= NLM_F_ACK;
    while (batch->len + len > batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 4096 : batch->capacity * 2;
        batch->data = mem_resize(batch->data, batch->capacity, 1);
    }
    memset(batch->data + batch->len, 0, len);
    memcpy(batch->data + batch->len, head, head->nlmsg_len);
    batch->len += len;
    nlmsg_free(take_message);
}

void apply_batch_add_heard(struct apply_batch *batch, struct nl_msg *take_message)
{
    batch->ahead = batch->count;
    apply_batch_add_take(batch, take_message);
}

/* A datagram has to fit as a whole; beyond the usual limit only CAP_NET_ADMIN may. Of what is there
 * already the kernel refuses each, all before anything is heard: of thousands those that find no
 * room are dropped, behind the one that is heard, and that is no reason to hear nothing. Those that
 * stand ahead of it have room, each with an answer. */
static void make_room(struct nl_sock *socket, const struct apply_batch *batch)
{
    int fd = nl_socket_get_fd(socket);
    int to_send = (int)(batch->len + ROOM_BESIDE), dropped = 1;
    int to_hear = (int)(batch->ahead + ANSWERS_USUAL) * ANSWER_ROOM;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &to_send, sizeof(to_send));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &to_hear, sizeof(to_hear));
    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &dropped, sizeof(dropped));
}

bool apply_batch_send(struct apply_batch *batch, const char *what, struct err *err)
{
    AUTO_FREE uint8_t *data = batch->data;
    struct nl_sock *socket = apply_netlink_open(err); /* of its own: the other answers go with it */
    bool done = false;
    int code;

    if (socket != NULL) {
        make_room(socket, batch);
        code = nl_sendto(socket, data, batch->len);
        done = code < 0 ? err_set(err, ERR_SYSTEM, "%s: netlink: %s", what, nl_geterror(code))
                        : apply_ack_wait(socket, batch->ahead + 1, what, err);
    }
    apply_netlink_close(socket);
    *batch = (struct apply_batch){.data = NULL};
    return done;
}
