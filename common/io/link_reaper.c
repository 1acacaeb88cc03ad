/*
 * link_reaper: notices that nng's only thread that ends connections hangs, whoever ended the one
 * that it hangs at: we, a peer, or nng.
 *
 * No call tells of it. So a socket is connected to itself within the process, and one connection of
 * it is ended every second: when that is not said to be gone, no other would be.
 */
#include "common/io/link_tls.h"

#include <stdio.h>

#include <nng/protocol/bus0/bus.h>

static const nng_pipe no_pipe = NNG_PIPE_INITIALIZER;

/* Both its ends are of this socket; the newer is as good. Before nng starts the pipe (ADD_PRE):
 * after that its end may be told first. */
static void on_added(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_reaper *reaper = context;

    (void)event;
    pthread_mutex_lock(&reaper->lock);
    reaper->live = pipe;
    pthread_mutex_unlock(&reaper->lock);
}

/* On the thread that is watched. The next connection may stand already. */
static void on_removed(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_reaper *reaper = context;

    (void)event;
    pthread_mutex_lock(&reaper->lock);
    if (reaper->live.id == pipe.id)
        reaper->live = no_pipe;
    if (reaper->ending.id == pipe.id) {
        reaper->ending = no_pipe;
        link_wait_end(&reaper->wait);
    }
    pthread_mutex_unlock(&reaper->lock);
}

static void look(struct link_reaper *reaper)
{
    nng_pipe begun = no_pipe;

    pthread_mutex_lock(&reaper->lock);
    if (reaper->ending.id == 0 && reaper->live.id != 0) {
        begun = reaper->ending = reaper->live;
        link_wait_begin(&reaper->wait);
    }
    pthread_mutex_unlock(&reaper->lock);
    if (begun.id != 0)
        nng_pipe_close(begun);
}

static void on_look(void *context)
{
    struct link_reaper *reaper = context;

    if (nng_aio_result(reaper->sleep) != 0)
        return;
    look(reaper);
    nng_sleep_aio(LINK_LOOK_MS, reaper->sleep);
}

void link_reaper_watch(struct link_reaper *reaper)
{
    char url[64];

    *reaper = (struct link_reaper){.live = no_pipe, .ending = no_pipe};
    pthread_mutex_init(&reaper->lock, NULL);
    link_wait_init(&reaper->wait, "server");
    snprintf(url, sizeof(url), "inproc://oceanid-reaper-%p", (void *)reaper);
    link_must(nng_bus0_open(&reaper->socket));
    link_must(nng_pipe_notify(reaper->socket, NNG_PIPE_EV_ADD_PRE, on_added, reaper));
    link_must(nng_pipe_notify(reaper->socket, NNG_PIPE_EV_REM_POST, on_removed, reaper));
    link_must(nng_listen(reaper->socket, url, NULL, 0));
    link_must(nng_dial(reaper->socket, url, NULL, NNG_FLAG_NONBLOCK));
    link_must(nng_aio_alloc(&reaper->sleep, on_look, reaper));
    nng_sleep_aio(LINK_LOOK_MS, reaper->sleep);
}

void link_reaper_stop(struct link_reaper *reaper)
{
    if (reaper->sleep == NULL)
        return;
    nng_aio_stop(reaper->sleep);
    link_close(reaper->socket, "server");
    nng_aio_free(reaper->sleep);
    reaper->sleep = NULL;
    link_wait_done(&reaper->wait);
    pthread_mutex_destroy(&reaper->lock);
}
