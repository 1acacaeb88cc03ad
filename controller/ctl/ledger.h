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
};

/* Both lists are in the order of the file: oldest first. */
struct ledger {
    int fd;
    size_t signed_count, signed_capacity;
    struct ledger_signed *entries;
    size_t receipts_count, receipts_capacity;
    struct ledger_receipt *receipts;
};

/* Makes an empty file when there is none, waits for another oceanidctl that has it open. */
bool ledger_open(struct ledger *ledger, const char *path, struct err *err);
void ledger_close(struct ledger *ledger);

uint64_t ledger_next_sequence(const struct ledger *ledger);
const struct ledger_receipt *ledger_find(const struct ledger *ledger, const struct hash *receipt);

bool ledger_add_signed(struct ledger *ledger, const struct ledger_signed *entry, struct err *err);

/* One that is there already is passed over. The caller verified its signature. */
bool ledger_add_receipt(struct ledger *ledger, struct bytes envelope, struct err *err);

#endif
