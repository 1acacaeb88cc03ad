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

/* nng's only thread that ends connections can hang for good (1.5 to 1.10: a connection closed while
 * a message is between two parts of its transfer), and with it every later loss would go unnoticed
 * and every nng_close would block. Who notices ends the process; systemd restarts it. */
enum { LINK_END_MS = 10000 };
#define LINK_UNENDED "nng has not ended a connection in 10 s, and the thread for it does not run"
_Noreturn void link_die(const char *url, const char *why);

/* nng_close; ends the process when that thread has not run for LINK_END_MS. */
void link_close(nng_socket socket, const char *url);

/* Ends the process, too, when nng's listener has stopped (link_listener.c): three looks at once a
 * second after which nothing of it moves, whatever is done to it. */
enum { LINK_LOOK_MS = 1000 };
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

/* And when the thread that ends connections hangs (link_reaper.c): so many looks after one was
 * ended here that nng does not say to be gone, in which the thread has not run. */
struct link_reaper {
    nng_socket socket; /* connected to itself */
    nng_aio *sleep;    /* NULL: not watched */
    pthread_mutex_t lock;
    nng_pipe pipe; /* under the lock; id 0: not connected */
    bool ending;   /* it was closed here */
    unsigned looks;
    uint64_t turns; /* at the last look */
};
/* How often that thread has run: whether it has between two looks. 0: it was not found. */
uint64_t link_reaper_turns(void);
void link_reaper_watch(struct link_reaper *reaper);
void link_reaper_stop(struct link_reaper *reaper);

/* Our certificate, and the peer's demanded and verified. NULL: err says why. The caller frees it
 * (nng counts references). */
nng_tls_config *link_make_config(const struct link_tls *tls, nng_tls_mode mode, struct err *err);

#endif
