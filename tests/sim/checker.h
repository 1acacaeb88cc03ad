/*
 * checker: what the model of the invariants remembers of one guard, as a bystander sees it.
 */
#ifndef TESTS_SIM_CHECKER_H
#define TESTS_SIM_CHECKER_H

#include "tests/sim/checker_gates.h"
#include "tests/sim/sim.h"

enum {
    NONCES_SEEN_MAX = 512,
    ENDS_SEEN_MAX = 4 * SIM_ATTEMPTS_MAX,
    LATE_MS = 250,
    STALE_MS = 30000,
    SOAK_MS = SIM_SOAK_S * 1000,
    LEASE_MS = SIM_LEASE_S * 1000,
    QUORUM = 2,
};

enum stand { STANDS_CLEAN, STANDS_CHANGED, STANDS_REVERTING, STANDS_CONFIRMED };

struct seen_nonce {
    struct nonce nonce;
    mono_t issued_at;
    uint32_t number;
    bool last;
    uint64_t denied; /* bits by host: said no over it */
};

/* The end of an attempt there, by its receipt's name. */
struct seen_end {
    struct hash name;
    int change;
    bool proof_failed; /* a quarantine of the change's objects */
    bool answered;     /* an approval that contains it was begun */
    bool lifted;       /* one that says why */
};

/* What a start carries. */
struct seen_start {
    uint32_t statements_count;
    struct sim_statement statements[SIM_STATEMENTS_MAX];
};

/* One that was touched there. */
struct seen_generation {
    struct generation_id id;
    mono_t confirmed_at; /* 0: it was not, or its end is recorded */
    mono_t stood_until;  /* 0: it never stood */
    bool mark_durable;   /* its end is on the disk */
    bool end_unsynced;   /* it may still be lost */
    bool in_part; /* nobody remembers, and what persists and went stays gone: that is drift */
};

struct model_host {
    enum stand stand; /* of what is open there, else of the top of its stack */
    uint32_t newest;  /* touched last, by its sequence; 0: none */
    uint32_t goes;    /* what is being taken back, or was last */
    uint32_t stack_count;
    uint32_t stack[SIM_ATTEMPTS_MAX]; /* sequences, bottom first: what has confirmed and is there */
    struct seen_generation made[SIM_ATTEMPTS_MAX + 1]; /* by sequence */
    mono_t touched_at, frozen_at;
    mono_t deadline;
    bool confirming_in_time;
    unsigned heard_journal; /* the newest whose stack the controller has heard */
    bool betrayed;          /* nothing is asked of it that it would need its journal for */
    /* what was offered, and what the journal holds */
    struct nonce offered;
    mono_t offered_at;
    struct generation_id intended;
    unsigned intents, intents_synced;           /* bits by operation */
    uint64_t touched_sequences, dead_sequences; /* bits */
    uint64_t dead_synced;                       /* of those, what the disk has */
    uint64_t orders; /* bits: down to these its guard, or its journal, says to go */
    uint64_t begun_sequences, begun_synced; /* bits: what these approvals name is answered */
    uint64_t sequence_max;
    int64_t clock_seen, clock_synced; /* newest time of a record, and of those on the disk */
    uint32_t ends_count, ends_synced; /* the first of them; the others may still be lost */
    struct seen_end ends[ENDS_SEEN_MAX];
    bool receipt_unsynced;
    /* taking back */
    bool found; /* by a guard that started */
    bool alarmed;
    mono_t reverting_at, tried_at;
    int64_t budget_ms;
    /* what is asked of it */
    uint64_t asked, ordered;    /* bits by sequence: back, by its controller and by an operator */
    bool at_once;               /* somebody said so: it waits for no other */
    mono_t word_at, owed_since; /* of the controller's; -1: it owes it no end */
    unsigned owed_life;
    bool told; /* its stack has come, in this life of the controller and for this rollout */
    /* proofs */
    struct seen_start came, start; /* the newest that came; the one that was taken */
    bool has_baseline[SIM_HOSTS_MAX];
    mono_t proven[SIM_HOSTS_MAX], proven_last[SIM_HOSTS_MAX]; /* issue of the newest; -1: none */
    uint32_t heard[SIM_HOSTS_MAX];                            /* number of the newest nonce */
    mono_t failing_since[SIM_HOSTS_MAX];                      /* -1: it does not */
    mono_t answered_at, first_nonce_at;                       /* -1: not yet */
    uint32_t nonces_count;
    struct seen_nonce nonces[NONCES_SEEN_MAX];
};

