/*
 * effect: what the trial machine wants done: plain data, carried out in order.
 *
 * Durable before visible: what follows from a record comes only after its ON_RECORDED. Work on the
 * kernel (DO_APPLY, DO_UNDO, DO_VERIFY) is done one at a time in the order of the effects; while
 * the journal is being written, everything else goes on, the undoing above all.
 */
#ifndef AGENT_GUARD_CORE_EFFECT_H
#define AGENT_GUARD_CORE_EFFECT_H

#include "agent/guard/core/record.h"

enum guard_effect_kind {
    DO_PREPARE,   /* snapshot, undo, prediction for what ON_PREPARE gave -> ON_PREPARED */
    DO_OFFER,     /* tell the asker: prepared, with the undo; id.start is the nonce */
    DO_RECORD,    /* append to the journal; durable: with fsync -> ON_RECORDED, in order */
    DO_SYNC,      /* fsync of the journal as it was read -> ON_SYNCED */
    DO_APPLY,     /* operation of the open trial -> ON_APPLIED */
    DO_SETTLE,    /* read back till the effects are there or start + apply + settle -> ON_SETTLED */
    DO_NONCE,     /* tell the agent; fresh_connection: only in the hello of a new dial */
    DO_UNDO,      /* operation of that generation; each answer is waited for 2 s -> ON_UNDONE */
    DO_VERIFY,    /* touched objects as before, protected flows answering -> ON_VERIFIED */
    DO_SEND,      /* the receipt with this hash, to the asker and to the agent */
    DO_REFUSE,    /* tell the asker why not */
    DO_STATEMENT, /* sign PHASE_STANDING over nonce and answer with it */
    DO_STACK,     /* sign and answer */
    DO_PROGRESS,  /* tell the agent, log: state and sentence of a transition */
    DO_ALARM,     /* log and report loudly */
    DO_FORGET,    /* nothing is open: manifest and undo of that trial may go, journal may compact */
    DO_LET_GO,    /* fenced: close journal and socket, and exit */
    GUARD_EFFECT_COUNT,
};

struct guard_nonce {
    struct nonce nonce;
    uint32_t number;
    bool fresh_connection; /* docs/protocol.md rules 8, 9 */
    bool last;
    unsigned soak_left_s;
};

struct guard_effect {
    enum guard_effect_kind kind;
    struct generation_id id; /* whom it is about; zero where nothing is */
    union {
        struct {
            uint64_t number;
            bool durable;
            struct guard_record record;
        } record;
        struct {
            uint32_t operation; /* apply, undo */
            uint32_t more;      /* that may go in one go with it: apply: behind it; undo: before */
        };
        struct guard_nonce nonce;
        struct hash receipt; /* send */
        struct {
            char reason[REASON_SIZE];
            bool expired; /* its nonce was too old: a new prepare may go well */
            bool lasting; /* as it is signed it will be refused the same for ever */
        } refuse;
        struct {
            struct hash body;
            struct nonce nonce;
            char subject[NAME_SIZE];
            unsigned soak_s;
        } statement;
        struct stack stack;
        struct {
            const char *state;    /* static text */
            const char *sentence; /* static text: the row's "because" */
            char detail[REASON_SIZE];
            unsigned soak_left_s;
        } progress; /* and alarm */
    };
};

enum { GUARD_EFFECTS_MAX = 24 };

/* Large (some 100 KB): not on a small stack. */
struct guard_effects {
    uint32_t count;
    struct guard_effect list[GUARD_EFFECTS_MAX];
};

/* Appends one, zeroed but for kind and id (NULL: zero); asserts that there is room. */
struct guard_effect *guard_effects_add(struct guard_effects *effects, enum guard_effect_kind kind,
                                       const struct generation_id *id);

/* One line, the same in the debug log and in the golden tests. */
void guard_effect_render(const struct guard_effect *effect, char *to, size_t size);

#endif
