/*
 * event: everything that can happen to a guard's trial machine, with the time it happened.
 *
 * Facts that need I/O or a key come in as booleans, already verified. What is pointed to is lent
 * for the one step.
 */
#ifndef AGENT_GUARD_CORE_EVENT_H
#define AGENT_GUARD_CORE_EVENT_H

#include "agent/guard/core/record.h"
#include "agent/guard/core/revert.h"
#include "common/change/manifest.h"

enum guard_event_kind {
    ON_BOOT,      /* once, when the journal has been taken: whatever is open reverts */
    ON_PREPARE,   /* asked to prepare */
    ON_PREPARED,  /* answers DO_PREPARE */
    ON_START,     /* asked to start, with baseline and standing statements */
    ON_RECORDED,  /* answers each DO_RECORD, in order */
    ON_SYNCED,    /* answers DO_SYNC */
    ON_APPLIED,   /* answers DO_APPLY */
    ON_SETTLED,   /* answers DO_SETTLE */
    ON_STATEMENT, /* a renewal, of a witness or the own agent */
    ON_SOURCE,    /* the own agent found a witness's connection: does it count? */
    ON_ABORT,
    ON_POP,
    ON_UNDONE,   /* answers DO_UNDO */
    ON_VERIFIED, /* answers DO_VERIFY */
    ON_STANDING, /* a later stage's guard wants to know whether this one still stands */
    ON_STACK,    /* asked for the signed stack: a hello begins */
    ON_FENCE,    /* rescue wants the journal: let go */
    ON_STOP,     /* the process was told to end: what is open is taken back while it can */
    ON_TIMEOUT,  /* trial_deadline() has come */
    GUARD_EVENT_COUNT,
};

struct guard_prepare {
    const struct manifest *manifest; /* decoded from the very bytes that hash to body; NULL: it is
                                        not signed (admission_is_signed) */
    struct hash body;
    const struct approval *approval;
    const struct trust *trust; /* keys_count 0: no trust root, observe only */
    unsigned approvals_count;  /* distinct approvers of the trust root that signed it well */
    bool key_is_mine; /* the manifest's roster has this guard's own key under this node's name */
    uint32_t objects_count; /* what the plan touches (operation_object) */
    const char (*objects)[96];
};

struct guard_prepared {
    bool ok; /* snapshot, undo, prediction and operation_check went well */
    const char *why;
    uint32_t operations_count;
    const uint8_t *removes; /* one an operation, see record_begin */
    const bool *persists;   /* one an operation, see operation_persists; NULL: as if all did */
    const bool *joins;      /* one an operation, see undo_joins; NULL: as if none did */
    struct attempt attempt; /* as DO_PREPARE named it; zero: the latest that was asked for */
};

/* verified: signed by the key that the manifest's roster has for the signer; its guard's for
 * PHASE_STANDING, its agent's otherwise. */
struct guard_statement {
    const struct statement *statement;
    bool verified;
};

struct guard_start {
    struct generation_id id;
    uint32_t statements_count;
    const struct guard_statement *statements;
};

/* Who asks for an end, and by what right (docs/protocol.md rules 14, 17). */
enum right { RIGHT_CONTROLLER, RIGHT_OPERATOR };

/* Abort names the attempt (start may be zero); pop names the generation. RIGHT_OPERATOR: the
 * order's signature by a key with that role was verified and names this node; it pops down to id.
 */
struct guard_end {
    struct generation_id id;
    enum right right;
    struct nonce stack_nonce;     /* quoted by the controller */
    const struct receipt *fellow; /* verified by the generation's own roster; NULL: none */
    const char *reason;
};

struct guard_event {
    enum guard_event_kind kind;
    mono_t now;
    int64_t unix_now;    /* judges not-after, once; dates records */
    struct nonce random; /* fresh with every event; the machine may use it as a nonce */
    union {
        enum end_cause boot; /* CAUSE_REBOOT, CAUSE_GUARD_DIED or CAUSE_RESCUED */
        struct guard_prepare prepare;
        struct guard_prepared prepared;
        struct guard_start start;
        struct {
            const struct guard_record *record; /* as it was asked for; receipt_hash filled */
            uint64_t number;
            bool ok; /* false: it is not in the journal, and was cut off again */
            const char *why;
        } recorded;
        struct {
            uint32_t operation;
            uint32_t more; /* behind it, done as well; one that is not done is alone */
            bool ok;
            const char *why;
        } applied;
        struct {
            bool ok;
            const char *why;
            const char *others; /* verified: what of others is not back, for people; NULL: all is */
        } synced, settled, verified;
        struct guard_statement statement;
        struct {
            struct nonce nonce;
            const char *witness;
            bool counts;
        } source;
        struct guard_end end; /* abort, pop */
        struct {
            uint32_t operation;
            uint32_t more; /* before it, undone as well; what is not REVERT_DONE is alone */
            enum revert_outcome outcome;
            const char *why;
        } undone;
        struct {
            struct nonce nonce;
            struct hash body;
            const char *subject;
        } standing;
        struct nonce challenge; /* stack */
    };
};

const char *guard_event_name(enum guard_event_kind kind);

#endif