struct check_model {
    struct world *world;
    struct model_host *hosts; /* one a node */
    uint64_t changed;         /* bits by host: on trial there */
    bool lead_moved;          /* the controller's machine took a step */
    bool forgot;              /* it has not learned yet what its older database lacks */
    bool forgot_closed; /* which says that it is complete: nobody leads that, nor asks for it */
    mono_t forgot_at;
    bool was_paused;   /* before the last one */
    uint32_t promoted; /* stages that had confirmed when a person said next */
    struct seen_desk *desk;
};

/* Of the newest rollout's targets, by its place; and back, NULL: it is none. */
int checker_host_at(const struct check_model *model, uint32_t place);
const struct target_record *checker_target(const struct check_model *model,
                                           const struct rollout_record *record, int host);

const char *checker_name(const struct check_model *model, int host);

/* What the newest rollout made there was ordered back, beside its controller. */
bool checker_is_ordered(const struct check_model *model, int host);

void checker_set_stand(struct check_model *model, int host, enum stand stand);

/* ---- checker_stack.c: what has confirmed there, one above the other -------------------------- */

/* Of that sequence; of none that anybody signed it is one that is never looked at. */
struct seen_generation *checker_made(struct check_model *model, int host, uint64_t sequence);
/* It is in the stack, and is not being taken back. */
bool checker_stands(const struct check_model *model, int host, uint64_t sequence);
/* Until when the newest of that body did; 0: none ever. */
mono_t checker_stood(const struct check_model *model, int host, const struct hash *body);
void checker_stop_standing(struct check_model *model, int host, uint64_t sequence);
void checker_push(struct check_model *model, int host, uint64_t sequence);
/* It has ended: what is above it has, and what is below it is as it was. */
void checker_end(struct check_model *model, int host, uint64_t sequence);
/* A mark may say that it is on the way down to another. */
void checker_take_order(struct check_model *model, int host, const struct guard_record *mark);
/* What its stack says of an operation of that change. */
bool checker_expects(const struct check_model *model, int host, int change, uint32_t operation);
bool checker_is_excused(const struct check_model *model, int host, int change, uint32_t operation);
/* With the power: what its top was confirmed by may be. */
void checker_lose_stack(struct check_model *model, int host);
/* A guard that starts reads what stands there, whatever somebody has undone from memory. */
void checker_read_stack(struct check_model *model, int host);

/* An approval was begun there: what it contains of the node's ends is answered. In checker_disk.c.
 */
void checker_take_begin(struct check_model *model, int host, const struct guard_record *begin);

/* A new trial: no proof is left of an earlier one. In checker_proof.c. */
void checker_begin_proof(struct check_model *model, int host);

/* Issue of the oldest of what quorum and node have proven; -1: nothing. */
mono_t checker_proven_since(const struct check_model *model, int host, const mono_t *proven);

/* 9: it confirms, and that it may is so. */
void checker_check_truth(struct check_model *model, int host);

/* Rules 3, 10, 11: it does not stand longer than its proofs allow. */
void checker_check_proof(struct check_model *model, int host);

/* It begins to be taken back; and while it is. In checker_undo.c. */
void checker_begin_undo(struct check_model *model, int host);
void checker_check_undo(struct check_model *model, int host);

/* It is touched. In checker_gates.c. */
void checker_check_gates_age(struct check_model *model, int host);

/* In checker_lead.c. */
void checker_learn(struct check_model *model);
void checker_check_emergency(struct check_model *model);
void checker_check_pause(struct check_model *model, enum rollout_event_kind kind);
void checker_check_promoted(struct check_model *model, int host);

#endif
