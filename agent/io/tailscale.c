/*
 * tailscale: a thread that follows tailscaled's bus and wakes the loop.
 */
#include "agent/io/tailscale.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/io/localapi.h"

enum { AGAIN_S = 2 };

struct follower {
    uv_async_t async;
    uv_thread_t thread;
    const char *socket_path;
    tailscale_wake_fn wake_fn;
    void *context;
    bool heard; /* of the follower's thread: since the bus was opened */
};

static void on_wake(uv_async_t *async)
{
    struct follower *follower = async->data;

    follower->wake_fn(follower->context);
}

static bool on_line(void *context)
{
    struct follower *follower = context;

    follower->heard = true;
    uv_async_send(&follower->async);
    return true;
}

/* The bus ends with its daemon, which is news too. */
static void follow(void *context)
{
    struct follower *follower = context;

    for (;;) {
        follower->heard = false;
        localapi_watch(follower->socket_path, on_line, follower);
        if (follower->heard)
            uv_async_send(&follower->async);
        sleep(AGAIN_S);
    }
}

void tailscale_follow(uv_loop_t *loop, const char *socket_path, tailscale_wake_fn wake_fn,
                      void *context)
{
    static struct follower follower; /* as long as the thread */

    follower.socket_path = socket_path;
    follower.wake_fn = wake_fn;
    follower.context = context;
    follower.async.data = &follower;
    uv_async_init(loop, &follower.async, on_wake);
    if (uv_thread_create(&follower.thread, follow, &follower) != 0)
        abort(); /* no memory for a thread at start */
}
