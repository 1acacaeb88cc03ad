/*
 * test_probe: what is tried on loopback, what it comes to, and who is seen to be connected.
 */
#include "agent/io/probe.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "agent/io/peers.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum { PATIENCE_MS = 20000 }; /* of who asks one that answers, on a machine that is busy */

/* ---- a server that says one thing ------------------------------------------------------------ */

struct server {
    int fd;
    uint16_t port;
    const char *says; /* to each, then hangs up; NULL: never accepts */
    pthread_t thread;
};

static void *serve(void *context)
{
    struct server *server = context;
    char asked[1024];
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        if (text_starts(server->says, "HTTP/") && recv(fd, asked, sizeof(asked), 0) < 0)
            break;
        if (send(fd, server->says, strlen(server->says), MSG_NOSIGNAL) < 0)
            break;
        shutdown(fd, SHUT_WR);
        while (recv(fd, asked, sizeof(asked), 0) > 0)
            ;
        close(fd);
    }
    return NULL;
}

static void start_server(struct server *server, const char *says)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    server->says = says;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&at, &len), 0);
    server->port = ntohs(at.sin_port);
    if (says != NULL)
        assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop_server(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR); /* accept ends */
    if (server->says != NULL)
        pthread_join(server->thread, NULL);
    close(server->fd);
}

static struct probe_result probe(enum check_kind kind, uint16_t port, unsigned timeout_ms)
{
    struct probe_job *job = mem_alloc(1, sizeof(*job));
    struct probe_result result;

    job->check.kind = kind;
    job->check.port = port;
    job->check.timeout_ms = timeout_ms;
    text_copy(job->check.to, sizeof(job->check.to), "127.0.0.1");
    snprintf(job->check.url, sizeof(job->check.url), "http://127.0.0.1:%u/ip", port);
    probe_run(job, &result);
    free(job);
    return result;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void tcp_connects_or_is_refused(void **state)
{
    struct server server;
    struct probe_result result;

    (void)state;
    start_server(&server, NULL);
    result = probe(CHECK_TCP, server.port, PATIENCE_MS);
    assert_int_equal(result.outcome, PROBE_ANSWERED);
    assert_int_not_equal(result.source_port, 0);
    assert_int_equal(result.source.family, FAMILY_IPV4);
    stop_server(&server);
    result = probe(CHECK_TCP, server.port, PATIENCE_MS);
    assert_int_equal(result.outcome, PROBE_FAILED);
    assert_string_equal(result.why, "Connection refused");
}

static void page_gives_its_first_word(void **state)
{
    struct server server;
    struct probe_result result;

    (void)state;
    start_server(&server, "HTTP/1.0 200 OK\r\n\r\n  198.51.100.10\nand more\n");
    result = probe(CHECK_EGRESS_ADDRESS, server.port, PATIENCE_MS);
    assert_int_equal(result.outcome, PROBE_ANSWERED);
    assert_string_equal(result.answer, "198.51.100.10");
    stop_server(&server);
    start_server(&server, "HTTP/1.0 500 No\r\n\r\n");
    result = probe(CHECK_EGRESS_ADDRESS, server.port, PATIENCE_MS);
    assert_int_equal(result.outcome, PROBE_FAILED);
    stop_server(&server);
}

static void ssh_that_is_none_fails(void **state)
{
    struct server server;
    struct probe_result result;

    (void)state;
    start_server(&server, "220 mail.example.com ESMTP\r\n");
    result = probe(CHECK_SSH, server.port, PATIENCE_MS);
    assert_int_equal(result.outcome, PROBE_FAILED);
    assert_string_equal(result.why, "expected an SSH banner, got '220 mail.example.com ESMTP'");
    stop_server(&server);
}

/* It says nothing about the target that our source is put off. */
static void ssh_penalty_is_unclear(void **state)
{
    struct server server;
    struct probe_result result;

    (void)state;
    start_server(&server, "Not allowed at this time\r\n");
    result = probe(CHECK_SSH, server.port, PATIENCE_MS);
    assert_int_equal(result.outcome, PROBE_UNCLEAR);
    stop_server(&server);
}

static void ssh_silence_fails_in_time(void **state)
{
    struct server server;
    struct probe_result result;

    (void)state;
    start_server(&server, NULL);
    result = probe(CHECK_SSH, server.port, 300);
    assert_int_equal(result.outcome, PROBE_FAILED);
    assert_string_equal(result.why, "it connects, but no SSH banner came");
    assert_in_range(result.took_ms, 250, 2000);
    stop_server(&server);
}

static void name_without_answer_is_unclear(void **state)
{
    struct probe_result result = {.outcome = PROBE_MISSING};

    (void)state;
    assert_int_equal(probe_connect("nowhere.invalid", 22, NULL, 2000, &result), -1);
    assert_int_equal(result.outcome, PROBE_UNCLEAR);
    assert_non_null(strstr(result.why, "does not resolve"));
}

static void connection_is_seen_by_its_subject(void **state)
{
    AUTO_FREE struct peers_seen *seen = mem_alloc(1, sizeof(*seen));
    struct probe_result result = {.outcome = PROBE_MISSING};
    struct err err = ERR_INIT;
    struct server server;
    struct peer_sought sought = {.witness = "office", .since = 1000};
    struct ssh_peer peers[4];
    char why[REASON_SIZE];
    int fd;

    (void)state;
    start_server(&server, NULL);
    fd = probe_connect("127.0.0.1", server.port, NULL, PATIENCE_MS, &result);
    assert_true(fd >= 0);
    assert_true(peers_look(server.port, 1000, seen, &err));
    assert_int_equal(seen->count, 1);
    assert_int_equal(seen->list[0].peer.port, result.source_port);
    sought.source = result.source;
    sought.port = result.source_port;
    assert_int_equal(peers_seen_find(seen, &sought, peers, 4, why), 1);
    assert_true(address_equal(&peers[0].address, &result.source));
    sought.since = 1001; /* it was there before the nonce */
    assert_int_equal(peers_seen_find(seen, &sought, peers, 4, why), 0);
    close(fd);
    stop_server(&server);
}

/* Where the next descriptor would be: the same before and behind what lets go of its own. */
static int lowest_free_fd(void)
{
    int fd = dup(STDIN_FILENO);

    close(fd);
    return fd;
}

static void ssh_that_hangs_up_is_let_go(void **state)
{
    struct probe_result result = {.outcome = PROBE_MISSING};
    struct server server;
    int free_fd;

    (void)state;
    free_fd = lowest_free_fd();
    start_server(&server, "SSH-2.0-OpenSSH_9.2\r\n");
    assert_null(probe_ssh_open("127.0.0.1", server.port, PATIENCE_MS, &result));
    assert_int_equal(result.outcome, PROBE_FAILED);
    stop_server(&server);
    assert_int_equal(lowest_free_fd(), free_fd);
}

/* ---- a real sshd ----------------------------------------------------------------------------- */

struct sshd {
    char directory[64], key[96], public_key[104];
    uint16_t port;
    pid_t pid;
};

static int run(char *const argv[])
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

static bool make_key(const struct sshd *sshd)
{
    char *const argv[] = {"/usr/bin/ssh-keygen",        "-q", "-t", "ed25519", "-N", "", "-f",
                          (char *)(uintptr_t)sshd->key, NULL};

    return access(argv[0], X_OK) == 0 && run(argv) == 0;
}

static bool listens(uint16_t port)
{
    mono_t until = clock_now() + PATIENCE_MS;

    while (clock_now() < until) {
        struct probe_result result;
        int fd = probe_connect("127.0.0.1", port, NULL, 1000, &result);

        if (fd >= 0) {
            close(fd);
            return true;
        }
        sched_yield();
    }
    return false;
}

/* sshd wants /run/sshd: one in a mount namespace of its own. Without root it has to be there. */
static void make_run(void)
{
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0 && mkdir("/run/sshd", 0755) != 0)
        _exit(126);
}

