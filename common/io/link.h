/*
 * link: nng REQ/REP over TLS with both sides authenticated; link*.c are the only includers of nng
 * and the place of its differences between 1.5 and 1.10.
 *
 * The library's threads hand everything over to the caller's thread through callbacks that must
 * only queue (uv_async_send). Who the peer is, the transport does not say: the signed challenge in
 * the first exchange does, per connection (pipe).
 */
#ifndef COMMON_IO_LINK_H
#define COMMON_IO_LINK_H

#include "common/core/bytes.h"
#include "common/core/err.h"

/* The DNS name in every controller's certificate (`pki init`), and what a client verifies: the
 * address that it dialled proves nothing. */
#define LINK_SERVER_NAME "controller"

struct link_tls { /* paths of PEM files */
    const char *ca_path;
    const char *cert_path;
    const char *key_path;
};

/* Whether a server would be given these; nothing is listened on. */
bool link_check_tls(const struct link_tls *tls, struct err *err);

/* ---- agent: asks ------------------------------------------------------------------------------
 */
struct link_client; /* one REQ socket with one dialler and its contexts */

/* What came of a request. reply is lent for the call; NULL with a reason when the connection is
 * gone or time_out_ms passed. */
typedef void (*link_reply_fn)(void *context, const struct bytes *reply, const char *reason);
/* A connection is there (or gone again). Called on the library's thread; a request that is asked
 * from then on goes over that very connection or fails with it. */
typedef void (*link_state_fn)(void *context, bool connected);

struct link_client_options {
    const char *url; /* tls+tcp://address:port */
    struct link_tls tls;
    link_state_fn state_fn; /* may be NULL */
    void *context;
};
struct link_client *link_client_new(const struct link_client_options *options, struct err *err);
/* Asks under way are told so (reply_fn) before it returns, which is why it must not be called from
 * within a callback. */
void link_client_free(struct link_client *client);

/* Sends on a context of its own and calls reply_fn exactly once, on the library's thread: with the
 * reply, or with a reason as soon as the connection is gone or timeout_ms passed; at once when
 * there is no connection. Never resent behind the caller's back (NNG_OPT_REQ_RESENDTIME is
 * infinite). */
void link_client_ask(struct link_client *client, struct bytes request, int timeout_ms,
                     link_reply_fn reply_fn, void *context);

/* ---- controller: answers ----------------------------------------------------------------------
 */
struct link_server;
struct link_request; /* one that waits for its answer */

/* A request came on a connection; request must be answered or dropped once, from any thread,
 * within any time (that is how polls are parked). bytes are lent until then. */
typedef void (*link_request_fn)(void *context, uint32_t pipe, struct bytes bytes,
                                struct link_request *request);
typedef void (*link_pipe_fn)(void *context, uint32_t pipe, bool connected);

struct link_server_options {
    const char *url;
    struct link_tls tls;
    int silence_ms;          /* 0: 90 s. A pipe that asked nothing so long and has nothing open is
                              * closed: nng does not always notice that a peer hung up */
    unsigned contexts_count; /* requests that may be open at once: two a node, and more */
    unsigned open_max;       /* 0: all of them. A connection that has so many open is not listened
                              * to: what it asks besides is dropped, and logged once */
    link_request_fn request_fn;
    link_pipe_fn pipe_fn; /* before the first request of a pipe, and after its last */
    void *context;
};
struct link_server *link_server_new(const struct link_server_options *options, struct err *err);
/* Ends the requests that are still open too: none may be answered or dropped afterwards. Not from
 * within a callback. */
void link_server_free(struct link_server *server);
/* Where it listens, for a URL that says port 0. */
unsigned link_server_port(const struct link_server *server);
/* At most COMMAND_SIZE_MAX; a larger one is logged and dropped. */
void link_request_answer(struct link_request *request, struct bytes reply);
void link_request_drop(struct link_request *request); /* and closes nothing */
void link_server_close_pipe(struct link_server *server, uint32_t pipe);

#endif
