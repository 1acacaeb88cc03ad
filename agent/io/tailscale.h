/*
 * tailscale: wakes the agent when tailscaled has something new, and reads its state in a worker.
 *
 * A thread follows the bus; each line is only a wake-up. What is true is read again from status
 * and prefs, and from the kernel.
 */
#ifndef AGENT_IO_TAILSCALE_H
#define AGENT_IO_TAILSCALE_H

#include <uv.h>

/* On the loop's thread. */
typedef void (*tailscale_wake_fn)(void *context);

/* socket_path must live as long as the process, and so does the thread. */
void tailscale_follow(uv_loop_t *loop, const char *socket_path, tailscale_wake_fn wake_fn,
                      void *context);

#endif
