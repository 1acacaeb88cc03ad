/*
 * observe: what this host's routing looks like now: dumped again, debounced, whenever the kernel or
 * tailscaled hints at something new, and every 20 s in any case.
 *
 * Dumps and LocalAPI calls run in workers; an observation is handed over whole, on the loop's
 * thread. tailscaled that hangs holds nobody up: the kernel's part goes on without it.
 */
#ifndef AGENT_IO_OBSERVE_H
#define AGENT_IO_OBSERVE_H

#include <uv.h>

#include "common/core/mono.h"
#include "common/net/fib.h"

enum { TAILSCALE_ANSWER_MS = 1000 };

struct observation {
    struct snapshot snapshot;
    struct fib *fib;     /* over snapshot */
    mono_t kernel_at;    /* what the kernel did before this is in it */
    mono_t tailscale_at; /* and tailscaled */
    int64_t event_at_us; /* CLOCK_REALTIME of the first hint that led to it; 0: none did */
    bool changed;        /* something differs from the one before */
};

/* On the loop's thread; observer_now() has it. */
typedef void (*observer_fn)(void *context);

struct observer; /* lives as long as the process */

struct observer_options {
    uv_loop_t *loop;
    int netlink_fd;               /* from systemd, or -1 */
    const char *tailscale_socket; /* "" for a host without; must live as long as the process */
    observer_fn observer_fn;
    void *context;
};
/* The netlink socket with the large buffer that systemd opened for us (docs/decisions/0002); -1:
 * none. */
int observer_take_socket(void);

struct observer *observer_new(const struct observer_options *options);

/* Lent until the next call of observer_fn; NULL before the first. */
const struct observation *observer_now(const struct observer *observer);

/* Asks for an observation of which both times are later than now. */
void observer_refresh(struct observer *observer);

/* False while a hint is not looked into yet, or the last look failed: what observer_now() has may
 * be out of date. */
bool observer_is_current(const struct observer *observer);

#endif
