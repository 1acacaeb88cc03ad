/*
 * journal_file: opening, locking and writing of the guard's journal.
 */
#include "agent/guard/io/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/disk_read.h"
#include "agent/guard/io/journal_frame.h"
#include "agent/guard/io/wire_journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"

enum { LOCK_NAME_SIZE = JOURNAL_PATH_SIZE, LOCK_TEXT_SIZE = 64, HOLDER_MS = 2000 };

/* ---- opening -------------------------------------------------------------------------------- */

/* EIO: what cannot be written can often still be read, and undone from. */
static bool cannot_write(int error)
{
    return error == EROFS || error == EACCES || error == EPERM || error == ENOSPC ||
           error == EDQUOT || error == EIO;
}

static int open_one(const char *path, int flags)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int open_best(const char *path, bool read_only, bool *ret_writable)
{
    int fd = -1;

    *ret_writable = false;
    if (!read_only) {
        fd = open_one(path, O_RDWR | O_CREAT);
        *ret_writable = fd >= 0;
        if (fd >= 0 || !cannot_write(errno))
            return fd;
    }
    return open_one(path, O_RDONLY);
}

static void take_state(const struct journal_file *file, char state[JOURNAL_PATH_SIZE])
{
    text_copy(state, JOURNAL_PATH_SIZE, file->path);
    *strrchr(state, '/') = '\0'; /* file_join put it there */
}

/* A new file is there after a power loss only when its directory is synced. */
static bool sync_directory(const struct journal_file *file)
{
    char state[JOURNAL_PATH_SIZE];
    bool done;
    int fd;

    take_state(file, state);
    fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

static bool lock_path(char *to, const char *state, struct err *err)
{
    return file_join(to, LOCK_NAME_SIZE, state, "journal.lock", err);
}

static pid_t parse_holder(const char *text)
{
    long pid = strtol(text, NULL, 10);

    return pid > 1 ? (pid_t)pid : 0;
}

pid_t journal_file_holder(const char *state)
{
    char path[LOCK_NAME_SIZE];
    struct err err = ERR_INIT;
    AUTO_FREE uint8_t *text = NULL;
    struct disk_read read;
    size_t len;

    if (!lock_path(path, state, &err))
        return 0;
    disk_read_start(&read, path, LOCK_TEXT_SIZE);
    if (!disk_read_take(&read, clock_now() + HOLDER_MS, &text, &len, &err))
        return 0;
    return parse_holder((const char *)text);
}

/* Of the lock that is open: no disk is asked for it a second time. */
static pid_t read_holder(int fd)
{
    char text[LOCK_TEXT_SIZE + 1];
    ssize_t len = pread(fd, text, LOCK_TEXT_SIZE, 0);

    text[len > 0 ? len : 0] = '\0';
    return parse_holder(text);
}

static void name_holder(int fd)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%-11d\n", (int)getpid());

    /* Always the same length: a full disk has room for it once the file is there. Without it the
     * holder cannot be named, and not be ended; the lock holds all the same. */
    (void)!pwrite(fd, text, (size_t)len, 0);
}

static bool take_lock(struct journal_file *file, const char *state, struct err *err)
{
    char path[LOCK_NAME_SIZE];
    bool writable;

    if (!lock_path(path, state, err))
        return false;
    file->lock_fd = open_best(path, false, &writable);
    if (file->lock_fd < 0) {
        /* Nobody can hold a lock whose file is not there, nor write the journal on such a disk. */
        return errno == ENOENT ? true
                               : err_set(err, ERR_SYSTEM, "open %s: %s", path, strerror(errno));
    }
    if (flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return err_set(err, errno == EWOULDBLOCK ? ERR_CONFLICT : ERR_SYSTEM,
                       "the journal's lock %s is held by process %d", path,
                       (int)read_holder(file->lock_fd));
    }
    if (writable)
        name_holder(file->lock_fd);
    return true;
}

static bool take_size(struct journal_file *file, struct err *err)
{
    struct stat stat;

    if (fstat(file->fd, &stat) != 0)
        return err_set(err, ERR_SYSTEM, "stat %s: %s", file->path, strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return err_set(err, ERR_INPUT, "%s is not a regular file", file->path);
    file->size = (uint64_t)stat.st_size;
    return true;
}

static bool open_file(struct journal_file *file, const char *state, struct err *err)
{
    if (!file_join(file->path, sizeof(file->path), state, "journal", err))
        return false;
    if (!file->read_only && !take_lock(file, state, err))
        return false;
    file->fd = open_best(file->path, file->read_only, &file->writable);
    if (file->fd < 0)
        return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_SYSTEM, "open %s: %s", file->path,
                       strerror(errno));
    if (!take_size(file, err))
        return false;
    file->unsynced = file->size > 0 || (file->writable && !sync_directory(file));
    return true;
}

