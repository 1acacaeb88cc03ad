/*
 * standin_batch: the routes of a stand-in, many messages a datagram.
 *
 * Only the last message of a datagram is acknowledged; of the others the kernel tells errors.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/standin.h"
#include "common/core/mem.h"
#include "common/net/render.h"

enum { BATCH_MESSAGES = 256, BATCH_SIZE = 128 << 10, RECEIVE_SIZE = 1 << 20 };

struct batch {
    struct nl_sock *socket;
    const struct snapshot *host; /* borrowed */
    struct standin *standin;     /* borrowed */
    uint32_t first;              /* number of the first message that is in it */
    uint32_t count;
    const struct route *routes[BATCH_MESSAGES]; /* whose they are */
    struct nlmsghdr *last;                      /* of data */
    size_t len;
    uint8_t *data;
};

/* ---- one datagram -----------------------------------------------------------------------------
 */

static void note_refusal(struct batch *batch, uint32_t number, int error)
{
    char name[SENTENCE_SIZE];
    struct text text = TEXT_IN(name);
    struct err err = ERR_INIT;

    if (error == EEXIST)
        return;
    render_route(batch->routes[number - batch->first], batch->host, &text);
    err_set(&err, ERR_SYSTEM, "%s: the kernel says: %s", name, strerror(error));
    standin_miss(batch->standin, &err);
}

/* True when the answer to the last message was among them. */
static bool take_answers(struct batch *batch, void *data, int len)
{
    bool last = false;

    for (struct nlmsghdr *answer = data; nlmsg_ok(answer, len); answer = nlmsg_next(answer, &len)) {
        const struct nlmsgerr *error = nlmsg_data(answer);

        if (answer->nlmsg_type != NLMSG_ERROR || !nlmsg_valid_hdr(answer, sizeof(*error)) ||
            answer->nlmsg_seq - batch->first >= batch->count)
            continue;
        if (error->error != 0)
            note_refusal(batch, answer->nlmsg_seq, -error->error);
        last |= answer->nlmsg_seq == batch->first + batch->count - 1;
    }
    return last;
}

static bool exchange(struct batch *batch, struct err *err)
{
    bool last = false;
    int code = nl_sendto(batch->socket, batch->data, batch->len);

    while (code >= 0 && !last) {
        struct sockaddr_nl from;
        unsigned char *answers = NULL;

        code = nl_recv(batch->socket, &from, &answers, NULL);
        last = code > 0 && take_answers(batch, answers, code);
        free(answers);
        if (code == 0)
            code = -NLE_AGAIN;
    }
    return last ||
           err_set(err, ERR_TIMEOUT, "%u routes: netlink: %s", batch->count, nl_geterror(code));
}

static void send_batch(struct batch *batch)
{
    struct err err = ERR_INIT;

    if (batch->count == 0)
        return;
    batch->last->nlmsg_flags |= NLM_F_ACK;
    if (!exchange(batch, &err))
        standin_miss(batch->standin, &err);
    batch->first += batch->count;
    batch->count = 0;
    batch->len = 0;
}

/* Takes the message. route: whose it is; borrowed. */
static void add_message(struct batch *batch, struct nl_msg *take_message, const struct route *route)
{
    struct nlmsghdr *header = nlmsg_hdr(take_message);
    size_t size = NLMSG_ALIGN((size_t)header->nlmsg_len);

    if (batch->count == BATCH_MESSAGES || batch->len + size > BATCH_SIZE)
        send_batch(batch);
    header->nlmsg_seq = batch->first + batch->count;
    batch->last = (struct nlmsghdr *)(void *)(batch->data + batch->len);
    memcpy(batch->last, header, header->nlmsg_len);
    batch->routes[batch->count++] = route;
    batch->len += size;
    nlmsg_free(take_message);
}

static bool open_batch(struct batch *batch, const struct snapshot *host, struct standin *standin)
{
    struct err err = ERR_INIT;

    *batch = (struct batch){.host = host, .standin = standin, .first = 1};
    batch->socket = apply_netlink_open(&err);
    if (batch->socket == NULL) {
        standin_miss(standin, &err);
        return false;
    }
    nl_socket_set_buffer_size(batch->socket, RECEIVE_SIZE, BATCH_SIZE);
    batch->data = mem_alloc(BATCH_SIZE, 1);
    return true;
}

static void close_batch(struct batch *batch)
{
    send_batch(batch);
    apply_netlink_close(batch->socket);
    free(batch->data);
}

/* ---- what is sent -----------------------------------------------------------------------------
 */

static bool has_way(const struct route *route)
{
    if (route->nexthop_id != 0 || address_is_set(&route->hop.gateway))
        return true;
    return route->hops_count > 1;
}

static bool comes_with_address(const struct route *route)
{
    return route->table == RT_TABLE_LOCAL && route->protocol == RTPROT_KERNEL;
}

/* Appended: routes of one key keep their order, and what an address brought along is there. */
void standin_put_routes(const struct snapshot *host, bool gatewayed, struct standin *standin)
{
    struct batch batch;

    if (!open_batch(&batch, host, standin))
        return;
    for (size_t i = 0; i < host->routes_count; i++) {
        const struct route *route = &host->routes[i];

        if (!route->clone && !comes_with_address(route) && has_way(route) == gatewayed)
            add_message(&batch, apply_netlink_route_message(route, NLM_F_CREATE | NLM_F_APPEND),
                        route);
    }
    close_batch(&batch);
}
