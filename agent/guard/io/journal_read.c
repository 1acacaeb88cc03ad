/*
 * journal_read: reading the guard's journal, and mending what cannot be read of it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/journal_crc.h"
#include "agent/guard/io/journal_file.h"
#include "agent/guard/io/journal_frame.h"
#include "common/core/mem.h"
#include "common/io/file.h"

enum {
    KEPT_MAX = 8,
    KEPT_PATH_SIZE = JOURNAL_PATH_SIZE + 16,
    BLOCK = 4096,   /* what the disk does not give is passed over in pieces of this size */
    TRIES_MAX = 20, /* of reading again, for the whole file */
    TRY_PACE_MS = 50,
};

/* What of the content could be read, one piece behind the other. */
struct reading {
    size_t at;                /* looked at next */
    size_t end;               /* of the last record that was taken */
    size_t gaps_count;        /* pieces between records */
    size_t lost_at;           /* the first byte of the first one */
    enum journal_frame first; /* why it could not be read */
    uint8_t *whole;           /* without the gaps */
    size_t whole_len;
    uint32_t *sums; /* made when something is lost; owned */
    size_t unread;  /* bytes that the disk did not give */
};

/* False: there are too many already. */
static bool find_name(const struct journal_file *file, char path[KEPT_PATH_SIZE])
{
    snprintf(path, KEPT_PATH_SIZE, "%s.damaged", file->path);
    for (int i = 1; access(path, F_OK) == 0; i++) {
        if (i == KEPT_MAX)
            return false;
        snprintf(path, KEPT_PATH_SIZE, "%s.damaged.%d", file->path, i);
    }
    return true;
}

/* Whoever looks into it later finds all that was there, also of an earlier time. What the disk does
 * not give now it may give then: the file itself is kept, and another takes its name. */
static bool keep_damaged(const struct journal_file *file, const struct reading *reading,
                         struct bytes content, char path[KEPT_PATH_SIZE])
{
    struct err err = ERR_INIT;

    if (!find_name(file, path))
        return false;
    if (reading->unread > 0)
        return link(file->path, path) == 0;
    return file_write(path, content.data, content.len, 0600, &err);
}

static void say_damage(struct journal_file *file, const struct reading *reading, size_t len,
                       bool kept)
{
    const char *done = file->read_only  ? ""
                       : kept           ? "; the whole of it is kept in journal.damaged"
                       : file->writable ? "; it cannot be kept aside and stays as it is"
                                        : "; it cannot be written";
    char unread[64] = "";

    if (reading->unread > 0)
        snprintf(unread, sizeof(unread), " (the disk does not give %zu)", reading->unread);

    if (!file->damaged)
        snprintf(file->damage, sizeof(file->damage), "the last record was torn at byte %zu: %s",
                 reading->lost_at, file->read_only ? "passed over" : "cut off by the next one");
    else
        snprintf(file->damage, sizeof(file->damage),
                 "%zu of %zu bytes are damaged%s, from byte %zu on: passed over, what is whole "
                 "behind them is read%s",
                 len - reading->whole_len, len, unread, reading->lost_at, done);
}

/* Cut off on the disk before the next append. */
static void end_at(struct journal_file *file, size_t size)
{
    file->size = size;
    file->dirty = true;
}

/* Or at once: else the next one who reads it keeps it aside once more. */
static void cut_at(struct journal_file *file, size_t size)
{
    end_at(file, size);
    journal_file_cut(file);
}

/* A file with only the whole records takes its name. Where that fails the one that is kept aside as
 * a copy is cut where nothing is read any more; the one that is itself kept stays as it is. */
static void replace(struct journal_file *file, const struct reading *reading, const char *kept_as)
{
    struct err err = ERR_INIT;

    if (journal_file_replace(file, (struct bytes){reading->whole, reading->whole_len}, &err) ||
        file->size == reading->whole_len) /* it was, and is synced before the next append */
        return;
    if (reading->unread > 0) {
        file->damaged = true;
        unlink(kept_as);
    } else {
        cut_at(file, reading->end);
    }
}

/* A torn last record is cut off, by whoever writes the next one: of those who read it one may have
 * something to undo, and the disk may hang. What is damaged is kept aside first; without room for
 * that it stays where it is, and what is appended comes behind it. */
