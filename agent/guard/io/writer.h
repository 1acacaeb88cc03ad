/*
 * writer: one thread for the journal's disk, so that a hanging disk delays no revert; and one for
 * undo.txt, so that its syncs delay no record.
 *
 * Jobs of a thread are done in the order given; each comes back, but for a text that waits when the
 * next one is given: of those only the newest is kept.
 */
#ifndef AGENT_GUARD_IO_WRITER_H
#define AGENT_GUARD_IO_WRITER_H

#include "agent/guard/io/journal.h"

enum write_kind { WRITE_RECORD, WRITE_SYNC, WRITE_TEXT, WRITE_COMPACT };

struct write {
    enum write_kind kind;
    uint64_t number; /* of the trial machine, for record; of undo_text.c, for text */
    bool durable;
    struct guard_record record; /* as it was asked for, receipt_hash filled */
    struct wire_bytes bytes;    /* the encoded record, or the text; owned */
    struct ledger *ledger;      /* compact: a copy; owned */
    /* what comes out */
    bool ok;
    char why[ERR_TEXT_SIZE];
};

struct write *write_new(enum write_kind kind);
void write_free(struct write *write);

struct writer;
/* The journal's disk is the writer's from here on. state: where undo.txt lies. */
struct writer *writer_start(struct journal *journal, const char *state);
int writer_fd(const struct writer *writer);
void writer_give_take(struct writer *writer, struct write *write);
struct write *writer_take(struct writer *writer); /* one that is done, or NULL */

#endif
