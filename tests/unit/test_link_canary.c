/*
 * test_link_canary: nng's thread that ends connections hangs, and who serves others' does not go on
 * so: it ends, and is started again. In a process of its own.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/link.h"
#include "tests/unit/link_peers.h"

enum { PATIENCE_S = 60 };

extern char **environ;

static char directory[64] = "/tmp/test_canary.XXXXXX";
static struct authority fleet;
static struct identity controller, agent;

static int make_certificates(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return 1;
    authority_make(&fleet, directory, "fleet");
    authority_issue(&fleet, "controller", PKI_CONTROLLER, &controller);
    authority_issue(&fleet, "calypso", PKI_AGENT, &agent);
    return 0;
}

static int remove_certificates(void **state)
{
    const struct identity *all[] = {&controller, &agent};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        unlink(all[i]->ca);
        unlink(all[i]->cert);
        unlink(all[i]->key);
    }
    authority_done(&fleet);
    return rmdir(directory);
}

/* ---- the process that hangs -------------------------------------------------------------------
 */

static int ports[2], asked[2]; /* pipes: where it listens; which connection asked */

static void on_request(void *context, uint32_t pipe, struct bytes bytes,
                       struct link_request *request)
{
    (void)context;
    (void)bytes;
    (void)request;
    if (write(asked[1], &pipe, sizeof(pipe)) != sizeof(pipe))
        abort();
}

/* Called on that very thread. Of the connection itself nng has said by now that it is gone. */
static void on_pipe(void *context, uint32_t pipe, bool connected)
{
    (void)context;
    (void)pipe;
    while (!connected)
        pause();
}

static struct link_server *serve(void)
{
    struct link_server_options options = {.url = "tls+tcp://127.0.0.1:0",
                                          .tls = identity_tls(&controller),
                                          .contexts_count = 4,
                                          .request_fn = on_request,
                                          .pipe_fn = on_pipe};
    struct err err = ERR_INIT;

    return link_server_new(&options, &err);
}

static void on_state(void *context, bool connected)
{
    if (connected && write(*(const int *)context, "c", 1) != 1)
        abort();
}

static void on_reply(void *context, const struct bytes *reply, const char *reason)
{
    (void)context;
    (void)reply;
    (void)reason;
}

/* In a process of its own: it would notice for itself. Ends with the one that serves. */
static void ask(void)
{
    int there[2];
    struct link_client_options options = {
        .tls = identity_tls(&agent), .state_fn = on_state, .context = &there[1]};
    struct err err = ERR_INIT;
    struct link_client *client;
    char url[64], connected;
    unsigned port;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(ports[0], &port, sizeof(port)) != sizeof(port) || pipe(there) != 0)
        _exit(1);
    snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%u", port);
    options.url = url;
    client = link_client_new(&options, &err);
    if (client == NULL || read(there[0], &connected, 1) != 1)
        _exit(1);
    link_client_ask(client, (struct bytes){(const uint8_t *)"park", 4}, 1000 * PATIENCE_S, on_reply,
                    NULL);
    for (;;)
        pause();
}

/* Closes one connection; from then on nothing of anybody's ends. */
static int hang(void)
{
    struct link_server *server;
    uint32_t pipe_id;
    unsigned port;

    if (make_certificates(NULL) != 0 || pipe(ports) != 0 || pipe(asked) != 0)
        return 1;
    if (fork() == 0)
        ask();
    server = serve();
    port = link_server_port(server);
    if (write(ports[1], &port, sizeof(port)) != sizeof(port) ||
        read(asked[0], &pipe_id, sizeof(pipe_id)) != sizeof(pipe_id))
        return 1;
    remove_certificates(NULL);
    alarm(PATIENCE_S);
    link_server_close_pipe(server, pipe_id);
    for (;;)
        pause();
}

/* ---- and who waits for its end ----------------------------------------------------------------
 */

static void who_ends_no_connection_any_more_ends_itself(void **state)
{
    char program[] = "/proc/self/exe";
    char word[] = "hang";
    char *words[] = {program, word, NULL};
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, words, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_ends_no_connection_any_more_ends_itself),
    };

    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "hang") == 0)
        return hang();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
