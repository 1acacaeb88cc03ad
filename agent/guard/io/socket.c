/*
 * socket: accepts the agent's and root's connections, and tells them things.
 */
#include "agent/guard/io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/log.h"
#include "common/io/packet.h"

enum { SOCKET_MODE = 0660 };

bool clients_listen(struct clients *clients, const struct guard_config *config, struct err *err)
{
    const struct passwd *user = getpwnam(config->agent_user);
    gid_t group = user != NULL ? user->pw_gid : (gid_t)-1;

    memset(clients, 0, sizeof(*clients));
    clients->agent_uid = user != NULL ? user->pw_uid : (uid_t)-1;
    if (user == NULL)
        log_warning("user '%s' is not here: only root may connect", config->agent_user);
    clients->listen_fd = packet_listen(config->socket, SOCKET_MODE, group, err);
    if (clients->listen_fd < 0)
        return false;
    fcntl(clients->listen_fd, F_SETFL, fcntl(clients->listen_fd, F_GETFL) | O_NONBLOCK);
    return true;
}

void clients_close(struct clients *clients)
{
    while (clients->count > 0)
        clients_drop(clients, clients->list[0].id, NULL);
    close(clients->listen_fd);
}

struct client *clients_find(struct clients *clients, unsigned id)
{
    for (uint32_t i = 0; i < clients->count; i++) {
        if (clients->list[i].id == id)
            return &clients->list[i];
    }
    return NULL;
}

void clients_drop(struct clients *clients, unsigned id, const char *why)
{
    struct client *client = clients_find(clients, id);

    if (client == NULL)
        return;
    if (why != NULL)
        log_info("connection of process %d: %s", (int)client->pid, why);
    close(client->fd);
    *client = clients->list[--clients->count];
}

/* Root is never kept out by an agent that holds them all. */
static bool make_room(struct clients *clients, uid_t uid)
{
    if (clients->count < CLIENTS_MAX)
        return true;
    for (uint32_t i = 0; uid == 0 && i < clients->count; i++) {
        if (clients->list[i].uid != 0) {
            clients_drop(clients, clients->list[i].id, "it makes room for root");
            return true;
        }
    }
    return false;
}

static bool may_connect(struct clients *clients, int fd, struct client *ret_client)
{
    struct err err = ERR_INIT;

    if (!packet_peer(fd, &ret_client->uid, &ret_client->pid, &err)) {
        log_warning("%s", err.text);
        return false;
    }
    if (ret_client->uid != 0 && ret_client->uid != clients->agent_uid) {
        log_warning("refused a connection of uid %u (process %d): accepted are root and uid %u",
                    ret_client->uid, (int)ret_client->pid, clients->agent_uid);
        return false;
    }
    if (!make_room(clients, ret_client->uid)) {
        log_warning("refused a connection of process %d: %u are open already", (int)ret_client->pid,
                    clients->count);
        return false;
    }
    return true;
}

struct client *clients_accept(struct clients *clients)
{
    int fd = accept4(clients->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client client = {.fd = fd};

    if (fd < 0)
        return NULL;
    if (!may_connect(clients, fd, &client)) {
        close(fd);
        return NULL;
    }
    client.id = ++clients->last_id;
    client.turn = ++clients->last_turn;
    clients->list[clients->count] = client;
    return &clients->list[clients->count++];
}

bool clients_receive(struct clients *clients, unsigned id, uint8_t **ret_data, size_t *ret_len)
{
    struct client *client = clients_find(clients, id);
    struct err err = ERR_INIT;

    if (client == NULL)
        return false;
    client->turn = ++clients->last_turn;
    if (packet_receive(client->fd, ret_data, ret_len, &err))
        return true;
    if (err.kind != ERR_TIMEOUT)
        clients_drop(clients, id, err.kind == ERR_PEER ? NULL : err.text);
    return false;
}

static void tell_one(struct clients *clients, unsigned id, struct bytes message)
{
    const struct client *client = clients_find(clients, id);
    struct err err = ERR_INIT;

    if (client != NULL && !packet_send(client->fd, message, &err))
        clients_drop(clients, id, err.kind == ERR_PEER ? NULL : err.text);
}

void clients_tell(struct clients *clients, unsigned id, const struct guard_report *report)
{
    AUTO_WIRE struct wire_bytes message = wire_encode_guard_report(report);

    if (id != CLIENT_NONE) {
        tell_one(clients, id, wire_lend(&message));
        return;
    }
    for (uint32_t i = clients->count; i-- > 0;)
        tell_one(clients, clients->list[i].id, wire_lend(&message));
}
