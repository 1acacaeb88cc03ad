/*
 * prepare: whether a plan can be done here, how it would be taken back, and what it would break.
 */
#ifndef AGENT_GUARD_IO_PREPARE_H
#define AGENT_GUARD_IO_PREPARE_H

#include "agent/guard/io/worker.h"

/* Reads the snapshot, checks each operation on what the earlier ones leave, derives their undo into
 * work->items, notes which flows hold now, and predicts all of them. False: it cannot be done. */
bool prepare_do(const struct apply *apply, struct work *work, struct err *err);

#endif
