/*
 * guard_client: the agent's end of its own guard's socket: connected again whenever it is lost.
 */
#ifndef AGENT_IO_GUARD_CLIENT_H
#define AGENT_IO_GUARD_CLIENT_H

#include <uv.h>

#include "common/core/bytes.h"

struct guard_client; /* lives as long as the process */

struct guard_client_calls {
    void (*report)(void *context, struct bytes report); /* lent: an encoded GuardReport */
    void (*connected)(void *context);
};

/* socket_path must live as long as the process. */
struct guard_client *guard_client_new(uv_loop_t *loop, const char *socket_path,
                                      const struct guard_client_calls *calls, void *context);

/* False when there is no connection: whoever asked will ask again. */
bool guard_client_send(struct guard_client *client, struct bytes request);

#endif
