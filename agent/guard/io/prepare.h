/*
 * prepare: whether a plan can be done here, how it would be taken back, what it would break, and
 * how it went in a rehearsal.
 */
#ifndef AGENT_GUARD_IO_PREPARE_H
#define AGENT_GUARD_IO_PREPARE_H

#include "agent/guard/io/worker.h"

/* Reads the snapshot, checks each operation on what the earlier ones leave, derives their undo into
 * work->items, notes which flows hold now, predicts all of them, and has the plan rehearsed
 * (work->rehearsal). False: it cannot be done, or not all that can be rehearsed was accepted and
 * taken back. */
bool prepare_do(const struct apply *apply, struct work *work, struct err *err);

/* Only the rehearsal of it, for a plan that people look at: nothing is kept of the undo, and
 * prediction is not asked. work->rehearsal says of each operation what came of it, or why it was
 * not rehearsed. */
void prepare_rehearse(const struct apply *apply, struct work *work);

#endif
