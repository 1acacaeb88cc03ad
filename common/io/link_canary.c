/*
 * link_canary: a connection inside this process, closed again and again.
 */
#include "common/io/link_canary.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/io/clock.h"

#include <nng/protocol/pair0/pair.h>

/* A process that was stopped has looked once since, at most. */
enum { LOOKS_MIN = 3 };

struct link_canary {
    nng_socket listening, dialling; /* which dials again by itself */
    pthread_mutex_t lock;
    /* Under the lock. */
    nng_pipe pipe;    /* id 0: none is there */
    mono_t closed_at; /* MONO_NEVER: nothing is to be ended */
    unsigned looks;   /* since then */
};

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_canary *canary = context;

    pthread_mutex_lock(&canary->lock);
    if (event == NNG_PIPE_EV_ADD_POST) {
        canary->pipe = pipe;
    } else {
        canary->pipe = (nng_pipe)NNG_PIPE_INITIALIZER;
        canary->closed_at = MONO_NEVER;
    }
    pthread_mutex_unlock(&canary->lock);
}

struct link_canary *link_canary_new(void)
{
    struct link_canary *canary = mem_alloc(1, sizeof(*canary));
    char url[64];

    pthread_mutex_init(&canary->lock, NULL);
    canary->closed_at = MONO_NEVER;
    snprintf(url, sizeof(url), "inproc://canary-%p", (void *)canary);
    link_must(nng_pair0_open(&canary->listening));
    link_must(nng_pair0_open(&canary->dialling));
    link_must(nng_pipe_notify(canary->listening, NNG_PIPE_EV_ADD_POST, on_pipe, canary));
    link_must(nng_pipe_notify(canary->listening, NNG_PIPE_EV_REM_POST, on_pipe, canary));
    link_must(nng_listen(canary->listening, url, NULL, 0));
    link_must(nng_dial(canary->dialling, url, NULL, NNG_FLAG_NONBLOCK));
    return canary;
}

void link_canary_free(struct link_canary *canary)
{
    if (canary == NULL)
        return;
    link_close(canary->dialling, "canary");
    link_close(canary->listening, "canary");
    pthread_mutex_destroy(&canary->lock);
    free(canary);
}

bool link_canary_is_dead(struct link_canary *canary)
{
    nng_pipe closing = NNG_PIPE_INITIALIZER;
    bool dead;

    pthread_mutex_lock(&canary->lock);
    dead = canary->closed_at != MONO_NEVER && ++canary->looks >= LOOKS_MIN &&
           clock_now() - canary->closed_at > LINK_END_MS;
    if (canary->closed_at == MONO_NEVER && canary->pipe.id != 0) {
        closing = canary->pipe;
        canary->closed_at = clock_now();
        canary->looks = 0;
    }
    pthread_mutex_unlock(&canary->lock);
    if (closing.id != 0)
        nng_pipe_close(closing); /* without the lock: nng calls on_pipe */
    return dead;
}
