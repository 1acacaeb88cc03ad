/*
 * disk_read: starts the process that reads, and waits for what it hands over.
 */
#include "agent/guard/io/disk_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/alone.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"

/* ---- its process ---------------------------------------------------------------------------- */

static void put(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t done = write(fd, at, len);

        if (done <= 0)
            _exit(1);
        at += done;
        len -= (size_t)done;
    }
}

/* What came of it; behind it the content. */
struct head {
    struct err err;
    size_t len;
};

_Noreturn static void read_alone(const struct disk_read *read, pid_t asker, int to_fd)
{
    struct head head = {.err = ERR_INIT};
    uint8_t *data = NULL;

    alone_begin_for(asker, to_fd);
    if (!file_read(read->path, read->size_max, &data, &head.len, &head.err))
        head.len = 0;
    put(to_fd, &head, sizeof(head));
    put(to_fd, data, head.len);
    _exit(0);
}

static bool is_on_disk(const char *path)
{
    return !text_starts(path, "/dev/") && !text_starts(path, "/proc/");
}

void disk_read_start(struct disk_read *read, const char *path, size_t size_max)
{
    pid_t asker = getpid();
    int ends[2];

    *read = (struct disk_read){.path = path, .size_max = size_max};
    if (!is_on_disk(path) || pipe2(ends, O_CLOEXEC) != 0)
        return;
    read->pid = fork();
    if (read->pid == 0) {
        close(ends[0]);
        read_alone(read, asker, ends[1]);
    }
    close(ends[1]); /* its other holder's end is the end of what it hands over */
    read->end_fd = ends[0];
    if (read->pid > 0)
        return;
    close(ends[0]);
    read->pid = 0;
}

/* ---- whoever waits for it ------------------------------------------------------------------- */

static bool has_more(int fd, mono_t until)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};

    for (;;) {
        mono_t left = mono_min(until - clock_now(), INT_MAX);
        int ready = poll(&look, 1, left > 0 ? (int)left : 0);

        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

bool disk_read_is_there(const struct disk_read *read, mono_t until)
{
    return read->pid == 0 || has_more(read->end_fd, until);
}

/* How much there was until its end; -1: that has not come. */
static ssize_t take_all(int fd, mono_t until, uint8_t *to, size_t size)
{
    size_t len = 0;

    for (;;) {
        ssize_t got;

        if (!has_more(fd, until))
            return -1;
        got = read(fd, to + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (ssize_t)len;
        len += (size_t)got;
    }
}

/* One that was killed has not handed over all. */
static bool unpack(const char *path, struct bytes all, uint8_t **ret_data, size_t *ret_len,
                   struct err *err)
{
    struct head head = {.err = ERR_INIT};

    if (all.len >= sizeof(head))
        memcpy(&head, all.data, sizeof(head));
    if (all.len < sizeof(head) || all.len != sizeof(head) + head.len)
        return err_set(err, ERR_SYSTEM, "%s is not read, the process that reads it has ended",
                       path);
    *err = head.err;
    if (err->kind != ERR_NONE)
        return false;
    *ret_len = head.len;
    *ret_data = mem_alloc(head.len + 1, 1);
    memcpy(*ret_data, all.data + sizeof(head), head.len);
    return true;
}

bool disk_read_take(struct disk_read *read, mono_t until, uint8_t **ret_data, size_t *ret_len,
                    struct err *err)
{
    size_t size = sizeof(struct head) + read->size_max + 1;
    AUTO_FREE uint8_t *all = NULL;
    ssize_t len;
    int status;

    if (read->pid == 0)
        return file_read(read->path, read->size_max, ret_data, ret_len, err);
    all = mem_alloc(size, 1);
    len = take_all(read->end_fd, until, all, size);
    close(read->end_fd);
    if (len < 0)
        return err_set(err, ERR_TIMEOUT, "%s is not read, its disk does not answer", read->path);
    (void)waitpid(read->pid, &status, 0);
    return unpack(read->path, (struct bytes){all, (size_t)len}, ret_data, ret_len, err);
}
