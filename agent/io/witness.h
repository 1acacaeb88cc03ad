/*
 * witness: looks at other nodes' SSH from outside, each time over a new connection, and signs what
 * it saw over the nonce that it was given.
 *
 * The connection is held open for a moment after the statement has left, so that the subject can
 * find it among its own (SOCK_DIAG) and see where it came from.
 */
#ifndef AGENT_IO_WITNESS_H
#define AGENT_IO_WITNESS_H

#include <uv.h>

#include "agent/io/examine.h"
#include "agent/io/identity.h"

/* The signed statement is the receiver's. */
typedef void (*witness_fn)(void *context, struct wire_bytes statement, uint64_t command);

struct witness; /* lives as long as the process */

struct witness_options {
    uv_loop_t *loop;
    const struct identity *identity; /* these two are borrowed */
    struct examiner *examiner;
    witness_fn witness_fn;
    void *context;
};
struct witness *witness_new(const struct witness_options *options);

/* COMMAND_WITNESS: a new connection now, a statement when it is known what came of it. */
void witness_command(struct witness *witness, const struct session_reply *command);

/* Lets go of connections that are still held. */
void witness_stop(struct witness *witness);

#endif
