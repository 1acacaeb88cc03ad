/*
 * link_server: the controller's side: REP contexts, each of which is one request that may be
 * parked.
 */
#include "common/io/link_tls.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/log.h"

#include <nng/protocol/reqrep0/rep.h>

enum {
    ANSWER_MS = 30000, /* a peer that does not read so long is dropped */
    SILENCE_MS = 90000,
};

enum request_phase { REQUEST_RECEIVING, REQUEST_OPEN, REQUEST_ANSWERING };

struct link_request {
    struct link_server *server;
    nng_ctx ctx;
    nng_aio *aio;
    nng_msg *msg; /* while it is open */
    nng_pipe pipe;
    enum request_phase phase;
};

struct known_pipe {
    nng_pipe pipe;
    bool ending;  /* closed here */
    mono_t heard; /* last sign of life: connected, asked, answered */
    unsigned open_count;
    bool floods; /* it was logged */
};

struct link_server {
    nng_socket socket;
    nng_listener listener;
    struct link_listener watched;
    struct link_reaper reaper;
    link_request_fn request_fn;
    link_pipe_fn pipe_fn;
    void *context;
    unsigned requests_count;
    struct link_request *requests;
    int silence_ms;
    unsigned open_max;
    nng_aio *sweep; /* sleeps between two looks at the pipes */
    pthread_mutex_t lock;
    /* Under the lock. */
    struct known_pipe *pipes;
    size_t pipes_count, pipes_capacity;
};

/* ---- pipes ----------------------------------------------------------------------------------- */

/* With the lock held. NULL: it is gone. */
static struct known_pipe *find_pipe(struct link_server *server, nng_pipe pipe)
{
    for (size_t i = 0; i < server->pipes_count; i++) {
        if (server->pipes[i].pipe.id == pipe.id)
            return &server->pipes[i];
    }
    return NULL;
}

static void close_one(struct link_server *server, nng_pipe pipe)
{
    struct known_pipe *known;

    pthread_mutex_lock(&server->lock);
    known = find_pipe(server, pipe);
    if (known != NULL && !known->ending) {
        known->open_count--;
        known->heard = clock_now();
    }
    pthread_mutex_unlock(&server->lock);
}

/* Whether one request more of that connection may be open; it is then. */
static bool open_one(struct link_server *server, nng_pipe pipe)
{
    struct known_pipe *known;
    bool may = true, first = false;

    pthread_mutex_lock(&server->lock);
    known = find_pipe(server, pipe);
    if (known != NULL && !known->ending) {
        may = server->open_max == 0 || known->open_count < server->open_max;
        first = !may && !known->floods;
        known->floods |= !may;
        known->open_count += may;
        known->heard = clock_now();
    }
    pthread_mutex_unlock(&server->lock);
    if (first)
        log_warning("link: a connection has %u requests open; expected are at most as many, what "
                    "it asks besides is dropped",
                    server->open_max);
    return may;
}

static void add_pipe(struct link_server *server, nng_pipe pipe)
{
    pthread_mutex_lock(&server->lock);
    server->pipes = mem_grow(server->pipes, server->pipes_count, &server->pipes_capacity,
                             sizeof(*server->pipes));
    server->pipes[server->pipes_count++] = (struct known_pipe){.pipe = pipe, .heard = clock_now()};
    pthread_mutex_unlock(&server->lock);
}

static void remove_pipe(struct link_server *server, nng_pipe pipe)
{
    struct known_pipe *known;

    pthread_mutex_lock(&server->lock);
    known = find_pipe(server, pipe);
    if (known != NULL)
        *known = server->pipes[--server->pipes_count];
    pthread_mutex_unlock(&server->lock);
}

static void end_pipe(struct link_server *server, nng_pipe pipe)
{
    struct known_pipe *known;

    pthread_mutex_lock(&server->lock);
    known = find_pipe(server, pipe);
    if (known != NULL)
        known->ending = true;
    pthread_mutex_unlock(&server->lock);
    nng_pipe_close(pipe);
}

