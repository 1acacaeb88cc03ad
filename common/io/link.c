/*
 * link: the agent's side: asks over one connection at a time.
 *
 * An ask is an aio and a REQ context that are used again and again: nng frees no aio within its
 * own callback, so they live as long as the client.
 */
#include "common/io/link_tls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

#include <nng/protocol/reqrep0/req.h>

/* A lost connection is dialled again after a random part of a time that doubles. */
enum { REDIAL_MIN_MS = 200, REDIAL_MAX_MS = 5000 };

static const nng_pipe no_pipe = NNG_PIPE_INITIALIZER;

enum ask_phase { ASK_IDLE, ASK_REFUSED, ASK_TOO_LARGE, ASK_SENDING, ASK_WAITING };

struct ask {
    struct link_client *client;
    struct ask *next;
    nng_ctx ctx;
    nng_aio *aio;     /* sends, then receives */
    nng_aio *refusal; /* sleeps no time: in nng 1.5 what has slept reports no time-out any more */
    /* Under the client's lock. */
    enum ask_phase phase;
    uint64_t number; /* of the ask that it serves now */
    bool lost;       /* its connection went */
    nng_pipe pipe;   /* that it goes over */
    /* Of whoever drives it. */
    mono_t until;
    int timeout_ms;
    link_reply_fn reply_fn;
    void *context;
};

struct link_client {
    pthread_mutex_t lock;
    nng_socket socket;
    char url[URL_SIZE];
    link_state_fn state_fn;
    void *context;
    struct link_wait wait; /* for nng's ending of a connection */
    /* Under the lock. */
    bool closing;
    nng_pipe pipe; /* id 0: not connected */
    bool ending;   /* it is gone, and nng is to say so */
    uint64_t asks_count;
    struct ask *asks;
};

static const char *explain(const struct ask *ask, int failed, char *text, size_t size)
{
    const char *url = ask->client->url;

    if (ask->phase == ASK_TOO_LARGE)
        snprintf(text, size, "a request above %u bytes: accepted are fewer", FRAME_SIZE_MAX);
    else if (ask->phase == ASK_REFUSED)
        snprintf(text, size, "not connected to %s", url);
    else if (ask->client->closing)
        snprintf(text, size, "the link to %s was closed here", url);
    else if (ask->lost || failed == NNG_ECONNRESET)
        snprintf(text, size, "the connection to %s is gone", url);
    else if (failed == NNG_ETIMEDOUT)
        snprintf(text, size, "no answer from %s in %d ms", url, ask->timeout_ms);
    else
        snprintf(text, size, "%s: %s", url, nng_strerror(failed));
    return text;
}

/* The connection is no good any more: nothing is asked on it, and nng has to end it in time. */
static void begin_ending(struct link_client *client, nng_pipe pipe)
{
    pthread_mutex_lock(&client->lock);
    if (client->pipe.id == pipe.id && !client->closing) {
        client->ending = true;
        link_wait_begin(&client->wait);
    }
    pthread_mutex_unlock(&client->lock);
}

/* Frees the slot first: reply_fn may be about to ask again. A connection without an answer in time
 * is closed, because nng does not always notice that its peer hung up (link_server.c). */
static void end_ask(struct ask *ask, int failed)
{
    struct link_client *client = ask->client;
    nng_msg *msg = nng_aio_get_msg(ask->aio);
    nng_pipe pipe = ask->pipe;
    link_reply_fn reply_fn = ask->reply_fn;
    void *context = ask->context;
    char reason[REASON_SIZE + URL_SIZE];
    bool answered;

    if (failed == NNG_ECONNRESET || failed == NNG_ETIMEDOUT)
        begin_ending(client, pipe);
    nng_aio_set_msg(ask->aio, NULL);
    pthread_mutex_lock(&client->lock);
    answered = failed == 0 && ask->phase == ASK_WAITING && msg != NULL;
    if (!answered)
        explain(ask, failed, reason, sizeof(reason));
    ask->phase = ASK_IDLE;
    pthread_mutex_unlock(&client->lock);
    if (answered) {
        struct bytes reply = {nng_msg_body(msg), nng_msg_len(msg)};

        reply_fn(context, &reply, NULL);
    } else {
        reply_fn(context, NULL, reason);
    }
    if (msg != NULL)
        nng_msg_free(msg);
    if (failed == NNG_ETIMEDOUT)
        nng_pipe_close(pipe);
}

