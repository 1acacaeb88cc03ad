/*
 * socket: who is connected to the guard: the agent, root, nobody else.
 */
#ifndef AGENT_GUARD_IO_SOCKET_H
#define AGENT_GUARD_IO_SOCKET_H

#include <poll.h>
#include <sys/types.h>

#include "common/io/config.h"
#include "common/io/wire_guard.h"

enum { CLIENTS_MAX = 16, CLIENT_NONE = 0 };

struct client {
    unsigned id; /* never used again; CLIENT_NONE: nobody */
    int fd;
    uid_t uid;
    pid_t pid;
    uint64_t turn; /* when it came, or was heard last */
};

struct clients {
    int listen_fd;
    uid_t agent_uid; /* (uid_t)-1: there is no such user, root only */
    unsigned last_id;
    uint64_t last_turn;
    uint32_t count;
    struct client list[CLIENTS_MAX];
};

bool clients_listen(struct clients *clients, const struct guard_config *config, struct err *err);
void clients_close(struct clients *clients);

/* Accepts one that waits; NULL: none, or refused (logged). Lent until the next call. */
struct client *clients_accept(struct clients *clients);
struct client *clients_find(struct clients *clients, unsigned id);
void clients_drop(struct clients *clients, unsigned id, const char *why);

/* One message, the caller frees; false: none now, or it has hung up (and is dropped). Others are
 * before it from now on. */
bool clients_receive(struct clients *clients, unsigned id, uint8_t **ret_data, size_t *ret_len);

/* To one, or to all (CLIENT_NONE). Whoever does not read is dropped. */
void clients_tell(struct clients *clients, unsigned id, const struct guard_report *report);

#endif
