/*
 * record: one entry of the guard's journal, as the deciding half sees it.
 *
 * proto/journal.proto has the same on disk, with what only the acting half needs (body, approval,
 * undo items). The ledger is the sum of the records: while running each is taken when it is
 * durable, after a restart all are taken again from the journal, in order.
 */
#ifndef AGENT_GUARD_CORE_RECORD_H
#define AGENT_GUARD_CORE_RECORD_H

#include "common/change/proof.h"

enum record_kind {
    RECORD_FLOOR,   /* first of a compacted journal; or root accepted the clock */
    RECORD_BEGIN,   /* a start was accepted: undo and deadline are in it */
    RECORD_INTENT,  /* operation is about to be applied */
    RECORD_RESULT,  /* operation was applied, or not */
    RECORD_MARK,    /* the trial, or a generation, came to this point */
    RECORD_ITEM,    /* operation was undone */
    RECORD_RECEIPT, /* signed; after this it may be sent */
    RECORD_KIND_COUNT,
};

enum mark {
    MARK_APPLIED,
    MARK_CONFIRMING, /* alone it means revert (docs/protocol.md rule 12) */
    MARK_CONFIRMED,
    MARK_REVERTING,
    MARK_INCOMPLETE,
    MARK_REVERTED,
    MARK_POPPING,
    MARK_POPPED,
    MARK_TOMBSTONE,
    MARK_EXPIRED, /* begun, but its nonce was too old after the fsync: nothing was touched */
    MARK_COUNT,
};

enum { RECORD_OBJECTS_MAX = 16 };

struct record_lift {
    struct hash receipt;
    bool named; /* the approver gave a reason: lifts a quarantine */
};

/* What of the manifest and its approval outlives the trial. */
struct record_begin {
    char change[NAME_SIZE];
    int64_t not_after;
    uint32_t operations_count;
    uint8_t removes[OPERATIONS_MAX]; /* 1: its undo removes what it added; 0: puts back */
    uint32_t objects_count;
    char objects[RECORD_OBJECTS_MAX][96]; /* of more, the last: shields are the first */
    uint32_t lifts_count;
    struct record_lift lifts[LIFTS_MAX];
};

struct record_floor {
    int64_t time_floor;
    uint64_t sequence;
    uint64_t receipt_index;
    bool accepted; /* root said that the clock is right: time_floor may be lower than before */
};

/* Root or an operator wants the generations popped down to and with this one. */
struct record_order {
    struct generation_id down_to;
    enum end_cause cause;
    char reason[REASON_SIZE];
};

/* receipt_hash is filled by whoever signs, before the record comes back as durable. */
struct record_receipt {
    struct receipt receipt;
    struct hash receipt_hash;
};

struct guard_record {
    enum record_kind kind;
    struct generation_id id; /* of all but floor */
    int64_t at;              /* unix seconds */
    enum mark mark;
    enum end_cause cause; /* of reverting, popping, tombstone, reverted, popped */
    char reason[REASON_SIZE];
    unsigned soak_s; /* of confirmed */
    bool has_order;  /* of a mark: it is on the way down to what the order names */
    struct record_order order;
    uint32_t operation;
    uint32_t more; /* of intent, result: so many behind it too; of item: before it */
    bool ok;
    bool is_void; /* of an item: nobody can undo it any more, root says */
    union {
        struct record_floor floor;
        struct record_begin begin;
        struct record_receipt receipt;
    };
};

const char *record_kind_name(enum record_kind kind);
/* "applied", "confirming", ...: what journal.proto's Mark.kind holds. */
const char *mark_name(enum mark mark);
bool mark_parse(const char *text, enum mark *ret_mark);

#endif
