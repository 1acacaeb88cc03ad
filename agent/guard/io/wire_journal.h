/*
 * wire_journal: between one record of the guard's journal and its bytes (proto/journal.proto).
 *
 * Framing, CRC and order are journal's; here is only what one payload says. Raw kernel messages of
 * undo items are kept.
 */
#ifndef AGENT_GUARD_IO_WIRE_JOURNAL_H
#define AGENT_GUARD_IO_WIRE_JOURNAL_H

#include "agent/guard/io/journal.h"

enum { JOURNAL_RECORD_SIZE_MAX = 16 << 20, BOOT_ID_SIZE = 48 };

struct journal_entry {
    struct guard_record record; /* of a receipt: decoded from envelope, with its hash */
    uint64_t number;
    char boot_id[BOOT_ID_SIZE];
    struct journal_generation *generation; /* of RECORD_BEGIN; owned or NULL */
    struct wire_bytes envelope;            /* of RECORD_RECEIPT: Signed; owned */
    uint32_t items_count;                  /* of RECORD_RESULT */
    struct undo_item *items;               /* owned */
};
void journal_entry_done(struct journal_entry *entry);

/* extra may be NULL for records that have none. Owned by the caller; cannot fail. Of a receipt only
 * extra->envelope is written: record->receipt is what it says. */
struct wire_bytes wire_encode_journal(const struct guard_record *record, uint64_t number,
                                      const char *boot_id, const struct journal_extra *extra);

/* On true the caller ends it with journal_entry_done; on false nothing is left. A signature is not
 * verified here. */
bool wire_decode_journal(struct bytes from, struct journal_entry *ret_entry, struct err *err);

#endif
