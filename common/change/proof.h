/*
 * proof: what the sides tell each other and sign: approval, statement, receipt, a node's stack.
 *
 * Attempt = body hash + sequence. A generation is named by its attempt and its start nonce
 * (docs/protocol.md, Names).
 */
#ifndef COMMON_CHANGE_PROOF_H
#define COMMON_CHANGE_PROOF_H

#include "common/core/bytes.h"
#include "common/core/limits.h"
#include "common/core/verdict.h"
#include "common/net/address.h"

struct attempt {
    struct hash body;
    uint64_t sequence;
};

/* Names a generation, or an open trial. */
struct generation_id {
    struct attempt attempt;
    struct nonce start;
};

/* One end (reverted, popped, aborted, tombstoned) that an approval lifts, by its receipt's hash. */
struct lift {
    struct hash receipt;
    char reason[REASON_SIZE]; /* written by a person for a quarantine; "" otherwise */
};

struct approval_signature {
    struct public_key key;
    struct signature signature;
};

struct approval {
    struct attempt attempt;
    int64_t not_after; /* unix seconds */
    uint32_t lifts_count;
    struct lift lifts[LIFTS_MAX];
    uint32_t signatures_count;
    struct approval_signature signatures[SIGNATURES_MAX];
};

/* Seconds from then until an approval lapses, negative behind that. What overflows, for another may
 * have written any time into it, is that bound; never INT64_MIN. */
int64_t approval_left_s(int64_t not_after, int64_t now);

enum phase { PHASE_BASELINE, PHASE_RENEWAL, PHASE_STANDING, PHASE_COUNT };

/* The one signed proof. signer: a witness (its agent key), the subject's own agent (local
 * verdicts), or the guard of an earlier stage (PHASE_STANDING). */
struct statement {
    char signer[NAME_SIZE];
    char subject[NAME_SIZE];
    struct hash body;
    struct nonce nonce;
    enum phase phase;
    unsigned soak_s;       /* PHASE_STANDING: as that guard counted them */
    bool own_failing;      /* one of the witness's own critical checks newly fails */
    struct address source; /* of the witness's SSH connection, as the witness knows it */
    uint16_t source_port;
    uint32_t verdicts_count;
    struct verdict verdicts[VERDICTS_MAX]; /* of the subject; a witness says "ssh" */
};

enum receipt_kind {
    RECEIPT_CONFIRMED,
    RECEIPT_REVERTED,
    RECEIPT_INCOMPLETE, /* reverting, something is still open */
    RECEIPT_POPPED,
    RECEIPT_TOMBSTONE,
    RECEIPT_REFUSED,
    RECEIPT_KIND_COUNT,
};

enum end_cause {
    CAUSE_NONE,
    CAUSE_PROOF_FAILED,  /* a check or counting witness said no: quarantine */
    CAUSE_PROOF_MISSING, /* the lease ran out */
    CAUSE_APPLY_FAILED,
    CAUSE_ABORTED,
    CAUSE_ORDERED,    /* rolled back on purpose, by controller or operator */
    CAUSE_RESCUED,    /* root on the node */
    CAUSE_REBOOT,     /* found open at boot */
    CAUSE_GUARD_DIED, /* found open by ExecStopPost or a restart; or it was told to stop */
    CAUSE_DISK,
    CAUSE_COUNT,
};

struct receipt {
    char node[NAME_SIZE];
    struct generation_id generation; /* start is zero when never started */
    enum receipt_kind kind;
    enum end_cause cause;
    uint64_t index; /* one more at each receipt of this node */
    unsigned soak_s;
    int64_t at; /* unix seconds, for people */
    char reason[REASON_SIZE];
    uint32_t objects_count; /* what the attempt touches: quarantine is per node and object */
    char objects[16][96];
};

struct generation {
    struct generation_id id;
    unsigned soak_s;
    char change[NAME_SIZE];
    bool in_doubt; /* how it ended was lost: it may stand, or be taken back already */
};

/* In a guard's refusal, for a controller that does not know the sign of it: what was signed will
 * not be taken there, however often it is tried. */
#define REFUSED_FOR_GOOD "abort it and start it anew"

/* What a guard says of itself in every hello, signed over the challenge. */
struct stack {
    char node[NAME_SIZE];
    struct nonce nonce; /* the guard's: quoted by abort and pop (rule 14) */
    struct nonce challenge;
    uint64_t receipt_index;
    bool trial_open;
    struct generation_id trial;
    char trial_state[24];
    uint32_t generations_count;
    struct generation generations[GENERATIONS_MAX]; /* bottom first */
};

/* Its generation of that attempt, or NULL. */
const struct generation *stack_find(const struct stack *stack, const struct attempt *attempt);

/* The newest of its generations that is in doubt, or NULL. */
const struct generation *stack_find_doubt(const struct stack *stack);

/* An operator's signed order: pop down to (and including) this generation on these nodes. */
struct order {
    uint32_t nodes_count;
    char nodes[NODES_MAX][NAME_SIZE];
    struct generation_id down_to;
    char reason[REASON_SIZE];
    struct approval_signature signature;
};

bool attempt_equal(const struct attempt *a, const struct attempt *b);
bool generation_id_equal(const struct generation_id *a, const struct generation_id *b);
const char *phase_name(enum phase phase);
const char *receipt_kind_name(enum receipt_kind kind);
const char *end_cause_name(enum end_cause cause); /* a phrase: "the proof failed" */

/* Whether a receipt bars later approvals, and whether as a quarantine (rule 18). */
bool receipt_is_end(const struct receipt *receipt);
bool receipt_quarantines(const struct receipt *receipt);

#endif
