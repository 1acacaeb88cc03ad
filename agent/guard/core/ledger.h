/*
 * ledger: the guard's memory: its stack of generations, what is open, every end with its receipt,
 * and the highest sequence. The sum of the journal's records, and nothing else.
 *
 * Large (about 1 MB): keep it on the heap or static.
 */
#ifndef AGENT_GUARD_CORE_LEDGER_H
#define AGENT_GUARD_CORE_LEDGER_H

#include "agent/guard/core/record.h"
#include "agent/guard/core/revert.h"
#include "common/core/err.h"

/* A generation on the stack, or the one that is open. */
struct ledger_generation {
    struct generation_id id;
    struct record_begin begin;
    unsigned soak_s;
    bool touched[OPERATIONS_MAX]; /* an intent was written: has to be undone; false: or is void */
    bool joined[OPERATIONS_MAX];  /* it was the intent of the one before too */
    enum mark mark;               /* the last one, but for MARK_INCOMPLETE */
    bool in_doubt;        /* how it ended was lost: it may stand, or be taken back already */
    enum end_cause cause; /* why it reverts or pops */
    char reason[REASON_SIZE];
};

/* How an attempt ended here. Bars what was signed before it (docs/protocol.md rule 18). */
struct ledger_end {
    struct receipt receipt;
    struct hash receipt_hash; /* its name in an approval's lifts */
    bool answered; /* an approval that contains it was begun: it bars nothing signed before */
    bool lifted;   /* its quarantine, if it was one, was named with a reason */
};

/* One more than is ever admitted: of one it may be lost how it ended. */
enum { LEDGER_STACK_MAX = GENERATIONS_MAX + 1 };

struct ledger {
    uint64_t sequence; /* highest that was begun: an unsigned abort raises nothing */
    struct hash sequence_body;
    int64_t time_floor;
    uint64_t receipt_index;
    uint32_t generations_count;
    struct ledger_generation generations[LEDGER_STACK_MAX]; /* bottom first; confirmed */
    bool has_order;                                         /* the deepest; see ledger_ordered */
    struct record_order order;
    bool is_open; /* a trial was begun and has no end */
    struct ledger_generation open;
    bool owes; /* an end is durable and its receipt is not */
    struct receipt owed;
    uint32_t waiting_count; /* owed too, after that one: others ended while the disk refused */
    struct receipt waiting[GENERATIONS_MAX + 1];
    bool incomplete_told; /* what reverts now had its receipt `incomplete` */
    uint32_t ends_count;
    struct ledger_end ends[ENDS_MAX]; /* oldest first; of confirmed generations too */
};

void ledger_init(struct ledger *ledger);

/* Takes one durable record: as it is written, or replayed in order after a restart. Records that
 * cannot follow what was taken are passed over (a journal is foreign input); what a lost record
 * must have said is taken from those behind it: a receipt tells its end, a result its intent, and a
 * begin that what was open has ended, if not how: that one stays, in doubt. */
void ledger_take(struct ledger *ledger, const struct guard_record *record);
/* Records were lost: whatever is open may have touched all that it was to touch. */
void ledger_doubt(struct ledger *ledger);

/* The top of the stack, or NULL. */
const struct ledger_generation *ledger_top(const struct ledger *ledger);
const struct ledger_generation *ledger_find(const struct ledger *ledger,
                                            const struct generation_id *id);
const struct ledger_generation *ledger_find_attempt(const struct ledger *ledger,
                                                    const struct attempt *attempt);

/* The newest receipt of that attempt, or NULL. A confirmed generation's is found too. */
const struct ledger_end *ledger_find_receipt(const struct ledger *ledger,
                                             const struct attempt *attempt);

/* The generation that an order wants popped, with all above it; NULL: none, or it is gone. */
const struct ledger_generation *ledger_ordered(const struct ledger *ledger);

/* It is being popped, or ordered to be. */
bool ledger_is_going(const struct ledger *ledger, const struct ledger_generation *generation);

/* A generation of this body that stands confirmed, beyond doubt, and neither pops nor is ordered
 * to; or NULL. */
const struct ledger_generation *ledger_standing(const struct ledger *ledger,
                                                const struct hash *body);

/* One of which it was lost how it ended, or NULL. Nothing is built on it before it is popped. */
const struct ledger_generation *ledger_find_doubt(const struct ledger *ledger);

/* May this approval be prepared here? At most once, in sequence, room for one more, and every end
 * that bars it is contained (a quarantine of one of these objects: with a reason); rules 1, 18. */
bool ledger_admits(const struct ledger *ledger, const struct approval *approval,
                   const char (*objects)[96], uint32_t objects_count, struct err *err);

/* An end that bars whatever was signed without its receipt. */
bool ledger_is_unanswered(const struct ledger_end *end);

/* Whether one more end can be remembered without forgetting one that still bars something. */
bool ledger_has_room(const struct ledger *ledger);
/* Whether one more tombstone can. Anybody who carries messages may ask for one: they are fewer than
 * one approval can lift, and leave room for ends of what was made. */
bool ledger_may_bury(const struct ledger *ledger);

/* The undo order's facts for what is open, or for a generation. */
void ledger_fill_revert(const struct ledger_generation *generation, struct revert *ret_revert);

/* The stack as signed in a hello; nonce, challenge and trial_state are the caller's. */
void ledger_fill_stack(const struct ledger *ledger, struct stack *ret_stack);

/* When compacting: are records of this generation or attempt still needed? Receipts are needed
 * while ledger_find_receipt can give them. */
bool ledger_needs(const struct ledger *ledger, const struct generation_id *id);

#endif