/* The connection may have gone while nothing was under way that could be aborted. */
static void abort_if_lost(struct ask *ask, uint64_t number)
{
    pthread_mutex_lock(&ask->client->lock);
    if (ask->number == number && ask->phase != ASK_IDLE && ask->lost)
        nng_aio_abort(ask->aio, NNG_ECONNRESET);
    pthread_mutex_unlock(&ask->client->lock);
}

static void await_reply(struct ask *ask)
{
    mono_t left = ask->until - clock_now();
    uint64_t number;
    bool lost;

    pthread_mutex_lock(&ask->client->lock);
    lost = ask->lost;
    number = ask->number;
    if (!lost)
        ask->phase = ASK_WAITING;
    pthread_mutex_unlock(&ask->client->lock);
    if (lost) {
        end_ask(ask, NNG_ECONNRESET);
        return;
    }
    nng_aio_set_msg(ask->aio, NULL);
    nng_aio_set_timeout(ask->aio, left > 0 ? (nng_duration)left : 1);
    nng_ctx_recv(ask->ctx, ask->aio);
    abort_if_lost(ask, number);
}

static void on_ask(void *context)
{
    struct ask *ask = context;
    int failed = nng_aio_result(ask->aio);

    if (failed == 0 && ask->phase == ASK_SENDING)
        await_reply(ask);
    else
        end_ask(ask, failed);
}

/* On the library's thread, like every reply. */
static void on_refusal(void *context)
{
    end_ask(context, 0);
}

/* With the lock held. */
static struct ask *find_idle(struct link_client *client)
{
    struct ask *ask = client->asks;

    while (ask != NULL && ask->phase != ASK_IDLE)
        ask = ask->next;
    if (ask != NULL)
        return ask;
    ask = mem_alloc(1, sizeof(*ask));
    ask->client = client;
    link_must(nng_aio_alloc(&ask->aio, on_ask, ask));
    link_must(nng_aio_alloc(&ask->refusal, on_refusal, ask));
    link_must(nng_ctx_open(&ask->ctx, client->socket));
    ask->next = client->asks;
    client->asks = ask;
    return ask;
}

/* With the lock held. */
static enum ask_phase choose_phase(const struct link_client *client, size_t len)
{
    if (len > FRAME_SIZE_MAX)
        return ASK_TOO_LARGE;
    return client->pipe.id != 0 && !client->ending ? ASK_SENDING : ASK_REFUSED;
}

static void send_ask(struct ask *ask, struct bytes request, uint64_t number)
{
    nng_msg *msg;

    link_must(nng_msg_alloc(&msg, 0));
    link_must(nng_msg_append(msg, request.data, request.len));
    nng_aio_set_msg(ask->aio, msg);
    nng_aio_set_timeout(ask->aio, ask->timeout_ms);
    nng_ctx_send(ask->ctx, ask->aio);
    abort_if_lost(ask, number);
}

void link_client_ask(struct link_client *client, struct bytes request, int timeout_ms,
                     link_reply_fn reply_fn, void *context)
{
    struct ask *ask;
    uint64_t number;
    bool sends;

    pthread_mutex_lock(&client->lock);
    ask = find_idle(client);
    number = ++client->asks_count;
    ask->phase = choose_phase(client, request.len);
    sends = ask->phase == ASK_SENDING;
    ask->number = number;
    ask->lost = false;
    ask->pipe = client->pipe;
    pthread_mutex_unlock(&client->lock);
    ask->reply_fn = reply_fn;
    ask->context = context;
    ask->timeout_ms = timeout_ms;
    ask->until = clock_now() + timeout_ms;
    if (sends)
        send_ask(ask, request, number);
    else
        nng_sleep_aio(0, ask->refusal);
}

