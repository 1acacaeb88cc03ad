/*
 * effect: what a rollout wants done: plain data, carried out in order.
 *
 * Durable before visible: EFFECT_STORE comes before what it allows, and is committed before the
 * effects behind it leave.
 */
#ifndef CONTROLLER_CORE_EFFECT_H
#define CONTROLLER_CORE_EFFECT_H

#include "common/change/proof.h"

enum rollout_effect_kind {
    EFFECT_STORE, /* rollout->record, whole */
    EFFECT_SEND,  /* a request for a target's guard */
    EFFECT_ASK, /* a witness's agent (renewal, baseline), or a guard (standing), for a statement */
    EFFECT_FORWARD, /* the statement of this event to its subject's guard */
    EFFECT_GATES,   /* answer the questions for that stage -> EVENT_GATES */
    EFFECT_HOLD,    /* the receipt of this event is a quarantine (holds_add_quarantine) */
    EFFECT_AUDIT,   /* one line */
    EFFECT_TELL,    /* whoever watches: state and sentence have changed */
    ROLLOUT_EFFECT_COUNT,
};

enum rollout_send {
    SEND_STACK,   /* with a challenge: its answer is EVENT_HELLO */
    SEND_PREPARE, /* body and approval */
    SEND_START,   /* with every statement over id.start that came as EVENT_STATEMENT */
    SEND_ABORT,
    SEND_POP,
    ROLLOUT_SEND_COUNT,
};

struct rollout_effect {
    enum rollout_effect_kind kind;
    char node[NAME_SIZE]; /* send: to whom; ask: the witness; forward: the subject; hold: where */
    union {
        struct {
            enum rollout_send request;
            struct generation_id id;  /* abort: start is zero when it is not known */
            struct nonce stack_nonce; /* abort, pop: of its latest hello */
            char fellow[NAME_SIZE];   /* pop: attach this node's end receipt (rule 17); "": none */
            bool emergency;
            char reason[REASON_SIZE];
        } send;
        struct {
            char subject[NAME_SIZE];
            struct nonce nonce;
            enum phase phase;
        } ask;
        uint32_t stage;                         /* gates */
        char text[SENTENCE_SIZE + REASON_SIZE]; /* audit, tell */
    };
};

/* Everything at once to every target of the largest fleet, and some lines beside. */
enum { ROLLOUT_EFFECTS_MAX = 4 * NODES_MAX };

struct rollout_effects {
    uint32_t count;
    struct rollout_effect list[ROLLOUT_EFFECTS_MAX];
};

/* Appends one, zeroed but for kind and node (NULL: ""); asserts that there is room. */
struct rollout_effect *rollout_effects_add(struct rollout_effects *effects,
                                           enum rollout_effect_kind kind, const char *node);

/* One line, the same in the debug log and in the golden tests. */
void rollout_effect_render(const struct rollout_effect *effect, char *to, size_t size);

#endif
