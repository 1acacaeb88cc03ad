/*
 * journal_file: framing, cutting and locking of the guard's journal.
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

#include "agent/guard/io/wire_journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

enum { FRAME_HEAD = 8, LOCK_NAME_SIZE = JOURNAL_PATH_SIZE };

/* ---- frames --------------------------------------------------------------------------------- */

/* CRC-32C (Castagnoli, reflected 0x82f63b78), as in RFC 3720. */
static uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
    }
    return ~crc;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

uint8_t *journal_file_frame(struct bytes payload, size_t *ret_len)
{
    uint8_t *frame = mem_alloc(FRAME_HEAD + payload.len, 1);

    put_u32(frame, (uint32_t)payload.len);
    put_u32(frame + 4, crc32c(payload.data, payload.len));
    memcpy(frame + FRAME_HEAD, payload.data, payload.len);
    *ret_len = FRAME_HEAD + payload.len;
    return frame;
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool cannot_write(int error)
{
    return error == EROFS || error == EACCES || error == EPERM || error == ENOSPC ||
           error == EDQUOT;
}

static int open_best(const char *path, bool read_only, bool *ret_writable)
{
    int fd = -1;

    *ret_writable = false;
    if (!read_only) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        *ret_writable = fd >= 0;
        if (fd >= 0 || !cannot_write(errno))
            return fd;
    }
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* A new file is there after a power loss only when its directory is synced. */
static bool sync_directory(const struct journal_file *file)
{
    char state[JOURNAL_PATH_SIZE];
    bool done;
    int fd;

    text_copy(state, sizeof(state), file->path);
    *strrchr(state, '/') = '\0'; /* file_join put it there */
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

pid_t journal_file_holder(const char *state)
{
    char path[LOCK_NAME_SIZE];
    struct err err = ERR_INIT;
    uint8_t *text;
    size_t len;
    long pid;

    if (!lock_path(path, state, &err) || !file_read(path, 64, &text, &len, &err))
        return 0;
    pid = strtol((const char *)text, NULL, 10);
    free(text);
    return pid > 1 ? (pid_t)pid : 0;
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
                       (int)journal_file_holder(state));
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
    file->unsynced = file->writable && file->size == 0 && !sync_directory(file);
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

/* ---- reading -------------------------------------------------------------------------------- */

enum frame { FRAME_WHOLE, FRAME_END, FRAME_TORN, FRAME_DAMAGED };

static bool all_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] != 0)
            return false;
    }
    return true;
}

/* Torn is what a power loss leaves of the last record: too short, or with its blocks not written.
 * Everything else that does not fit is damage. */
static enum frame look_at_frame(struct bytes rest, struct bytes *ret_payload)
{
    size_t len;

    if (rest.len == 0)
        return FRAME_END;
    if (rest.len < FRAME_HEAD || all_zero(rest))
        return FRAME_TORN;
    len = get_u32(rest.data);
    if (len == 0 || len > JOURNAL_RECORD_SIZE_MAX)
        return FRAME_DAMAGED;
    if (len > rest.len - FRAME_HEAD)
        return FRAME_TORN;
    *ret_payload = (struct bytes){rest.data + FRAME_HEAD, len};
    if (crc32c(ret_payload->data, len) == get_u32(rest.data + 4))
        return FRAME_WHOLE;
    return len == rest.len - FRAME_HEAD ? FRAME_TORN : FRAME_DAMAGED;
}

static bool cut(struct journal_file *file)
{
    file->dirty = ftruncate(file->fd, (off_t)file->size) != 0;
    return !file->dirty;
}

/* Whoever looks into it later finds all that was there. */
static void keep_damaged(const struct journal_file *file, struct bytes content)
{
    char path[JOURNAL_PATH_SIZE + 16];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s.damaged", file->path);
    (void)file_write(path, content.data, content.len, 0600, &err);
}

static void end_at(struct journal_file *file, struct bytes content, size_t at, enum frame frame)
{
    const char *done = file->read_only ? "passed over" : "cut off";

    file->size = at;
    if (frame == FRAME_TORN)
        snprintf(file->damage, sizeof(file->damage), "the last record was torn at byte %zu: %s", at,
                 done);
    else
        snprintf(file->damage, sizeof(file->damage),
                 "a record was damaged at byte %zu of %zu: what lies behind it is %s%s", at,
                 content.len, done, file->read_only ? "" : " (kept in journal.damaged)");
    if (file->read_only || !file->writable)
        return;
    if (frame == FRAME_DAMAGED)
        keep_damaged(file, content);
    if (cut(file))
        fdatasync(file->fd);
}

static void read_frames(struct journal_file *file, struct bytes content,
                        journal_payload_fn payload_fn, void *context)
{
    size_t at = 0;

    for (;;) {
        struct bytes payload = {NULL, 0};
        enum frame frame =
            look_at_frame((struct bytes){content.data + at, content.len - at}, &payload);

        if (frame == FRAME_WHOLE && !payload_fn(context, payload))
            frame = FRAME_DAMAGED;
        if (frame == FRAME_TORN || frame == FRAME_DAMAGED)
            end_at(file, content, at, frame);
        if (frame != FRAME_WHOLE)
            return;
        at += FRAME_HEAD + payload.len;
    }
}

static bool read_content(const struct journal_file *file, uint8_t **ret_data, size_t *ret_len,
                         struct err *err)
{
    size_t len = 0;
    uint8_t *data = mem_alloc(file->size + 1, 1);

    while (len < file->size) {
        ssize_t got = pread(file->fd, data + len, file->size - len, (off_t)len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(data);
            return err_set(err, ERR_SYSTEM, "read %s: %s", file->path, strerror(errno));
        }
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_data = data;
    *ret_len = len;
    return true;
}

bool journal_file_read(struct journal_file *file, journal_payload_fn payload_fn, void *context,
                       struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;

    if (!read_content(file, &data, &len, err))
        return false;
    file->size = len;
    read_frames(file, (struct bytes){data, len}, payload_fn, context);
    return true;
}

/* ---- writing -------------------------------------------------------------------------------- */

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

static bool check_writable(struct journal_file *file, struct err *err)
{
    if (!file->writable)
        return err_set(err, ERR_SYSTEM, "%s cannot be written (read-only or full disk)",
                       file->path);
    if (file->dirty && !cut(file))
        return err_set(err, ERR_SYSTEM, "cut off a torn record of %s: %s", file->path,
                       strerror(errno));
    if (file->unsynced && !sync_directory(file))
        return err_set(err, ERR_SYSTEM, "sync the directory of %s: %s", file->path,
                       strerror(errno));
    file->unsynced = false;
    return true;
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
    frame = journal_file_frame(payload, &len);
    if (write_at(file->fd, (struct bytes){frame, len}, file->size) &&
        (!durable || fdatasync(file->fd) == 0)) {
        file->size += len;
        return true;
    }
    err_set(err, ERR_SYSTEM, "write %s: %s", file->path, strerror(errno));
    if (cut(file))
        fdatasync(file->fd);
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
    fd = open(file->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
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