/* Before nng starts the pipe, so that nothing of the pipe can come before this. */
static void on_client_added(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_client *client = context;

    (void)event;
    pthread_mutex_lock(&client->lock);
    client->pipe = pipe;
    pthread_mutex_unlock(&client->lock);
    if (client->state_fn != NULL)
        client->state_fn(client->context, true);
}

/* nng dials again only after this: no ask slips over to the next connection. */
static void on_client_removed(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_client *client = context;

    (void)pipe;
    (void)event;
    pthread_mutex_lock(&client->lock);
    client->pipe = no_pipe;
    client->ending = false;
    link_wait_end(&client->wait);
    for (struct ask *ask = client->asks; ask != NULL; ask = ask->next) {
        if (ask->phase != ASK_SENDING && ask->phase != ASK_WAITING)
            continue;
        ask->lost = true;
        nng_aio_abort(ask->aio, NNG_ECONNRESET);
    }
    pthread_mutex_unlock(&client->lock);
    if (client->state_fn != NULL)
        client->state_fn(client->context, false);
}

static bool dial(struct link_client *client, nng_tls_config *config, struct err *err)
{
    nng_dialer dialer;
    int failed = nng_dialer_create(&dialer, client->socket, client->url);

    if (failed == 0)
        failed = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
    if (failed == 0)
        failed = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    return failed == 0 || link_fail(err, client->url, failed);
}

static bool open_client(struct link_client *client, const struct link_tls *tls, struct err *err)
{
    nng_tls_config *config = link_make_config(tls, NNG_TLS_MODE_CLIENT, err);
    bool good;

    if (config == NULL)
        return false;
    link_must(nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, COMMAND_SIZE_MAX));
    link_must(nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE));
    link_must(nng_socket_set_ms(client->socket, NNG_OPT_RECONNMINT, REDIAL_MIN_MS));
    link_must(nng_socket_set_ms(client->socket, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS));
    link_must(nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_PRE, on_client_added, client));
    link_must(nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, on_client_removed, client));
    good = dial(client, config, err);
    nng_tls_config_free(config); /* the dialler holds it */
    return good;
}

struct link_client *link_client_new(const struct link_client_options *options, struct err *err)
{
    struct link_client *client = mem_alloc(1, sizeof(*client));

    pthread_mutex_init(&client->lock, NULL);
    text_copy(client->url, sizeof(client->url), options->url);
    client->state_fn = options->state_fn;
    client->context = options->context;
    link_must(nng_req0_open(&client->socket));
    link_wait_init(&client->wait, client->url);
    if (open_client(client, &options->tls, err))
        return client;
    link_client_free(client);
    return NULL;
}

/* Before nng_close: nng 1.5 panics when a context is used while its socket is closed. An aio that
 * is stopped just before it starts again never calls back, so its ask is ended here. */
static void stop_asks(struct link_client *client)
{
    for (struct ask *ask = client->asks; ask != NULL; ask = ask->next) {
        nng_aio_stop(ask->aio);
        nng_aio_stop(ask->refusal);
        if (ask->phase != ASK_IDLE)
            end_ask(ask, NNG_ECLOSED);
    }
}

void link_client_free(struct link_client *client)
{
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    pthread_mutex_unlock(&client->lock);
    stop_asks(client);
    link_close(client->socket, client->url);
    link_wait_done(&client->wait);
    while (client->asks != NULL) {
        struct ask *ask = client->asks;

        nng_aio_free(ask->aio); /* waits for its callback */
        nng_aio_free(ask->refusal);
        client->asks = ask->next;
        free(ask);
    }
    pthread_mutex_destroy(&client->lock);
    free(client);
}
