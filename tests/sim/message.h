/*
 * message: the simulated fleet's sizes, and what its controller and its hosts say to each other.
 */
#ifndef TESTS_SIM_MESSAGE_H
#define TESTS_SIM_MESSAGE_H

#include "common/change/proof.h"
#include "common/core/mono.h"

enum {
    SIM_NODES = 3,             /* of a seed's fleet, and a witness outside */
    SIM_HOSTS_MAX = NODES_MAX, /* of a large one */
    SIM_WITNESSES_MAX = 4,     /* of one node of a large one */
    SIM_CHANGES = 3,           /* that one seed may roll out, one behind the other */
    SIM_OPERATIONS = 3,        /* of each: a shield, a rule, a pref that persists */
    SIM_SHIELD = 0,
    SIM_RULE = 1,
    SIM_PREF = 2,
    SIM_CHECKS = 3, /* of each node at rest, all critical */
    SIM_DATABASE = 2,
    SIM_STATEMENTS_MAX = STATEMENTS_MAX,
    SIM_ATTEMPTS_MAX = 6,
    SIM_SOAK_S = 20,
    SIM_LEASE_S = 12,
    SIM_REVERT_BUDGET_S = 20,
    SIM_PATIENCE_MS = 100000, /* for each node: then a person takes back what does not go on */
    SIM_TAIL_LINES = 120,     /* of the story, shown of a seed that fails */
    SIM_LINE_SIZE = 700,
    SIM_CHALLENGES_MAX = 8,
    SIM_ROLLOUT_ROWS_MAX = 64,
};

struct sim_challenge {
    struct nonce nonce;
    mono_t given_at;
};

struct sim_statement {
    int signer, subject; /* hosts */
    struct hash body;
    struct nonce nonce;
    enum phase phase;
    enum verdict_value value; /* of ssh, or of the own check */
    unsigned soak_s;
};

enum message_kind {
    /* controller to a host's agent */
    ASK_STACK,
    ASK_PREPARE,
    ASK_START,
    ASK_ABORT,
    ASK_POP,
    ASK_ORDER,     /* a pop that an operator signed: passed on as it is */
    ASK_STATEMENT, /* witness */
    ASK_STANDING,
    GIVE_STATEMENT, /* to the subject's guard */
    /* a host's agent to the controller */
    TELL_STACK,
    TELL_PREPARED,
    TELL_NONCE,
    TELL_STATEMENT,
    TELL_REFUSED,
    TELL_RECEIPT,
};

struct message {
    enum message_kind kind;
    int host; /* the one that is not the controller */
    int subject;
    struct generation_id id;
    struct nonce nonce;
    enum phase phase;
    bool fresh, last, expired, lasting;
    struct sim_statement statement;
    uint32_t statements_count;
    bool has_fellow;
    struct hash receipt_hash;
    unsigned journal; /* the sender's then */
    /* what is large comes last, and is not zeroed */
    struct receipt receipt; /* or the fellow's */
    struct sim_statement statements[SIM_STATEMENTS_MAX];
    struct stack stack;
};

#endif