static void mend(struct journal_file *file, const struct reading *reading, struct bytes content)
{
    char kept_as[KEPT_PATH_SIZE];
    bool changes = !file->read_only && file->writable;
    bool kept = file->damaged && changes && keep_damaged(file, reading, content, kept_as);

    say_damage(file, reading, content.len, kept);
    file->damaged &= !kept;
    if (file->damaged || file->read_only)
        return;
    if (kept && (reading->gaps_count > 0 || reading->unread > 0))
        replace(file, reading, kept_as);
    else if (kept)
        cut_at(file, reading->end);
    else
        end_at(file, reading->end);
}

static void take_frame(struct reading *reading, struct bytes content, size_t len)
{
    reading->gaps_count += reading->at != reading->end;
    memcpy(reading->whole + reading->whole_len, content.data + reading->at, len);
    reading->whole_len += len;
    reading->at += len;
    reading->end = reading->at;
}

/* False: nothing is left. Behind what cannot be read each byte may be where a record begins. */
static bool read_next(struct reading *reading, struct bytes content, journal_payload_fn payload_fn,
                      void *context)
{
    struct bytes rest = {content.data + reading->at, content.len - reading->at};
    bool is_lost = reading->at != reading->end;
    struct bytes payload = {NULL, 0};
    enum journal_frame frame;

    if (is_lost && reading->sums == NULL)
        reading->sums = journal_crc_sums(content);
    frame = is_lost ? journal_frame_find(content, reading->sums, &reading->at, &payload)
                    : journal_frame_look(rest, &payload);
    if (frame == FRAME_END)
        return false;
    if (frame == FRAME_WHOLE && payload_fn(context, payload, is_lost)) {
        take_frame(reading, content, FRAME_HEAD + payload.len);
        return true;
    }
    if (!is_lost && reading->gaps_count == 0) {
        reading->lost_at = reading->at;
        reading->first = frame;
    }
    reading->at++;
    return true;
}

static void read_frames(struct journal_file *file, struct bytes content, size_t unread,
                        journal_payload_fn payload_fn, void *context)
{
    struct reading reading = {.whole = mem_alloc(content.len + 1, 1), .unread = unread};

    while (read_next(&reading, content, payload_fn, context))
        continue;
    /* Nothing whole behind it: what a power loss leaves of the record that was written last, unless
     * it is the disk that lost it. */
    file->damaged = reading.gaps_count > 0 ||
                    (reading.end < content.len && (reading.first != FRAME_TORN || unread > 0));
    if (reading.end < content.len || reading.gaps_count > 0)
        mend(file, &reading, content);
    free(reading.whole);
    free(reading.sums);
}

/* ---- the disk ------------------------------------------------------------------------------- */

/* Only these say that one piece cannot be had; any other is of the whole file. */
static bool is_of_a_piece(int error)
{
    return error == EIO || error == EBADMSG || error == EUCLEAN;
}

/* As much as the disk gives from there on: 0 behind the end. -1: errno. */
static ssize_t read_some(const struct journal_file *file, uint8_t *to, size_t at, unsigned *tries)
{
    for (;;) {
        ssize_t got = pread(file->fd, to, file->size - at, (off_t)at);

        if (got >= 0 || (errno != EINTR && !is_of_a_piece(errno)))
            return got;
        if (errno == EINTR)
            continue;
        if (*tries == 0)
            return -1;
        --*tries;
        poll(NULL, 0, TRY_PACE_MS);
    }
}

/* What cannot be had reads as zeroes, which no record begins with. */
static bool read_content(const struct journal_file *file, uint8_t *data, size_t *ret_len,
                         size_t *ret_unread)
{
    unsigned tries = TRIES_MAX;
    size_t len = 0;

    *ret_unread = 0;
    while (len < file->size) {
        ssize_t got = read_some(file, data + len, len, &tries);
        size_t block = BLOCK - len % BLOCK;

        if (got == 0)
            break;
        if (got < 0 && !is_of_a_piece(errno))
            return false;
        if (got < 0) {
            got = (ssize_t)(block < file->size - len ? block : file->size - len);
            *ret_unread += (size_t)got;
        }
        len += (size_t)got;
    }
    *ret_len = len;
    return true;
}

/* With nothing at all to go on from it is no journal: that the disk gives none may pass. */
bool journal_file_read(struct journal_file *file, journal_payload_fn payload_fn, void *context,
                       struct err *err)
{
    AUTO_FREE uint8_t *data = mem_alloc(file->size + 1, 1);
    size_t len = 0, unread = 0;

    if (!read_content(file, data, &len, &unread) || (unread > 0 && unread == len))
        return err_set(err, ERR_SYSTEM, "read %s: %s", file->path, strerror(errno));
    file->size = file->found = len;
    read_frames(file, (struct bytes){data, len}, unread, payload_fn, context);
    return true;
}