static void sleep_until_sweep(struct link_server *server)
{
    nng_sleep_aio(server->silence_ms / 4 + 1, server->sweep);
}

static bool is_silent(const struct link_server *server, const struct known_pipe *known)
{
    return !known->ending && known->open_count == 0 &&
           clock_now() - known->heard > server->silence_ms;
}

/* One silent pipe, marked as ending; id 0 for none. */
static nng_pipe take_silent(struct link_server *server)
{
    nng_pipe silent = NNG_PIPE_INITIALIZER;

    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->pipes_count && silent.id == 0; i++) {
        struct known_pipe *known = &server->pipes[i];

        if (is_silent(server, known)) {
            silent = known->pipe;
            known->ending = true;
        }
    }
    pthread_mutex_unlock(&server->lock);
    return silent;
}

/* Outside the lock: nng calls on_pipe for what is closed. */
static void on_sweep(void *context)
{
    struct link_server *server = context;
    nng_pipe silent;

    if (nng_aio_result(server->sweep) != 0)
        return;
    for (silent = take_silent(server); silent.id != 0; silent = take_silent(server))
        nng_pipe_close(silent);
    sleep_until_sweep(server);
}

/* Before nng starts the pipe (ADD_PRE), so that nothing of the pipe comes before it. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_server *server = context;
    bool connected = event == NNG_PIPE_EV_ADD_PRE;

    if (connected)
        add_pipe(server, pipe);
    else
        remove_pipe(server, pipe);
    if (server->pipe_fn != NULL)
        server->pipe_fn(server->context, pipe.id, connected);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void receive(struct link_request *request)
{
    request->phase = REQUEST_RECEIVING;
    nng_aio_set_msg(request->aio, NULL);
    nng_aio_set_timeout(request->aio, NNG_DURATION_INFINITE);
    nng_ctx_recv(request->ctx, request->aio);
}

/* False: it was too many, and is gone. */
static bool hand_over(struct link_request *request)
{
    struct link_server *server = request->server;
    struct bytes bytes;

    request->msg = nng_aio_get_msg(request->aio);
    request->pipe = nng_msg_get_pipe(request->msg);
    if (!open_one(server, request->pipe)) {
        nng_msg_free(request->msg);
        request->msg = NULL;
        return false;
    }
    request->phase = REQUEST_OPEN;
    bytes = (struct bytes){nng_msg_body(request->msg), nng_msg_len(request->msg)};
    server->request_fn(server->context, request->pipe.id, bytes, request);
    return true;
}

/* An answer that could not be sent is the peer's loss: it asks again. */
static void after_answer(struct link_request *request, int failed)
{
    nng_msg *msg = nng_aio_get_msg(request->aio);

    if (failed != 0 && msg != NULL)
        nng_msg_free(msg);
    if (failed == NNG_ETIMEDOUT)
        end_pipe(request->server, request->pipe);
}

static void on_request(void *context)
{
    struct link_request *request = context;
    int failed = nng_aio_result(request->aio);

    if (request->phase == REQUEST_ANSWERING)
        after_answer(request, failed);
    else if (failed == 0 && hand_over(request))
        return;
    if (failed != NNG_ECLOSED)
        receive(request);
}

static void end_request(struct link_request *request)
{
    close_one(request->server, request->pipe);
    nng_msg_free(request->msg);
    request->msg = NULL;
}

void link_request_answer(struct link_request *request, struct bytes reply)
{
    nng_msg *msg;

    if (reply.len > COMMAND_SIZE_MAX) {
        log_error("link: an answer of %zu bytes was not sent; accepted are at most %u", reply.len,
                  COMMAND_SIZE_MAX);
        link_request_drop(request);
        return;
    }
    link_must(nng_msg_alloc(&msg, 0));
    link_must(nng_msg_append(msg, reply.data, reply.len));
    end_request(request); /* reply may have been of its bytes */
    request->phase = REQUEST_ANSWERING;
    nng_aio_set_msg(request->aio, msg);
    nng_aio_set_timeout(request->aio, ANSWER_MS);
    nng_ctx_send(request->ctx, request->aio);
}

