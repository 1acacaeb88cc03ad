/*
 * journal_file: the journal's bytes: a lock, and records each framed by length and CRC-32C.
 *
 * What a record says is wire_journal's. A file on a disk that cannot be written is opened all the
 * same: reading it is what rescue needs, and each append says why it fails.
 */
#ifndef AGENT_GUARD_IO_JOURNAL_FILE_H
#define AGENT_GUARD_IO_JOURNAL_FILE_H

#include <sys/types.h>

#include "common/core/bytes.h"
#include "common/core/err.h"

enum { JOURNAL_PATH_SIZE = 288, JOURNAL_WHY_SIZE = 224 };

struct journal_file {
    int fd, lock_fd; /* -1: there is none */
    bool read_only;  /* opened for looking: without the lock, nothing is cut off */
    bool writable;   /* if not, it is tried again at each append */
    bool damaged;    /* records were lost before or between others, and it is not kept aside */
    bool dirty;      /* behind size lies what must be cut off before the next append */
    bool unsynced;   /* its name may not be durable: whoever made or compacted it may have died
                        within the fsync; the directory is synced before the next append */
    uint64_t size;
    uint64_t found; /* its length on the disk when it was read */
    char path[JOURNAL_PATH_SIZE];
    char damage[JOURNAL_WHY_SIZE]; /* what was found and done about it; "" for nothing */
};

/* Opens (makes) STATE/journal; takes the lock STATE/journal.lock, which names its holder's pid.
 * ERR_CONFLICT: somebody else has it. ERR_MISSING: read_only, and there is no journal. */
bool journal_file_open(struct journal_file *file, const char *state, bool read_only,
                       struct err *err);
void journal_file_close(struct journal_file *file);

/* The pid that the lock's file names, or 0, also where its disk does not answer in 2 s. */
pid_t journal_file_holder(const char *state);

/* Gives every whole payload in order to fn. What is not whole, or fn says no to, or the disk does
 * not give, is passed over up to the next that is. Unless read_only: a torn last record is cut off
 * before the next append; with damage before or between others the whole file is kept as
 * journal.damaged, and only what was taken stays. False: nothing of it can be read.
 * (journal_read.c) */
typedef bool (*journal_payload_fn)(void *context, struct bytes payload, bool behind_damage);
bool journal_file_read(struct journal_file *file, journal_payload_fn payload_fn, void *context,
                       struct err *err);

/* durable: fdatasync before true. On false what was written of it was cut off again, or will be
 * before the next one: journal_file_cut says which. */
bool journal_file_append(struct journal_file *file, struct bytes payload, bool durable,
                         struct err *err);

/* What was read may not be durable: whoever wrote it may have died within the fsync. After true it
 * is. */
bool journal_file_sync(struct journal_file *file, struct err *err);

/* Cuts off, durably, what a failed append has left. False: it is still there, and whoever reads the
 * file may find it whole. */
bool journal_file_cut(struct journal_file *file);

/* Another process that had this file, and its lock, has ended in its writing: what stands behind
 * end is cut off before the next append. */
void journal_file_go_on(struct journal_file *file, uint64_t end);

/* Puts other content in its place; a failure leaves the old one. content is made of whole frames.
 */
bool journal_file_replace(struct journal_file *file, struct bytes content, struct err *err);

#endif
