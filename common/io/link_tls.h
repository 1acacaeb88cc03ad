/*
 * link_tls: what both sides of link set up in nng. Private to link*.c, the only includers of nng.
 */
#ifndef COMMON_IO_LINK_TLS_H
#define COMMON_IO_LINK_TLS_H

#include "common/io/link.h"

#include <pthread.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

/* Always false, with nng's word for code. */
bool link_fail(struct err *err, const char *what, int code);

/* Ends the process unless code is 0: for calls that fail only for want of memory. */
void link_must(int code);

/* Says so and ends the process; systemd starts it again. */
_Noreturn void link_die(const char *url, const char *why);

/* nng's only thread that ends connections can hang for good (1.5 to 1.10: a connection closed while
 * a message is between two parts of its transfer), and with it every later loss would go unnoticed
 * and every nng_close would block. Who waits for it looks at it once a second (link_wait.c); when
 * it has not run for ten looks, the process ends. Looks and not seconds: they stand in the queue of
 * nng's that the thread may wait for, so that neither a thousand handshakes nor a machine that
 * slept are taken for a hang. */
enum { LINK_LOOK_MS = 1000 };
struct link_wait {
    const char *url; /* borrowed; what is told */
    nng_aio *sleep;
    pthread_mutex_t lock;
    bool waits, looking;
    unsigned looks; /* in a row in which the thread did not run */
    uint64_t turns; /* how often it had, at the last */
};
void link_wait_init(struct link_wait *wait, const char *url);
void link_wait_done(struct link_wait *wait);
/* Any number of times, from any thread. */
void link_wait_begin(struct link_wait *wait);
void link_wait_end(struct link_wait *wait);

/* nng_close, waited for as above. */
void link_close(nng_socket socket, const char *url);

/* Ends the process, too, when nng's listener has stopped (link_listener.c): three looks at once a
 * second after which nothing of it moves, whatever is done to it. */
struct link_listener {
    nng_listener listener;
    nng_aio *sleep; /* NULL: not watched */
    uint64_t failed, all;
    bool may_have_stopped;
    unsigned silent_looks;
    int peer_fd; /* -1: none */
};
void link_listener_watch(struct link_listener *watched, nng_listener listener);
void link_listener_stop(struct link_listener *watched);

/* Has the thread that ends connections watched all the time, whoever ended one (link_reaper.c). */
struct link_reaper {
    nng_socket socket; /* connected to itself */
    nng_aio *sleep;    /* NULL: not watched */
    struct link_wait wait;
    pthread_mutex_t lock;
    nng_pipe live;   /* under the lock; id 0: not connected */
    nng_pipe ending; /* closed here, and nng is to say so; id 0: none */
};
void link_reaper_watch(struct link_reaper *reaper);
void link_reaper_stop(struct link_reaper *reaper);

/* Our certificate, and the peer's demanded and verified. NULL: err says why. The caller frees it
 * (nng counts references). */
nng_tls_config *link_make_config(const struct link_tls *tls, nng_tls_mode mode, struct err *err);

#endif
