/*
 * agent_bench: the program oceanid-agent between a controller and a guard that a test plays.
 */
#include "tests/unit/agent_bench.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/packet.h"

#define TAILSCALED "tailscaled.sock"

enum { PATIENCE_MS = 20000 };

struct agent_bench bench;

/* ---- the guard's side ------------------------------------------------------------------------ */

void agent_bench_report(const struct guard_report *report)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(report);
    struct err err = ERR_INIT;

    assert_true(packet_send(bench.guard_fd, wire_lend(&bytes), &err));
}

struct generation_id agent_bench_generation(uint32_t place)
{
    struct generation_id id = {.attempt.sequence = place + 1};

    memset(&id.start, (int)place + 1, sizeof(id.start));
    return id;
}

static void give_stack(const struct nonce *challenge)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct guard_report report = {.kind = REPORT_STACK};

    text_copy(stack->node, sizeof(stack->node), "subject");
    stack->challenge = *challenge;
    memset(&stack->nonce, 3, sizeof(stack->nonce));
    stack->receipt_index = bench.receipt_index;
    stack->generations_count = bench.standing;
    for (uint32_t i = 0; i < bench.standing; i++) {
        stack->generations[i].id = agent_bench_generation(i);
        text_copy(stack->generations[i].change, NAME_SIZE, "a-change");
    }
    report.envelope = wire_encode_stack(stack, bench.guard_key);
    agent_bench_report(&report);
    wire_bytes_done(&report.envelope);
    bench.stacks_given++;
}

static void take_request(struct bytes bytes)
{
    struct guard_request *request = mem_alloc(1, sizeof(*request));
    struct err err = ERR_INIT;

    assert_true(wire_decode_guard_request(bytes, request, &err));
    assert_true(bench.requests_count < REQUESTS_MAX);
    bench.requests[bench.requests_count++] = request;
    if (request->kind == GUARD_STACK)
        give_stack(&request->challenge);
}

/* Whatever the agent says to the guard, for a short while. */
static void play_guard(void)
{
    struct pollfd wait = {.fd = bench.guard_fd >= 0 ? bench.guard_fd : bench.listen_fd,
                          .events = POLLIN};
    struct err err = ERR_INIT;
    uint8_t *data;
    size_t len;

    if (poll(&wait, 1, 10) <= 0)
        return;
    if (bench.guard_fd < 0) {
        bench.guard_fd = accept4(bench.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return;
    }
    while (packet_receive(bench.guard_fd, &data, &len, &err)) {
        take_request((struct bytes){data, len});
        free(data);
    }
    assert_int_equal(err.kind, ERR_TIMEOUT);
}

void agent_bench_await(bool (*is_so)(void), const char *what)
{
    mono_t until = clock_now() + PATIENCE_MS;

    while (!is_so()) {
        if (clock_now() > until)
            fail_msg("waited in vain for: %s", what);
        play_guard();
    }
}

const struct guard_request *agent_bench_find(enum guard_request_kind kind)
{
    for (uint32_t i = bench.requests_count; i-- > 0;) {
        if (bench.requests[i]->kind == kind)
            return bench.requests[i];
    }
    return NULL;
}

/* ---- start ----------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", bench.fake.directory, name);
    assert_true(file_write(path, text, strlen(text), 0600, &err));
}

static void link_file(const char *from, const char *to)
{
    char from_path[256], to_path[256];

    snprintf(from_path, sizeof(from_path), "%s/%s", bench.fake.directory, from);
    snprintf(to_path, sizeof(to_path), "%s/%s", bench.fake.directory, to);
    assert_int_equal(link(from_path, to_path), 0);
}

/* The state directory as `install` leaves it, and agent.yaml. */
static void install(void)
{
    char text[1024];

    link_file("subject.key", "key.pem");
    link_file("subject.pem", "cert.pem");
    write_file("name", "subject");
    snprintf(bench.socket, sizeof(bench.socket), "%s/guard.sock", bench.fake.directory);
    snprintf(bench.config, sizeof(bench.config), "%s/agent.yaml", bench.fake.directory);
    snprintf(text, sizeof(text),
             "controllers: [%s]\nstate: %s\nguard-socket: %s\n"
             "tailscale-socket: %s/" TAILSCALED "\nlog: info\n",
             bench.fake.agent.controllers[0], bench.fake.directory, bench.socket,
             bench.fake.directory);
    write_file("agent.yaml", text);
}

static void listen_ssh(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    bench.ssh_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bench.ssh_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(bench.ssh_fd, 8), 0);
    assert_int_equal(getsockname(bench.ssh_fd, (struct sockaddr *)&at, &len), 0);
    bench.ssh_port = ntohs(at.sin_port);
}

static void listen_tailscaled(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(at.sun_path, sizeof(at.sun_path), "%s/" TAILSCALED, bench.fake.directory);
    bench.tailscaled_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bench.tailscaled_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(bench.tailscaled_fd, 64), 0);
}

void agent_bench_end_tailscaled(void)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/" TAILSCALED, bench.fake.directory);
    unlink(path);
    close(bench.tailscaled_fd);
    bench.with_tailscaled = false;
}

void agent_bench_start_guard(void)
{
    struct err err = ERR_INIT;

    bench.listen_fd = packet_listen(bench.socket, 0600, (gid_t)-1, &err);
    assert_true(bench.listen_fd >= 0);
}

int agent_bench_start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    fake_controller_init(&bench.fake);
    install();
    listen_ssh();
    if (bench.with_tailscaled)
        listen_tailscaled();
    bench.guard_key = sign_key_generate();
    bench.witness_key = sign_key_generate();
    bench.guard_fd = bench.listen_fd = -1;
    if (!bench.guard_is_late)
        agent_bench_start_guard();
    bench.pid = fork();
    if (bench.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(OCEANID_AGENT, "oceanid-agent", "--config", bench.config, (char *)NULL);
        _exit(127);
    }
    return bench.pid > 0 ? 0 : -1;
}

int agent_bench_stop(void **state)
{
    static const char *const names[] = {"key.pem",    "cert.pem",   "name",
                                        "agent.yaml", "guard.sock", "manifest"};
    char path[256];
    int status = -1;

    (void)state;
    kill(bench.pid, SIGTERM);
    waitpid(bench.pid, &status, 0);
    close(bench.guard_fd);
    close(bench.listen_fd);
    close(bench.ssh_fd);
    if (bench.with_tailscaled)
        agent_bench_end_tailscaled();
    for (uint32_t i = 0; i < bench.requests_count; i++) {
        guard_request_done(bench.requests[i]);
        free(bench.requests[i]);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", bench.fake.directory, names[i]);
        unlink(path);
    }
    wire_bytes_done(&bench.body);
    sign_key_free(bench.guard_key);
    sign_key_free(bench.witness_key);
    fake_controller_done(&bench.fake);
    return status == 0 ? 0 : -1;
}

/* ---- the controller's side ------------------------------------------------------------------- */

bool agent_bench_has_poll(void)
{
    return fake_controller_polls(&bench.fake) > 0;
}

void agent_bench_command(const struct session_reply *reply)
{
    agent_bench_await(agent_bench_has_poll, "a parked poll");
    assert_true(fake_controller_command(&bench.fake, reply));
}

void agent_bench_command_guard(uint64_t id, const struct guard_request *request)
{
    struct session_reply reply = {.kind = ANSWER_COMMAND, .id = id, .command = COMMAND_GUARD};

    reply.guard = wire_encode_guard_request(request);
    agent_bench_command(&reply);
    wire_bytes_done(&reply.guard);
}
