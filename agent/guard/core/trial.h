/*
 * trial: the machine that alone decides whether this node keeps a change.
 *
 * Pure: no I/O, no clock, no allocation. The caller reports what happened with trial_step() and
 * carries out the effects that it appends, in order. docs/protocol.md has the rules by number,
 * docs/trial.md the states.
 */
#ifndef AGENT_GUARD_CORE_TRIAL_H
#define AGENT_GUARD_CORE_TRIAL_H

#include "agent/guard/core/effect.h"
#include "agent/guard/core/event.h"
#include "agent/guard/core/lease.h"
#include "agent/guard/core/ledger.h"
#include "agent/guard/core/revert.h"

enum trial_state {
    TRIAL_IDLE,
    TRIAL_PREPARING, /* snapshot, undo, prediction are being made */
    TRIAL_PREPARED,  /* its nonce is out; 30 s for a start */
    TRIAL_STARTING,  /* the journal is being written; nothing is touched */
    TRIAL_APPLYING,
    TRIAL_SETTLING,
    TRIAL_FIRST, /* the first nonce is not answered yet: no other renews */
    TRIAL_SOAKING,
    TRIAL_LAST,       /* soaked; the last nonce is not answered yet */
    TRIAL_CONFIRMING, /* `confirming` is being written */
    TRIAL_CONFIRMED,  /* `confirmed` is being written: the disk decides now, nobody else */
    TRIAL_REVERTING,
    TRIAL_VERIFYING,
    TRIAL_CLOSING, /* undone and verified; the record of it is being written */
    TRIAL_POPPING, /* `popping` is being written, 2 s at most; then it reverts like a trial */
    TRIAL_FENCED,  /* rescue has the journal: nothing is done any more */
    TRIAL_STATE_COUNT,
};

enum { TRIAL_ROWS_MAX = 128, TRIAL_UNANSWERED_MAX = 8 };

/* Lives in the caller's storage (about 60 KB). Callers read; only trial*.c write. */
struct trial {
    enum trial_state state;
    struct ledger *ledger; /* borrowed */
    char node[NAME_SIZE];
    mono_t now, state_since;
    struct nonce stack_nonce; /* of the latest hello; zero: none yet */
    struct generation_id id;  /* of what is open; start is the prepare nonce */
    struct trial_terms terms;
    struct lease lease;
    mono_t nonce_at, started_at; /* prepare nonce's issue; first touch */
    mono_t soak_from;            /* the first nonce was answered */
    mono_t next_nonce_at, next_last_at;
    uint32_t operation; /* being applied */
    struct revert revert;
    bool pops;         /* what reverts is a generation, not a trial */
    bool pops_further; /* by this order; each mark says so until it is carried out */
    struct record_order order;
    bool pop_refused; /* the disk refused `popping` once */
    enum end_cause cause;
    char reason[REASON_SIZE];
    bool incomplete_said, over_budget, disk_failed;
    mono_t budget_until, verify_at;         /* verify again; MONO_NEVER: it is being done */
    uint64_t record_number, record_awaited; /* last asked for; the one that the state waits for */
    bool end_pending, receipt_pending;      /* being written */
    enum mark end_mark;
    mono_t end_retry_at, receipt_retry_at; /* the disk refused: asked again then */
    bool ends_synced;     /* no power loss takes back what the journal said at the start */
    bool sync_refused;    /* the disk cannot say so */
    mono_t sync_retry_at; /* asked again then */
    struct attempt unanswered[TRIAL_UNANSWERED_MAX]; /* asked after before it was synced */
    uint32_t unanswered_count;
    enum end_cause given_up_cause; /* of an end that made room for a pop while the disk refused */
    char given_up_reason[REASON_SIZE];
    char held_up[REASON_SIZE];           /* which step of the undo fails, and why */
    uint32_t rows_taken[TRIAL_ROWS_MAX]; /* how often each row was: for tests and simulator */
};

/* Starts idle. ledger has taken the journal's records; ON_BOOT must be the first event. */
void trial_init(struct trial *trial, struct ledger *ledger, const char *node);

/* Takes one event; ev->now never goes back. Appends to effects. */
void trial_step(struct trial *trial, const struct guard_event *ev, struct guard_effects *effects);

/* When to give ON_TIMEOUT next; MONO_NEVER if nothing is pending. At most 250 ms late. */
mono_t trial_deadline(const struct trial *trial);

const char *trial_state_name(enum trial_state state);
/* Something was or may have been touched, and is not yet confirmed or taken back. */
bool trial_is_open(const struct trial *trial);
/* All of it while the first nonce waits for its answer, then counting down; 0 in other states. */
unsigned trial_soak_left_s(const struct trial *trial);

/* The table, for diagrams and tests: row i, or false behind the last. from: bits by state; to:
 * TRIAL_STATE_COUNT when the state stays. */
struct trial_row {
    unsigned from;
    enum trial_state to;
    enum guard_event_kind on;
    const char *if_name, *do_name, *because;
};
bool trial_table_row(uint32_t i, struct trial_row *ret_row);

#endif
