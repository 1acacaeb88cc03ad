/*
 * apply_place: puts a configuration file at its place, whole and durable, or takes it away.
 *
 * Where the apply has a hand, that does it: a disk that does not answer in 2 s is ERR_TIMEOUT, and
 * holds up nothing else. What it has begun it may still finish later: until it has, the place is
 * late, and what can be read there says nothing. What lies in /run is memory and hangs nobody.
 */
#ifndef AGENT_GUARD_IO_APPLY_PLACE_H
#define AGENT_GUARD_IO_APPLY_PLACE_H

#include "agent/guard/io/apply.h"
#include "common/net/patience.h"

enum { APPLY_PATH_SIZE = 512, APPLY_PLACE_MS = 1000 * PATIENCE_PLACE_S };

/* Below the root that a test may have set, with end behind it. to: APPLY_PATH_SIZE. */
void apply_place_path(const struct apply *apply, const char *path, const char *end, char *to);
void apply_place_cut_name(char *path);
/* In /run, which hangs nobody. */
bool apply_place_is_memory(const char *path);

/* As it was, in content, mode and owner; or away. */
bool apply_place_put(const struct apply *apply, const struct snapshot_file *was, struct err *err);
/* What is there already, and may not be on the disk. */
bool apply_place_sync(const struct apply *apply, const char *path, struct err *err);
/* Of /run, here and now. */
bool apply_place_remove(const struct apply *apply, const struct snapshot_file *was,
                        struct err *err);
/* Only the last directory above it. path: with its root. */
bool apply_place_make_directory(const char *path, struct err *err);

/* False, with the reason: it is late. */
bool apply_place_check(const struct apply *apply, const char *path, struct err *err);

#endif
