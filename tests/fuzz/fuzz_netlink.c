/*
 * fuzz_netlink: what a kernel says, whose names and attributes anybody in a namespace of it may
 * have made: the agent's and the guard's reading, and what the guard would put back of it.
 */
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/io/netlink_parse.h"
#include "common/core/mem.h"
#include "common/io/wire.h"
#include "common/net/render.h"

enum { NUMBER = 7 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing leaves: what would be sent is made, that is all. */
static int swallow(struct nl_sock *socket, struct nl_msg *message)
{
    (void)socket;
    return (int)nlmsg_hdr(message)->nlmsg_len;
}

static struct nl_sock *open_nowhere(void)
{
    struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
    struct nl_sock *socket;

    nl_cb_overwrite_send(callbacks, swallow);
    socket = nl_socket_alloc_cb(callbacks);
    nl_cb_put(callbacks);
    return socket;
}

static void put_back(const struct snapshot *snapshot)
{
    struct nl_sock *socket = open_nowhere();
    struct err err = ERR_INIT;

    for (size_t i = 0; i < snapshot->routes_count; i++) {
        (void)!apply_netlink_put_route(socket, &snapshot->routes[i], APPLY_EXCLUSIVE, &err);
        (void)!apply_netlink_delete_route(socket, &snapshot->routes[i], &err);
    }
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        (void)!apply_netlink_put_rule(socket, &snapshot->rules[i], APPLY_APPEND, &err);
        (void)!apply_netlink_delete_rule(socket, &snapshot->rules[i], &err);
    }
    for (size_t i = 0; i < snapshot->addresses_count; i++)
        (void)!apply_netlink_put_address(socket, &snapshot->addresses[i], false, &err);
    nl_socket_free(socket);
}

static void pass_over(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static void show(const struct snapshot *snapshot)
{
    struct snapshot empty, again;
    AUTO_WIRE struct wire_bytes bytes = wire_encode_snapshot(snapshot);
    struct err err = ERR_INIT;

    snapshot_init(&empty);
    render_difference(&empty, snapshot, pass_over, NULL);
    snapshot_done(&empty);
    if (wire_decode_snapshot(wire_lend(&bytes), &again, &err))
        snapshot_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE uint8_t *copy = size > 0 ? mem_copy(data, size) : NULL; /* aligned */
    struct snapshot snapshot;
    struct err err = ERR_INIT;
    int len = (int)size;

    if (copy == NULL)
        return 0;
    apply_ack_read(copy, len, NUMBER, "fuzz", &err);
    snapshot_init(&snapshot);
    for (struct nlmsghdr *message = (struct nlmsghdr *)copy; nlmsg_ok(message, len);
         message = nlmsg_next(message, &len)) {
        if (!netlink_parse(message, &snapshot, &err))
            break;
    }
    snapshot_sort(&snapshot);
    put_back(&snapshot);
    show(&snapshot);
    snapshot_done(&snapshot);
    return 0;
}
