/*
 * agents_floor: what is under a controller with many agents.
 */
#include "tests/bench/agents_floor.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/core/mem.h"

enum { ASK_MS = 30000, CONTEXTS = 64 };

struct line {
    struct link_client *client;
    atomic_bool connected, out;
    double ask_at_us;
    atomic_uint *answers;
};

/* ---- the process ------------------------------------------------------------------------------
 */

static void echo(void *context, uint32_t pipe, struct bytes bytes, struct link_request *request)
{
    (void)context;
    (void)pipe;
    link_request_answer(request, bytes);
}

/* It listens when this returns. */
static pid_t start_echo(const struct home *home)
{
    struct link_server_options options = {
        .url = home->url, .contexts_count = CONTEXTS, .request_fn = echo};
    struct err err = ERR_INIT;
    char ca[240], cert[240], key[240];
    int ready[2];
    pid_t pid;

    if (pipe(ready) != 0)
        abort();
    pid = fork();
    if (pid != 0) {
        close(ready[1]);
        if (read(ready[0], ca, 1) != 1)
            exit(1);
        close(ready[0]);
        return pid;
    }
    snprintf(ca, sizeof(ca), "%s/ca.pem", home->directory);
    snprintf(cert, sizeof(cert), "%s/cert.pem", home->directory);
    snprintf(key, sizeof(key), "%s/key.pem", home->directory);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    options.tls = (struct link_tls){ca, cert, key};
    if (link_server_new(&options, &err) == NULL) {
        fprintf(stderr, "bench_agents: %s\n", err.text);
        _exit(1);
    }
    if (write(ready[1], "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* ---- who asks it ------------------------------------------------------------------------------
 */

static void on_state(void *context, bool connected)
{
    struct line *line = context;

    atomic_store(&line->connected, connected);
}

static void on_reply(void *context, const struct bytes *reply, const char *reason)
{
    struct line *line = context;

    (void)reason;
    if (reply != NULL)
        atomic_fetch_add(line->answers, 1);
    atomic_store(&line->out, false);
}

static void open_line(const struct home *home, struct line *line)
{
    struct link_client_options options = {
        .url = home->url, .tls = identity_tls(&home->agent), .state_fn = on_state, .context = line};
    struct err err = ERR_INIT;

    line->client = link_client_new(&options, &err);
    if (line->client == NULL) {
        fprintf(stderr, "bench_agents: %s\n", err.text);
        exit(1);
    }
}

static void ask_due(struct line *lines, unsigned count, struct bytes request, unsigned interval_ms)
{
    double now = time_us();

    for (unsigned i = 0; i < count; i++) {
        if (!atomic_load(&lines[i].connected) || atomic_load(&lines[i].out) ||
            now < lines[i].ask_at_us)
            continue;
        lines[i].ask_at_us = now + interval_ms * 1e3;
        atomic_store(&lines[i].out, true);
        link_client_ask(lines[i].client, request, ASK_MS, on_reply, &lines[i]);
    }
}

static void pause_a_little(void)
{
    const struct timespec pause = {0, 200000};

    nanosleep(&pause, NULL);
}

static void connect_lines(struct line *lines, unsigned count, struct bytes request,
                          atomic_uint *answers)
{
    double until = time_us() + 60e6;

    for (unsigned i = 0; i < count; i++)
        lines[i].ask_at_us = 0;
    while (atomic_load(answers) < count) {
        if (time_us() > until) {
            fprintf(stderr, "bench_agents: %u of %u bare connections answer\n",
                    atomic_load(answers), count);
            exit(1);
        }
        ask_due(lines, count, request, 3600000);
        pause_a_little();
    }
}

static void measure_requests(struct line *lines, const struct home *home, struct bytes request,
                             unsigned interval_ms, double seconds)
{
    double until = time_us() + seconds * 1e6;

    for (unsigned i = 0; i < home->count; i++)
        lines[i].ask_at_us = time_us() + 1e3 * interval_ms * i / home->count;
    while (time_us() < until) {
        ask_due(lines, home->count, request, interval_ms);
        pause_a_little();
    }
}

void floor_measure(const struct home *home, struct bytes request, unsigned interval_ms,
                   double seconds, struct floor *ret_floor)
{
    struct line *lines = mem_alloc(home->count, sizeof(*lines));
    atomic_uint answers = 0;
    pid_t pid = start_echo(home);
    double began, cpu;
    long rss;

    for (unsigned i = 0; i < home->count; i++)
        lines[i].answers = &answers;
    open_line(home, &lines[0]);
    connect_lines(lines, 1, request, &answers);
    rss = process_rss_kib(pid);
    began = time_us();
    for (unsigned i = 1; i < home->count; i++)
        open_line(home, &lines[i]);
    atomic_store(&answers, 0);
    connect_lines(lines, home->count, request, &answers);
    ret_floor->connect_s = (time_us() - began) / 1e6;
    ret_floor->connection_kib = (double)(process_rss_kib(pid) - rss) / (home->count - 1);
    atomic_store(&answers, 0);
    cpu = process_cpu_s(pid);
    measure_requests(lines, home, request, interval_ms, seconds);
    ret_floor->requests = atomic_load(&answers);
    ret_floor->request_us = (process_cpu_s(pid) - cpu) * 1e6 / ret_floor->requests;
    for (unsigned i = 0; i < home->count; i++)
        link_client_free(lines[i].client);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    free(lines);
}