bool journal_file_open(struct journal_file *file, const char *state, bool read_only,
                       struct err *err)
{
    *file = (struct journal_file){.fd = -1, .lock_fd = -1, .read_only = read_only};
    if (open_file(file, state, err))
        return true;
    journal_file_close(file);
    return false;
}

void journal_file_close(struct journal_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->lock_fd >= 0)
        close(file->lock_fd);
    file->fd = file->lock_fd = -1;
    file->writable = false;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool cut(struct journal_file *file)
{
    file->dirty = ftruncate(file->fd, (off_t)file->size) != 0 || fdatasync(file->fd) != 0;
    return !file->dirty;
}

/* One that cannot be written has none of it. */
bool journal_file_cut(struct journal_file *file)
{
    return !file->dirty || !file->writable || cut(file);
}

/* Under the lock, which this process has had all the time, it is the only other that wrote. */
void journal_file_go_on(struct journal_file *file, uint64_t end)
{
    struct stat stat;

    file->size = end;
    file->dirty = file->unsynced = true;
    if (file->lock_fd >= 0 && fstat(file->fd, &stat) == 0)
        file->found = (uint64_t)stat.st_size;
}

static bool write_at(int fd, struct bytes bytes, uint64_t at)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t put = pwrite(fd, bytes.data + done, bytes.len - done, (off_t)(at + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

/* A disk that was full or read-only is well again: it is still what was read, or nothing is done.
 */
static bool become_writable(struct journal_file *file, struct err *err)
{
    char state[JOURNAL_PATH_SIZE];
    struct stat read, found;
    int fd;

    take_state(file, state);
    if (file->read_only || (file->lock_fd < 0 && !take_lock(file, state, err)))
        return false;
    fd = open_one(file->path, O_RDWR);
    if (fd < 0)
        return false;
    if (fstat(file->fd, &read) != 0 || fstat(fd, &found) != 0 || read.st_ino != found.st_ino ||
        (uint64_t)found.st_size != file->found) {
        close(fd);
        return false;
    }
    close(file->fd);
    file->fd = fd;
    file->unsynced = true;
    return file->writable = true;
}

static bool sync_name(struct journal_file *file, struct err *err)
{
    if (file->unsynced && !sync_directory(file))
        return err_set(err, ERR_SYSTEM, "sync the directory of %s: %s", file->path,
                       strerror(errno));
    file->unsynced = false;
    return true;
}

static bool check_writable(struct journal_file *file, struct err *err)
{
    if (!file->writable && !become_writable(file, err))
        return err_set(err, ERR_SYSTEM, "%s cannot be written (read-only or full disk)",
                       file->path);
    if (file->dirty && !cut(file))
        return err_set(err, ERR_SYSTEM, "cut off a torn record of %s: %s", file->path,
                       strerror(errno));
    return sync_name(file, err);
}

bool journal_file_sync(struct journal_file *file, struct err *err)
{
    if (fdatasync(file->fd) != 0)
        return err_set(err, ERR_SYSTEM, "sync %s: %s", file->path, strerror(errno));
    return sync_name(file, err);
}

bool journal_file_append(struct journal_file *file, struct bytes payload, bool durable,
                         struct err *err)
{
    AUTO_FREE uint8_t *frame = NULL;
    size_t len;

    if (payload.len == 0 || payload.len > JOURNAL_RECORD_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "a record of %zu bytes: accepted are 1 to %d", payload.len,
                       JOURNAL_RECORD_SIZE_MAX);
    if (!check_writable(file, err))
        return false;
    frame = journal_frame_make(payload, &len);
    if (write_at(file->fd, (struct bytes){frame, len}, file->size) &&
        (!durable || fdatasync(file->fd) == 0)) {
        file->size += len;
        return true;
    }
    err_set(err, ERR_SYSTEM, "write %s: %s", file->path, strerror(errno));
    cut(file);
    return false;
}

/* Whether what is open still has the journal's name. */
static bool has_name(const struct journal_file *file)
{
    struct stat open_one, named;

    return fstat(file->fd, &open_one) == 0 && lstat(file->path, &named) == 0 &&
           open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

/* The rename may be done although its directory could not be synced: from then on the new file is
 * the journal, and nothing is written to it before the directory is. */
bool journal_file_replace(struct journal_file *file, struct bytes content, struct err *err)
{
    bool written;
    int fd;

    if (!check_writable(file, err))
        return false;
    written = file_write(file->path, content.data, content.len, 0600, err);
    if (!written && has_name(file))
        return false;
    fd = open_one(file->path, O_RDWR);
    if (fd < 0) {
        file->writable = false; /* the old file has no name any more */
        return err_set(err, ERR_SYSTEM, "open %s again: %s", file->path, strerror(errno));
    }
    close(file->fd);
    file->fd = fd;
    file->size = content.len;
    file->unsynced = !written;
    return written;
}
