/*
 * loop: waits for requests, hints of the kernel, results of the threads and the time, and gives
 * each to its part of the shell.
 */
#ifndef AGENT_GUARD_IO_LOOP_H
#define AGENT_GUARD_IO_LOOP_H

#include "agent/guard/io/guard.h"

struct loop;

/* Takes SIGTERM and SIGINT: blocked for all threads that are started later. NULL: err says why. */
struct loop *loop_open(struct err *err);
void loop_close(struct loop *loop);

/* Waits once and gives what has come; also tells systemd that it lives. */
void loop_once(struct loop *loop, struct guard *guard);

#endif