static bool start_sshd(struct sshd *sshd)
{
    char port[32];
    struct server probe_port;
    char *argv[] = {"/usr/sbin/sshd", "-D", "-q", "-f", "/dev/null", "-h",
                    sshd->key,        "-o", port, NULL};

    if (access(argv[0], X_OK) != 0 || !make_key(sshd))
        return false;
    start_server(&probe_port, NULL);
    sshd->port = probe_port.port; /* free again in a moment */
    stop_server(&probe_port);
    snprintf(port, sizeof(port), "ListenAddress=127.0.0.1:%u", sshd->port);
    sshd->pid = fork();
    if (sshd->pid == 0) {
        make_run();
        execv(argv[0], argv);
        _exit(127);
    }
    return listens(sshd->port);
}

static void sshd_shows_banner_and_host_key(void **state)
{
    struct sshd sshd = {.directory = "/tmp/oceanid-sshd-XXXXXX"};
    struct probe_result result = {.outcome = PROBE_MISSING};
    struct probe_ssh *ssh;
    int free_fd, free_fd_after;
    bool runs;

    (void)state;
    assert_non_null(mkdtemp(sshd.directory));
    snprintf(sshd.key, sizeof(sshd.key), "%s/key", sshd.directory);
    runs = start_sshd(&sshd);
    free_fd = lowest_free_fd();
    ssh = runs ? probe_ssh_open("127.0.0.1", sshd.port, PATIENCE_MS, &result) : NULL;
    probe_ssh_close(ssh);
    free_fd_after = lowest_free_fd();
    if (sshd.pid > 0) {
        kill(sshd.pid, SIGTERM);
        waitpid(sshd.pid, NULL, 0);
    }
    unlink(sshd.key);
    snprintf(sshd.public_key, sizeof(sshd.public_key), "%s.pub", sshd.key);
    unlink(sshd.public_key);
    rmdir(sshd.directory);
    if (!runs) {
        printf("skipped: a real sshd (it is missing, or may not run here); "
               "install openssh-server and run as root\n");
        skip();
    }
    assert_non_null(ssh);
    assert_int_equal(result.outcome, PROBE_ANSWERED);
    assert_true(text_starts(result.answer, "SSH-2.0-OpenSSH"));
    assert_true(text_starts(result.host_key, "SHA256:"));
    assert_int_equal(free_fd_after, free_fd); /* sshd would wait two minutes for a login */
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    probe_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_connects_or_is_refused),
        cmocka_unit_test(page_gives_its_first_word),
        cmocka_unit_test(ssh_that_is_none_fails),
        cmocka_unit_test(ssh_penalty_is_unclear),
        cmocka_unit_test(ssh_silence_fails_in_time),
        cmocka_unit_test(name_without_answer_is_unclear),
        cmocka_unit_test(connection_is_seen_by_its_subject),
        cmocka_unit_test(ssh_that_hangs_up_is_let_go),
        cmocka_unit_test(sshd_shows_banner_and_host_key),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
