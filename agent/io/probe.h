/*
 * probe: tries something on the network, once, over a new connection: TCP, SSH, HTTP, disco ping.
 *
 * Blocks until its time-out: for worker threads. Nothing is shared, jobs go in and results come
 * out by value.
 */
#ifndef AGENT_IO_PROBE_H
#define AGENT_IO_PROBE_H

#include "agent/core/checks.h"
#include "common/io/config.h"

struct probe_job {
    struct check check;       /* of a kind that needs a probe, but not `controller` */
    struct address exit_node; /* whom to ping; not set: nobody */
    char tailscale_socket[PATH_SIZE];
};

/* Once in a process, before any thread. */
void probe_init(void);

void probe_run(const struct probe_job *job, struct probe_result *ret_result);

/* A connected, non-blocking TCP socket, or -1 with the reason in ret_result (failed: refused or
 * silent; unclear: the name does not resolve). from may be not set. */
int probe_connect(const char *host, uint16_t port, const struct address *from, int timeout_ms,
                  struct probe_result *ret_result);

/* ---- SSH, see probe_ssh.c -------------------------------------------------------------------- */

struct probe_ssh; /* a connection that is held open after the key exchange */

/* Reads the banner, exchanges keys, and stops before authentication: sshd logs nobody. NULL with
 * the reason in ret_result. A refusal for penalty is unclear, never a failure. */
struct probe_ssh *probe_ssh_open(const char *host, uint16_t port, int timeout_ms,
                                 struct probe_result *ret_result);
void probe_ssh_close(struct probe_ssh *ssh);

#endif
