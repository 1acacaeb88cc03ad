/*
 * ledger: what this operator's approvers signed, and the guards' receipts of how it ended; the one
 * file through which signing is serialised (docs/protocol.md rule 21).
 *
 * JSON lines, only ever appended, each synced before anything relies on it. Open means locked.
 */
#ifndef CONTROLLER_CTL_LEDGER_H
#define CONTROLLER_CTL_LEDGER_H

#include "common/change/manifest.h"
#include "common/change/proof.h"
#include "common/io/wire.h"

struct ledger_signed {
    struct attempt attempt;
    char change[NAME_SIZE];
    int64_t signed_at, not_after;
    unsigned trial_max_s; /* of one node, its revert included */
    uint32_t targets_count;
    char targets[NODES_MAX][NAME_SIZE];
    uint32_t lifts_count;
    struct ledger_lift {
        struct hash receipt;
        bool named; /* with a reason: lifts a quarantine; otherwise it only says "I know of it" */
    } lifts[LIFTS_MAX];
};

struct ledger_receipt {
    struct receipt receipt;
    struct hash hash; /* its name */
    uint64_t signer;  /* the guard's key, in short; 0: an older oceanidctl wrote it */
    bool is_strange;  /* of an attempt that was not signed here before */
};

/* How much of one guard's is kept, so that whoever has its key fills nobody's ledger.
 *
 * Of an attempt that was signed here a guard has two to say: it stands, and how it ended; one whose
 * disk was restored says them again. Of others: what was aborted there and nobody made,
 * TOMBSTONES_MAX until an approval answers them, and what was signed while this ledger was another.
 * What was answered counts no more. A line has 0.7 KB, and 4.5 KB at most: of 64 MiB a guard has
 * 1.2 MB, and 36 KB for each change that somebody signs for it; an honest one 1.4 KB of these. */
enum { LEDGER_ATTEMPT_MAX = 8, LEDGER_STRANGERS_MAX = 8 * TOMBSTONES_MAX };

/* What becomes of one that comes. */
enum ledger_room {
    LEDGER_HAS_ROOM,
    LEDGER_NEEDS_NOT, /* it is there, or nothing here ever asks for it */
    LEDGER_IS_FULL,   /* of what this guard signs */
};

/* Both lists are in the order of the file: oldest first. */
struct ledger {
    int fd;
    size_t signed_count, signed_capacity;
    struct ledger_signed *entries;
    size_t receipts_count, receipts_capacity;
    struct ledger_receipt *receipts;
    size_t crowded_count, crowded_capacity;
    char (*crowded)[NAME_SIZE]; /* nodes whose guards signed more than is kept, since it is open */
};

/* Makes an empty file when there is none, waits for another oceanidctl that has it open. */
bool ledger_open(struct ledger *ledger, const char *path, struct err *err);
void ledger_close(struct ledger *ledger);

uint64_t ledger_next_sequence(const struct ledger *ledger);
const struct ledger_receipt *ledger_find(const struct ledger *ledger, const struct hash *receipt);

bool ledger_add_signed(struct ledger *ledger, const struct ledger_signed *entry, struct err *err);

bool ledger_has_signed(const struct ledger *ledger, const struct attempt *attempt);

/* In ledger_room.c. The node began an approval that contains this end (named: with a reason), so it
 * knows already. */
bool ledger_is_answered(const struct ledger *ledger, const struct ledger_receipt *end, bool named);

/* Without looking at its signature. */
uint64_t ledger_signer(const struct public_key *key);
enum ledger_room ledger_find_room(const struct ledger *ledger, const struct receipt *receipt,
                                  const struct hash *hash, uint64_t signer);
void ledger_note_crowded(struct ledger *ledger, const char *node);
bool ledger_is_crowded(const struct ledger *ledger, const char *node);

/* One that is not needed is passed over, and one that finds no room makes its node crowded. The
 * caller verified its signature with that key. */
bool ledger_add_receipt(struct ledger *ledger, struct bytes envelope,
                        const struct public_key *signer, struct err *err);

#endif
