/*
 * ssh: a command on a node over the operator's own ssh: his keys, his ~/.ssh/config, never a shell
 * on this side, never a question.
 */
#ifndef CONTROLLER_CTL_SSH_H
#define CONTROLLER_CTL_SSH_H

#include <sys/types.h>

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "common/core/limits.h"
#include "common/net/address.h"

enum { SSH_CONNECT_S = 10, SSH_LOST = 255 /* ssh's own: not connected, or the connection broke */ };

struct ssh_target_host {
    char host[ADDRESS_TEXT_SIZE];
    char port[8];
};

/* "203.0.113.10:22" or "[2001:db8::1]:22", as the API and nodes.json write it; nothing else, so
 * that no text from elsewhere becomes an option of ssh's. */
bool ssh_parse(const char *text, struct ssh_target_host *ret_target, struct err *err);

struct ssh_run {
    pid_t pid;
    int output; /* a file of stdout and stderr */
    bool ended;
    int code; /* once ended: the command's exit status, or SSH_LOST */
};

/* Starts `ssh root@host command...` with input as its stdin; command is NULL-ended and of constant
 * words. It is in a session of its own and writes into a file: it goes on when this program ends.
 * ssh_done ends the caller's part. */
bool ssh_start(const struct ssh_target_host *target, const char *const *command, struct bytes input,
               struct ssh_run *ret_run, struct err *err);

/* Whether it has ended, by now. Does not wait. */
bool ssh_poll(struct ssh_run *run);

/* The last line that it has written so far; "" for none. */
void ssh_last_line(const struct ssh_run *run, char *to, size_t size);

void ssh_done(struct ssh_run *run);

#endif
