/*
 * journal_disk: what the parts of the journal share: memory (journal.c), file (journal_file.c),
 * compacting and undo.txt (journal_compact.c). Only journal*.c include this header.
 */
#ifndef AGENT_GUARD_IO_JOURNAL_DISK_H
#define AGENT_GUARD_IO_JOURNAL_DISK_H

#include "agent/guard/io/journal.h"
#include "agent/guard/io/journal_file.h"
#include "agent/guard/io/wire_journal.h"

struct journal_receipt {
    struct hash hash;
    struct wire_bytes envelope;
};

struct journal {
    /* memory: of the thread that decides */
    struct journal_generation **generations; /* in no order */
    size_t generations_count, generations_capacity;
    struct journal_receipt *receipts; /* oldest first */
    size_t receipts_count, receipts_capacity;
    uint64_t number; /* of the last record */
    bool rebooted;
    char boot_id[BOOT_ID_SIZE];
    char state[JOURNAL_PATH_SIZE];
    /* disk: of the thread that writes */
    struct journal_file file;
};

#endif
