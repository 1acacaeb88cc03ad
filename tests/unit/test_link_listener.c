/*
 * test_link_listener: a listener that has stopped is noticed, and nng's thread that ends
 * connections when it hangs; and what was only disturbed is not taken for either. The server is a
 * process of its own: its end is what is looked for.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/link.h"
#include "tests/unit/link_peers.h"

#include <setjmp.h>

#include <cmocka.h>
#include <nng/nng.h>

enum { PATIENCE_MS = 40000, DISTURBED_MS = 6000, CALM_MS = 16000, SLOW_S = 15 };

static char directory[64] = "/tmp/test_link_listener.XXXXXX";
static struct authority fleet;
static struct identity controller, agent;

enum trouble { TROUBLE_NONE, TROUBLE_NOBODY_READS, TROUBLE_ENDING_HANGS, TROUBLE_ENDING_IS_SLOW };

static bool nobody_reads; /* in the server's process */

/* In place of link_tls.c's: what nng 1.5 makes of EPIPE stops its listener. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (nobody_reads) {
        errno = EPIPE;
        return -1;
    }
    return syscall(SYS_sendmsg, fd, message, flags);
}

static void on_request(void *context, uint32_t pipe, struct bytes bytes,
                       struct link_request *request)
{
    (void)context;
    (void)pipe;
    link_request_answer(request, bytes);
}

/* On nng's thread that ends connections: none is ended behind this one. */
static void hang_at_its_end(void *context, uint32_t pipe, bool connected)
{
    (void)context;
    (void)pipe;
    if (connected)
        return;
    for (;;)
        pause();
}

/* As one that waits again and again, each time behind a thousand handshakes. */
static void be_slow_at_its_end(void *context, uint32_t pipe, bool connected)
{
    (void)context;
    (void)pipe;
    for (unsigned i = 0; !connected && i < SLOW_S; i++)
        sleep(1);
}

static link_pipe_fn choose_ending(enum trouble trouble)
{
    return trouble == TROUBLE_ENDING_HANGS     ? hang_at_its_end
           : trouble == TROUBLE_ENDING_IS_SLOW ? be_slow_at_its_end
                                               : NULL;
}

/* Behind another server of the same process, which nobody dials. */
_Noreturn static void serve(int told_fd, enum trouble trouble)
{
    struct link_server_options options = {.url = "tls+tcp://127.0.0.1:0",
                                          .tls = identity_tls(&controller),
                                          .contexts_count = 4,
                                          .request_fn = on_request};
    struct rlimit no_core = {0, 0};
    struct link_server *server;
    struct err err = ERR_INIT;
    unsigned port;

    nobody_reads = trouble == TROUBLE_NOBODY_READS;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &no_core);
    server = link_server_new(&options, &err);
    options.pipe_fn = choose_ending(trouble);
    server = server != NULL ? link_server_new(&options, &err) : NULL;
    port = server != NULL ? link_server_port(server) : 0;
    (void)!write(told_fd, &port, sizeof(port));
    for (;;)
        pause();
}

static pid_t serve_apart(enum trouble trouble, unsigned *ret_port)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0)
        serve(ends[1], trouble);
    close(ends[1]);
    assert_int_equal(read(ends[0], ret_port, sizeof(*ret_port)), sizeof(*ret_port));
    close(ends[0]);
    assert_int_not_equal(*ret_port, 0);
    return pid;
}

static bool has_ended(pid_t pid, int timeout_ms)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd look = {.fd = fd, .events = POLLIN};
    bool ended = poll(&look, 1, timeout_ms) == 1;

    close(fd);
    return ended;
}

static void expect_abort(pid_t pid)
{
    int status = 0;

    assert_int_equal(has_ended(pid, PATIENCE_MS), true);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFSIGNALED(status), true);
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void test_stopped_is_noticed(void **state)
{
    unsigned port;
    pid_t pid;

    (void)state;
    if (NNG_MAJOR_VERSION > 1 || NNG_MINOR_VERSION >= 6) {
        print_message("nng %s: expected one before 1.6, whose listener stops\n", nng_version());
        skip();
    }
    pid = serve_apart(TROUBLE_NOBODY_READS, &port);
    assert_int_equal(peer_is_let_in(port, NULL), false); /* waits for what cannot be sent */
    expect_abort(pid);
}

/* At a connection that nng ended, for what its peer said: nobody closes one here. */
static void test_hung_ending_is_noticed(void **state)
{
    unsigned port;
    pid_t pid = serve_apart(TROUBLE_ENDING_HANGS, &port);

    (void)state;
    assert_int_equal(peer_is_dropped_for(port, &agent, FRAME_SIZE_MAX + 1), true);
    expect_abort(pid);
}

/* A controller that a thousand agents dial at once is busy for longer than ten looks; one that
 * ended itself for it would have them all dial again. */
static void test_slow_ending_is_not_hung(void **state)
{
    unsigned port;
    pid_t pid = serve_apart(TROUBLE_ENDING_IS_SLOW, &port);

    (void)state;
    assert_int_equal(peer_is_dropped_for(port, &agent, FRAME_SIZE_MAX + 1), true);
    assert_int_equal(has_ended(pid, SLOW_S * 1000), false);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Of each kind, then by nothing, each longer than it takes to be sure of one that has stopped. */
static void test_disturbed_is_not_stopped(void **state)
{
    mono_t until = clock_now() + DISTURBED_MS;
    unsigned port;
    pid_t pid = serve_apart(TROUBLE_NONE, &port);

    (void)state;
    for (unsigned bytes = 0; clock_now() < until; bytes = (bytes + 1) % 64) {
        peer_hang_up(port, bytes);
        assert_int_equal(peer_is_let_in(port, NULL), false);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    }
    assert_int_equal(peer_is_let_in(port, &agent), true);
    peer_hang_up(port, 0);
    assert_int_equal(has_ended(pid, CALM_MS), false);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int make_certificates(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(directory) == NULL)
        return 1;
    authority_make(&fleet, directory, "fleet");
    authority_issue(&fleet, "controller", PKI_CONTROLLER, &controller);
    authority_issue(&fleet, "calypso", PKI_AGENT, &agent);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    identity_remove(&controller);
    identity_remove(&agent);
    authority_done(&fleet);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped_is_noticed),
        cmocka_unit_test(test_hung_ending_is_noticed),
        cmocka_unit_test(test_slow_ending_is_not_hung),
        cmocka_unit_test(test_disturbed_is_not_stopped),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
