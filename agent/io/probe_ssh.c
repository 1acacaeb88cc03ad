/*
 * probe_ssh: the banner and host key of an sshd, by libssh, ending before authentication.
 *
 * The banner is read by a peek before libssh takes the connection: so a refusal ("Not allowed at
 * this time", "Exceeded MaxStartups") is told from a server that is gone.
 */
#include "agent/io/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

#include <libssh/libssh.h>

enum { BANNER_SIZE = 256, PEEK_EVERY_MS = 20 };

struct probe_ssh {
    ssh_session session; /* owns the socket */
};

static void fail(struct probe_result *result, enum probe_outcome outcome, const char *why)
{
    result->outcome = outcome;
    text_copy(result->why, sizeof(result->why), why);
}

/* The first line, without its end; false when it did not come. */
static bool peek_banner(int fd, mono_t until, char *to, struct probe_result *result)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        mono_t now = clock_now();
        ssize_t len;

        if (now >= until || poll(&wait, 1, (int)(until - now)) <= 0) {
            fail(result, PROBE_FAILED, "it connects, but no SSH banner came");
            return false;
        }
        len = recv(fd, to, BANNER_SIZE - 1, MSG_PEEK);
        if (len <= 0) {
            fail(result, PROBE_FAILED, "it connects, and hangs up without an SSH banner");
            return false;
        }
        to[len] = '\0';
        if (strpbrk(to, "\r\n") != NULL || len == BANNER_SIZE - 1)
            break;
        poll(NULL, 0, PEEK_EVERY_MS); /* a line in pieces */
    }
    to[strcspn(to, "\r\n")] = '\0';
    return true;
}

/* sshd's own words when it has had enough of our source. */
static bool is_refusal(const char *banner)
{
    return text_starts(banner, "Not allowed at this time") ||
           text_starts(banner, "Exceeded MaxStartups");
}

static bool check_banner(const char *banner, struct probe_result *result)
{
    char why[REASON_SIZE];

    if (text_starts(banner, "SSH-")) {
        text_copy(result->answer, sizeof(result->answer), banner);
        return true;
    }
    if (is_refusal(banner))
        snprintf(why, sizeof(why), "sshd puts off our source: '%.100s'", banner);
    else
        snprintf(why, sizeof(why), "expected an SSH banner, got '%.100s'", banner);
    fail(result, is_refusal(banner) ? PROBE_UNCLEAR : PROBE_FAILED, why);
    return false;
}

static void note_host_key(ssh_session session, struct probe_result *result)
{
    unsigned char *hash = NULL;
    ssh_key key = NULL;
    size_t len = 0;

    if (ssh_get_server_publickey(session, &key) != SSH_OK)
        return;
    if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0) {
        char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);

        if (text != NULL)
            text_copy(result->host_key, sizeof(result->host_key), text);
        ssh_string_free_char(text);
        ssh_clean_pubkey_hash(&hash);
    }
    ssh_key_free(key);
}

/* Nobody's configuration, known hosts or keys are read. */
static void set_options(ssh_session session, const char *host, int fd, mono_t until)
{
    static const int no = 0;
    mono_t left = until - clock_now();
    long seconds = left > 1000 ? (long)(left / 1000) : 1;
    socket_t socket = fd;

    ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(session, SSH_OPTIONS_HOST, host);
    ssh_options_set(session, SSH_OPTIONS_USER, "oceanid");
    ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &seconds);
    ssh_options_set(session, SSH_OPTIONS_FD, &socket);
}

struct probe_ssh *probe_ssh_open(const char *host, uint16_t port, int timeout_ms,
                                 struct probe_result *ret_result)
{
    mono_t until = clock_now() + timeout_ms;
    int fd = probe_connect(host, port, NULL, timeout_ms, ret_result);
    char banner[BANNER_SIZE];
    char why[REASON_SIZE];
    struct probe_ssh *ssh;

    if (fd < 0)
        return NULL;
    if (!peek_banner(fd, until, banner, ret_result) || !check_banner(banner, ret_result)) {
        close(fd);
        return NULL;
    }
    ssh = mem_alloc(1, sizeof(*ssh));
    ssh->session = ssh_new();
    if (ssh->session == NULL)
        abort(); /* out of memory */
    set_options(ssh->session, host, fd, until);
    if (ssh_connect(ssh->session) == SSH_OK) {
        note_host_key(ssh->session, ret_result);
        ret_result->outcome = PROBE_ANSWERED;
        return ssh;
    }
    snprintf(why, sizeof(why), "banner '%.60s', then: %.150s", banner, ssh_get_error(ssh->session));
    fail(ret_result, PROBE_FAILED, why);
    probe_ssh_close(ssh);
    return NULL;
}

/* libssh 0.10 and later leave a socket open that came from outside, unless it is told that none did
 * (which it takes, and calls an error). Open, sshd would wait for a login for two minutes, and its
 * MaxStartups would keep people out. */
void probe_ssh_close(struct probe_ssh *ssh)
{
    static const socket_t none = SSH_INVALID_SOCKET;

    if (ssh == NULL)
        return;
    ssh_options_set(ssh->session, SSH_OPTIONS_FD, &none);
    ssh_disconnect(ssh->session);
    ssh_free(ssh->session);
    free(ssh);
}
