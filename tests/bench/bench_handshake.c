/*
 * bench_handshake: what one connection of an agent costs: TLS with both sides authenticated, nng's
 * own greeting, one question and its answer, over loopback. Both ends are in this process.
 * Usage: bench_handshake FOLDER N. Leaves the certificates in FOLDER (bench-*.pem, bench-*.key) for
 * others to be measured with; prints "cpu_us wall_us" of one connection, the mean of N.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/io/link.h"
#include "tests/unit/link_peers.h"

enum { ANSWER_MS = 10000 };

/* One connection: connected, then answered. */
struct call {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool connected, over;
    const char *why;
};

static double time_us(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static void echo(void *context, uint32_t pipe, struct bytes bytes, struct link_request *request)
{
    (void)context;
    (void)pipe;
    link_request_answer(request, bytes);
}

static void on_pipe(void *context, uint32_t pipe, bool connected)
{
    (void)context;
    (void)pipe;
    (void)connected;
}

static void on_state(void *context, bool connected)
{
    struct call *call = context;

    pthread_mutex_lock(&call->lock);
    call->connected |= connected;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

static void on_reply(void *context, const struct bytes *reply, const char *why)
{
    struct call *call = context;

    pthread_mutex_lock(&call->lock);
    call->over = true;
    call->why = reply == NULL ? why : NULL;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

static void wait_for(struct call *call, const bool *what)
{
    pthread_mutex_lock(&call->lock);
    while (!*what)
        pthread_cond_wait(&call->changed, &call->lock);
    pthread_mutex_unlock(&call->lock);
}

static void connect_once(const char *url, const struct identity *agent)
{
    static const struct bytes question = {(const uint8_t *)"hello", 5};
    struct call call = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, NULL};
    struct link_client_options options = {
        .url = url, .tls = identity_tls(agent), .state_fn = on_state, .context = &call};
    struct err err = ERR_INIT;
    struct link_client *client = link_client_new(&options, &err);

    if (client == NULL) {
        fprintf(stderr, "bench_handshake: %s\n", err.text);
        exit(1);
    }
    wait_for(&call, &call.connected);
    link_client_ask(client, question, ANSWER_MS, on_reply, &call);
    wait_for(&call, &call.over);
    if (call.why != NULL) {
        fprintf(stderr, "bench_handshake: no answer: %s\n", call.why);
        exit(1);
    }
    link_client_free(client);
}

static void measure(const struct identity *controller, const struct identity *agent, unsigned count)
{
    struct link_server_options options = {.url = "tls+tcp://127.0.0.1:0",
                                          .tls = identity_tls(controller),
                                          .contexts_count = 8,
                                          .request_fn = echo,
                                          .pipe_fn = on_pipe};
    struct err err = ERR_INIT;
    struct link_server *server = link_server_new(&options, &err);
    char url[64];
    double cpu, wall;

    if (server == NULL) {
        fprintf(stderr, "bench_handshake: %s\n", err.text);
        exit(1);
    }
    snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%u", link_server_port(server));
    connect_once(url, agent); /* what is made once is not counted */
    cpu = time_us(CLOCK_PROCESS_CPUTIME_ID);
    wall = time_us(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < count; i++)
        connect_once(url, agent);
    printf("%.0f %.0f\n", (time_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count,
           (time_us(CLOCK_MONOTONIC) - wall) / count);
    link_server_free(server);
}

int main(int argc, char **argv)
{
    struct authority fleet = {0};
    struct identity controller, agent;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_handshake FOLDER N\n");
        return 2;
    }
    authority_make(&fleet, argv[1], "bench");
    authority_issue(&fleet, "controller", PKI_CONTROLLER, &controller);
    authority_issue(&fleet, "agent", PKI_AGENT, &agent);
    measure(&controller, &agent, (unsigned)atoi(argv[2]));
    authority_done(&fleet);
    return 0;
}
