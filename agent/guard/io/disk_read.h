/*
 * disk_read: a small file, read by a process of its own: where its disk does not answer, or not
 * with that file, it is that process which hangs.
 *
 * That the page cache has one file of a dead disk says nothing of the next.
 */
#ifndef AGENT_GUARD_IO_DISK_READ_H
#define AGENT_GUARD_IO_DISK_READ_H

#include <sys/types.h>

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "common/core/mono.h"

struct disk_read {
    pid_t pid; /* 0: no process is to be had, or no disk is asked: disk_read_take reads by itself */
    int end_fd;
    const char *path; /* borrowed */
    size_t size_max;
};

/* A path in /dev or /proc is on no disk, and may be the caller's alone (/dev/stdin). */
void disk_read_start(struct disk_read *read, const char *path, size_t size_max);
/* Whether there is something to take, waited for until then; whatever came of the reading. */
bool disk_read_is_there(const struct disk_read *read, mono_t until);
/* As file_read has it (common/io/file.h); ERR_TIMEOUT: not until then, and that process is left
 * behind, for as long as this one is there. To be called once for each start. */
bool disk_read_take(struct disk_read *read, mono_t until, uint8_t **ret_data, size_t *ret_len,
                    struct err *err);

#endif
