/*
 * examination: some checks evaluated once, freshly: on an observation and with probes that are all
 * newer than the question. For statements over a nonce.
 *
 * It always ends: what could not be looked at in time is unknown, with the reason.
 */
#ifndef AGENT_IO_EXAMINATION_H
#define AGENT_IO_EXAMINATION_H

#include "agent/io/examine.h"

/* One verdict a check, in their order; lent for the call. */
typedef void (*examination_fn)(void *context, const struct verdict *verdicts, uint32_t count);

struct examination_question {
    uv_loop_t *loop;
    struct observer *observer;
    const struct examiner *examiner; /* knows when the controller was heard */
    const char *tailscale_socket;
    uint32_t checks_count;      /* at most CHECKS_MAX */
    const struct check *checks; /* copied; may be none: then only the observation is awaited */
};

/* Calls done_fn once, on the loop's thread, later. context must live until then. */
void examination_start(const struct examination_question *question, examination_fn done_fn,
                       void *context);

#endif
