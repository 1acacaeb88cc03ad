/*
 * trying: one probe in a worker, and its result back on the loop's thread.
 */
#ifndef AGENT_IO_TRYING_H
#define AGENT_IO_TRYING_H

#include <uv.h>

#include "agent/io/probe.h"

/* result is lent for the call. */
typedef void (*trying_fn)(void *context, const struct probe_result *result);

/* The exit node's address is taken from the snapshot (which may be NULL), now. context must live
 * until result_fn was called, once. */
void trying_start(uv_loop_t *loop, const struct check *check, const struct snapshot *snapshot,
                  const char *tailscale_socket, trying_fn result_fn, void *context);

#endif
