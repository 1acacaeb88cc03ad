/*
 * guard_client: the agent's end of its own guard's socket.
 */
#include "agent/io/guard_client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/io/log.h"
#include "common/io/packet.h"

enum { AGAIN_MS = 250, QUEUE_MAX = 256 };

/* What the socket had no room for. */
struct waiting {
    struct waiting *next;
    uint8_t *data;
    size_t len;
};

struct guard_client {
    uv_loop_t *loop;
    const char *socket_path;
    struct guard_client_calls calls;
    void *context;
    uv_timer_t timer;
    uv_poll_t *poll; /* on the heap: closing takes a turn of the loop. NULL: not connected */
    int fd;
    bool failure_said;
    struct waiting *first;
    unsigned waiting_count;
};

static void try_connect(struct guard_client *client);

static void on_again(uv_timer_t *timer)
{
    try_connect(timer->data);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void drop_first(struct guard_client *client)
{
    struct waiting *first = client->first;

    client->first = first->next;
    client->waiting_count--;
    free(first->data);
    free(first);
}

static void hang_up(struct guard_client *client, const char *why)
{
    if (client->poll == NULL)
        return;
    log_warning("the guard is gone: %s, connecting again", why);
    uv_close((uv_handle_t *)client->poll, on_closed);
    client->poll = NULL;
    close(client->fd);
    while (client->first != NULL)
        drop_first(client);
    uv_timer_start(&client->timer, on_again, AGAIN_MS, 0);
}

/* All that waits; a report's handling may hang up meanwhile. */
static void receive(struct guard_client *client)
{
    while (client->poll != NULL) {
        struct err err = ERR_INIT;
        uint8_t *data;
        size_t len;

        if (packet_receive(client->fd, &data, &len, &err)) {
            client->calls.report(client->context, (struct bytes){data, len});
            free(data);
            continue;
        }
        if (err.kind != ERR_TIMEOUT)
            hang_up(client, err.text);
        return;
    }
}

static void listen_for(struct guard_client *client);

static void flush(struct guard_client *client)
{
    while (client->poll != NULL && client->first != NULL) {
        struct err err = ERR_INIT;
        struct bytes message = {client->first->data, client->first->len};

        if (packet_send(client->fd, message, &err)) {
            drop_first(client);
            continue;
        }
        if (err.kind == ERR_TIMEOUT)
            return;
        hang_up(client, err.text);
    }
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct guard_client *client = poll->data;

    if (status < 0) {
        hang_up(client, uv_strerror(status));
        return;
    }
    if (events & UV_READABLE)
        receive(client);
    if (client->poll != NULL && (events & UV_WRITABLE))
        flush(client);
    if (client->poll != NULL)
        listen_for(client);
}

static void listen_for(struct guard_client *client)
{
    uv_poll_start(client->poll, UV_READABLE | (client->first != NULL ? UV_WRITABLE : 0), on_event);
}

static void try_connect(struct guard_client *client)
{
    struct err err = ERR_INIT;
    int fd = packet_connect(client->socket_path, &err);

    if (fd < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
        if (fd >= 0)
            close(fd);
        if (!client->failure_said)
            log_warning("no guard: %s, trying until it is there", err.text);
        client->failure_said = true;
        uv_timer_start(&client->timer, on_again, AGAIN_MS, 0);
        return;
    }
    client->fd = fd;
    client->poll = mem_alloc(1, sizeof(*client->poll));
    uv_poll_init(client->loop, client->poll, fd);
    client->poll->data = client;
    listen_for(client);
    client->failure_said = false;
    log_info("connected to the guard");
    client->calls.connected(client->context);
}

static void put_last(struct guard_client *client, struct bytes request)
{
    struct waiting **end = &client->first;

    while (*end != NULL)
        end = &(*end)->next;
    *end = mem_alloc(1, sizeof(**end));
    (*end)->data = mem_copy(request.data, request.len);
    (*end)->len = request.len;
    client->waiting_count++;
}

bool guard_client_send(struct guard_client *client, struct bytes request)
{
    struct err err = ERR_INIT;

    if (client->poll == NULL)
        return false;
    if (client->first == NULL) {
        if (packet_send(client->fd, request, &err))
            return true;
        if (err.kind != ERR_TIMEOUT) {
            hang_up(client, err.text);
            return false;
        }
    }
    if (client->waiting_count == QUEUE_MAX) {
        hang_up(client, "it takes nothing any more");
        return false;
    }
    put_last(client, request);
    listen_for(client);
    return true;
}

struct guard_client *guard_client_new(uv_loop_t *loop, const char *socket_path,
                                      const struct guard_client_calls *calls, void *context)
{
    struct guard_client *client = mem_alloc(1, sizeof(*client));

    client->loop = loop;
    client->socket_path = socket_path;
    client->calls = *calls;
    client->context = context;
    uv_timer_init(loop, &client->timer);
    client->timer.data = client;
    uv_timer_start(&client->timer, on_again, 0, 0);
    return client;
}
