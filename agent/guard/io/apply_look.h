/*
 * apply_look: what stands at a configuration file's place.
 *
 * Where the apply has a hand, that reads what does not lie in /run: a disk that does not answer in
 * 2 s is ERR_TIMEOUT. Read here and now is one that answered less than 2 s ago, and one that hangs
 * with something to write: a frozen disk can be read.
 */
#ifndef AGENT_GUARD_IO_APPLY_LOOK_H
#define AGENT_GUARD_IO_APPLY_LOOK_H

#include "agent/guard/io/apply.h"

/* Fills all but its path, which is given; the content is the caller's. */
bool apply_look(const struct apply *apply, struct snapshot_file *file, struct err *err);

#endif
