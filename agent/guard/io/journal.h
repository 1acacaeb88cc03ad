/*
 * journal: the guard's disk: records of proto/journal.proto, each with length and CRC-32C.
 *
 * Whoever has it open holds its lock; nobody writes without (docs/protocol.md rule 16). A torn last
 * record is cut off. One that is damaged before or between others is passed over, said, and the
 * whole file kept as journal.damaged.
 */
#ifndef AGENT_GUARD_IO_JOURNAL_H
#define AGENT_GUARD_IO_JOURNAL_H

#include <sys/types.h>

#include "agent/guard/core/ledger.h"
#include "agent/guard/core/undo.h"
#include "common/io/wire.h"

/* What the acting half keeps beside a generation (or the open trial): body, approval, undo. */
struct journal_generation {
    struct generation_id id;
    struct wire_bytes body, approval; /* owned */
    uint32_t items_count;
    struct undo_item *items; /* owned */
    uint64_t flows_held;     /* bits by index in the plan's flows: held before the change */
};
void journal_generation_done(struct journal_generation *generation);
struct undo_item *journal_generation_item(struct journal_generation *generation,
                                          uint32_t operation);
void journal_copy_item(struct undo_item *ret_item, const struct undo_item *from);

struct journal;

/* STATE/journal.lock names the process that has the journal open: its pid, 0 if nobody is named
 * (or the disk does not answer in 2 s). */
pid_t journal_holder(const char *state);

/* Opens (makes) STATE/journal and takes its lock; ERR_CONFLICT if somebody else has it. read_only:
 * without the lock, for looking. All records are taken into ledger, in order. */
struct journal *journal_open(const char *state, bool read_only, struct ledger *ledger,
                             struct err *err);
void journal_close(struct journal *journal); /* lets go of the lock */

/* What was kept of that generation, or of the open trial; NULL if nothing. Lent. */
struct journal_generation *journal_find(struct journal *journal, const struct generation_id *id);
/* The signed envelope of a receipt, by its hash; lent, empty if it is not there. */
struct bytes journal_find_receipt(const struct journal *journal, const struct hash *receipt);
/* True when the last record before this life was written under another boot id. */
bool journal_was_rebooted(const struct journal *journal);
/* What was found damaged when it was opened and what was done about it; "" for nothing. */
const char *journal_damage(const struct journal *journal);
/* Records were lost, now or earlier, and journal.damaged still lies there (or could not be kept):
 * what is left serves for undoing, nothing new may be built on it. Asks the disk. */
bool journal_is_doubtful(const struct journal *journal);
/* False: on a disk that cannot be written; every append fails. */
bool journal_is_writable(const struct journal *journal);

/* Appends. begin: generation (heap, taken) is kept under record->id; receipt: envelope is the
 * signed bytes; result: items (maybe none) are those with their After. durable: fdatasync before
 * true. On false what was written of it was cut off again. Does not take into a ledger. */
struct journal_extra {
    struct journal_generation *generation; /* of RECORD_BEGIN */
    struct bytes envelope;                 /* of RECORD_RECEIPT */
    uint32_t items_count;                  /* of RECORD_RESULT */
    const struct undo_item *items;
};
bool journal_append(struct journal *journal, const struct guard_record *record,
                    const struct journal_extra *extra, bool durable, struct err *err);

/* The parts of journal_append, for a shell whose disk must not hold up what decides. keep, encode,
 * drop and find look at memory only; write and compact at the disk only: the one may be done in
 * another thread than the other. The caller frees what encode gives: nothing (which write refuses)
 * for what could not be read again; a result goes without its items then. */
void journal_keep(struct journal *journal, const struct guard_record *record,
                  const struct journal_extra *extra);
struct wire_bytes journal_encode(struct journal *journal, const struct guard_record *record,
                                 const struct journal_extra *extra);
bool journal_write(struct journal *journal, struct bytes encoded, bool durable, struct err *err);
/* What was read at the opening may not be durable: after true it is. */
bool journal_sync(struct journal *journal, struct err *err);
/* After a write that failed. False: what was written of it is still in the file, maybe whole. */
bool journal_cut(struct journal *journal);
/* For a process that goes on with it where another one has been killed in its writing: begins, with
 * its next write, at that end, which journal_end gave after the last one that is known to be whole.
 */
void journal_go_on(struct journal *journal, uint64_t end);
uint64_t journal_end(const struct journal *journal);
void journal_drop(struct journal *journal, const struct generation_id *id);
/* Drops from memory what the ledger does not need any more. */
void journal_forget(struct journal *journal, const struct ledger *ledger);

/* Writes anew only what the ledger still needs; for moments when nothing is open. A failure leaves
 * the old one. */
bool journal_compact(struct journal *journal, const struct ledger *ledger, struct err *err);
/* How large the file is; compacting a small one is not worth the wear. */
uint64_t journal_size(const struct journal *journal);

/* undo.txt: what would take back the open trial and the generations, newest first, for ip -batch.
 * render looks at memory only, the caller frees; write_undo_text does both. */
char *journal_render_undo_text(struct journal *journal, const struct ledger *ledger);
bool journal_write_undo_text(struct journal *journal, const struct ledger *ledger, struct err *err);

#endif
