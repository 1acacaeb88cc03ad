/*
 * rescue_disk: the journal's disk for a rescue, in a process of its own: a disk that hangs holds up
 * neither the undoing nor the end of whoever calls for it.
 *
 * That process has the journal's lock too, writes in order what it is given, and ends when all of
 * it is written: nobody else writes before that. A thread would not do: no process ends while one
 * of its threads hangs in a disk.
 */
#ifndef AGENT_GUARD_IO_RESCUE_DISK_H
#define AGENT_GUARD_IO_RESCUE_DISK_H

#include <sys/types.h>

#include "agent/guard/io/journal.h"
#include "agent/guard/io/run.h"
#include "common/core/mono.h"
#include "common/io/config.h"

enum { RESCUE_DISK_WAIT_MS = 2000 }; /* in all, until it is said to hang */

struct rescue_disk;

/* With the journal and the ledger as they are now; journal and config are borrowed. Where its
 * process is killed another one is started, which writes what has no answer. NULL: no process can
 * be had, and the caller writes by itself. */
struct rescue_disk *rescue_disk_start(struct journal *journal, const struct ledger *ledger,
                                      const struct guard_config *config);

enum rescue_write { RESCUE_WRITE_RECORD, RESCUE_WRITE_SYNCED, RESCUE_WRITE_TEXT };

/* Given in this order: an encoded record (synced: with fdatasync), or undo.txt as the records given
 * before it make it (bytes empty). record: what it is, for rescue_disk_take; NULL: of the text. */
void rescue_disk_give(struct rescue_disk *disk, enum rescue_write what, struct bytes bytes,
                      const struct guard_record *record);

/* What could not be given, which is refused at once; then the oldest answer that is not taken yet,
 * waited for until then at most (0: not at all). True: one has come: *ret_ok, *ret_record (lent
 * until the next call; NULL: undo.txt), and why not. */
bool rescue_disk_take(struct rescue_disk *disk, mono_t until, bool *ret_ok,
                      const struct guard_record **ret_record, struct err *err);

/* How many were given and have no answer; i: the oldest first (NULL: undo.txt). */
size_t rescue_disk_pending(const struct rescue_disk *disk);
const struct guard_record *rescue_disk_pending_record(const struct rescue_disk *disk, size_t i);

/* Of the one that writes now. */
pid_t rescue_disk_pid(const struct rescue_disk *disk);

/* That mark goes when all that has no answer yet is written; what was refused is the caller's to
 * know of. */
void rescue_disk_unmark(struct rescue_disk *disk, const struct run_mark *mark);

/* Waits for its end while nothing hangs; else it goes on by itself. */
void rescue_disk_close(struct rescue_disk *disk);

#endif