void link_request_drop(struct link_request *request)
{
    end_request(request);
    receive(request);
}

/* ---- the server -------------------------------------------------------------------------------
 */

void link_server_close_pipe(struct link_server *server, uint32_t pipe)
{
    end_pipe(server, (nng_pipe){pipe});
}

unsigned link_server_port(const struct link_server *server)
{
    int port = 0;

    nng_listener_get_int(server->listener, NNG_OPT_TCP_BOUND_PORT, &port);
    return (unsigned)port;
}

static bool listen_on(struct link_server *server, const char *url, nng_tls_config *config,
                      struct err *err)
{
    int failed = nng_listener_create(&server->listener, server->socket, url);

    if (failed == 0)
        failed = nng_listener_set_ptr(server->listener, NNG_OPT_TLS_CONFIG, config);
    if (failed == 0)
        failed = nng_listener_start(server->listener, 0);
    return failed == 0 || link_fail(err, url, failed);
}

static bool open_server(struct link_server *server, const struct link_server_options *options,
                        struct err *err)
{
    nng_tls_config *config = link_make_config(&options->tls, NNG_TLS_MODE_SERVER, err);
    bool good;

    if (config == NULL)
        return false;
    link_must(nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, FRAME_SIZE_MAX));
    link_must(nng_pipe_notify(server->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, server));
    link_must(nng_pipe_notify(server->socket, NNG_PIPE_EV_REM_POST, on_pipe, server));
    good = listen_on(server, options->url, config, err);
    nng_tls_config_free(config); /* the listener holds it */
    return good;
}

static void open_requests(struct link_server *server, unsigned count)
{
    server->requests = mem_alloc(count, sizeof(*server->requests));
    server->requests_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct link_request *request = &server->requests[i];

        request->server = server;
        link_must(nng_ctx_open(&request->ctx, server->socket));
        link_must(nng_aio_alloc(&request->aio, on_request, request));
        receive(request);
    }
}

struct link_server *link_server_new(const struct link_server_options *options, struct err *err)
{
    struct link_server *server = mem_alloc(1, sizeof(*server));

    pthread_mutex_init(&server->lock, NULL);
    server->silence_ms = options->silence_ms != 0 ? options->silence_ms : SILENCE_MS;
    server->open_max = options->open_max;
    server->request_fn = options->request_fn;
    server->pipe_fn = options->pipe_fn;
    server->context = options->context;
    link_must(nng_rep0_open(&server->socket));
    if (open_server(server, options, err)) {
        open_requests(server, options->contexts_count);
        link_must(nng_aio_alloc(&server->sweep, on_sweep, server));
        sleep_until_sweep(server);
        link_listener_watch(&server->watched, server->listener);
        link_reaper_watch(&server->reaper);
        return server;
    }
    link_server_free(server);
    return NULL;
}

void link_server_free(struct link_server *server)
{
    if (server == NULL)
        return;
    link_listener_stop(&server->watched);
    link_reaper_stop(&server->reaper);
    if (server->sweep != NULL)
        nng_aio_stop(server->sweep);
    for (unsigned i = 0; i < server->requests_count; i++)
        nng_aio_stop(server->requests[i].aio); /* nng 1.5: no context may be used while it closes */
    link_close(server->socket, "server");
    for (unsigned i = 0; i < server->requests_count; i++) {
        nng_aio_free(server->requests[i].aio);
        if (server->requests[i].msg != NULL)
            nng_msg_free(server->requests[i].msg);
    }
    if (server->sweep != NULL)
        nng_aio_free(server->sweep);
    pthread_mutex_destroy(&server->lock);
    free(server->pipes);
    free(server->requests);
    free(server);
}
