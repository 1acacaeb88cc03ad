/*
 * trying: one probe in a worker, and its result back on the loop's thread.
 */
#ifndef AGENT_IO_TRYING_H
#define AGENT_IO_TRYING_H

#include <uv.h>

#include "agent/io/probe.h"

/* result is lent for the call. */
typedef void (*trying_fn)(void *context, const struct probe_result *result);

struct trying_options {
    uv_loop_t *loop;
    const struct check *check;       /* copied */
    const struct snapshot *snapshot; /* the exit node is looked up in it, now; may be NULL */
    const char *tailscale_socket;    /* copied */
};

/* context must live until result_fn was called, once. */
void trying_start(const struct trying_options *options, trying_fn result_fn, void *context);

#endif
