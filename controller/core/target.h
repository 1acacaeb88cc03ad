/*
 * target: what the controller knows of one node of a rollout, and what it wants of it.
 *
 * Who knows what (docs/protocol.md): what the guard says, crossed with what the controller wants,
 * gives the one thing to do next. Asking again is harmless, so it is done until the answer is
 * there.
 */
#ifndef CONTROLLER_CORE_TARGET_H
#define CONTROLLER_CORE_TARGET_H

#include "common/change/manifest.h"
#include "common/change/proof.h"
#include "common/core/mono.h"
#include "controller/core/newest_word.h"

enum target_says {
    SAYS_NOTHING, /* not heard of since this controller leads */
    SAYS_NEVER,   /* never applied */
    SAYS_PREPARED,
    SAYS_REFUSED,
    SAYS_ON_TRIAL,
    SAYS_CONFIRMED,
    SAYS_REVERTING,
    SAYS_ENDED, /* reverted, popped, tombstone */
    SAYS_COUNT,
};

enum target_wants { WANTS_NOTHING, WANTS_CHANGE, WANTS_REVERT, WANTS_COUNT };

enum target_action {
    ACTION_NONE,
    ACTION_LEARN, /* ask for its stack */
    ACTION_OFFER,
    ACTION_GO_ON,
    ACTION_RECORD,
    ACTION_FAIL,      /* the rollout has failed */
    ACTION_TOMBSTONE, /* abort before start */
    ACTION_END,       /* abort on trial */
    ACTION_POP,
    ACTION_ASK_PERSON,
    ACTION_COUNT,
};

/* What survives a restart; stored with the rollout. */
struct target_record {
    char name[NAME_SIZE];
    uint32_t stage;
    enum target_wants wants;
    enum target_says says;
    bool in_doubt;                   /* from sending start until its signed receipt */
    bool begun;                      /* its guard has said that it had begun it */
    bool listed;                     /* not back yet: unreachable, or its revert is incomplete */
    struct generation_id generation; /* on trial or confirmed; start zero: not known */
    enum receipt_kind receipt; /* the furthest that its guard signed; RECEIPT_KIND_COUNT: none */
    enum end_cause cause;
    bool lasting;             /* its last refusal is for good: only signing anew helps */
    char reason[REASON_SIZE]; /* its receipt's, or its last refusal's */
};

struct target {
    struct target_record *record;     /* in rollout.record */
    const struct manifest_plan *plan; /* in rollout.manifest */
    bool connected;                   /* it was heard, and its last connection has not gone since */
    bool heard; /* its stack has come since this controller leads, or since it last collected */
    struct nonce stack_nonce; /* of its latest hello; zero: none, or quoted already */
    struct nonce quoted;      /* the last one that an abort or pop quoted: it is good once */
    struct nonce prepared;    /* prepare nonce that statements are being gathered over */
    mono_t prepared_at;
    bool started;                  /* start was sent over `prepared` */
    uint64_t baselines, standings; /* who said yes: bits by index in plan and in targets */
    uint64_t answered;             /* witnesses that said anything: bits by index in plan */
    bool own_baseline;             /* its own agent's */
    mono_t ready_at;               /* enough of them came; MONO_NEVER: not yet */
    uint32_t refusals;             /* equal ones in a row */
    mono_t retry_at;               /* MONO_NEVER: nothing is owed */
    mono_t asked_at;               /* of the first request that it has not answered */
    bool silent;                   /* that it does not answer was said */
    char unheard[SENTENCE_SIZE];   /* what is known of why, for people; "": nothing */
    bool at_once;                  /* taken back without waiting for its turn */
    struct newest_word newest;
};

/* The table. */
enum target_action target_choose(enum target_says says, enum target_wants wants);

/* A receipt of its guard's says that it is back: reverted, popped, tombstone. */
bool target_is_ended(const struct target *target);

/* Confirmed by its guard's receipt, and nothing was heard since that contradicts it. */
bool target_is_confirmed(const struct target *target);

/* Its guard took the start: whatever became of it, the approval was good there. */
bool target_has_begun(const struct target_record *record);

/* Nobody wants anything of it any more, and not because it is back or was never there. */
bool target_was_let_go(const struct target_record *record);

/* A guard prepares only what it never began: whoever said that it had begun, or signed a receipt,
 * had another journal. How the change ended in that one, nobody knows any more. */
bool target_is_unknown_to_guard(const struct target_record *record);

/* Something on it may be changed and not confirmed. */
bool target_is_open(const struct target *target);

const char *target_says_name(enum target_says says);
const char *target_wants_name(enum target_wants wants);

/* What a signed stack says of that attempt. ret_start: of its generation or trial, zero if none. */
enum target_says target_read_stack(const struct stack *stack, const struct attempt *attempt,
                                   struct nonce *ret_start);

/* The guard itself does not know whether the attempt stands: its disk lost how it ended. */
bool target_is_doubted(const struct stack *stack, const struct attempt *attempt);

/* In words of docs/api.md: "waiting", "prepared", "on trial", "in doubt", "unreachable", ... */
const char *target_state_name(const struct target *target);

#endif
