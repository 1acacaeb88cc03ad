/*
 * event: everything that can happen to a rollout, with the time it happened.
 *
 * What was signed comes in only after its signature was verified by the roster. What is pointed to
 * is lent for the one step.
 */
#ifndef CONTROLLER_CORE_EVENT_H
#define CONTROLLER_CORE_EVENT_H

#include "common/change/proof.h"
#include "common/core/mono.h"

enum rollout_event_kind {
    EVENT_START,         /* a person started it; the gates passed when it was accepted */
    EVENT_RESUMED,       /* this controller begins to lead it: after a restart, or taken over */
    EVENT_HELLO,         /* a target's signed stack, over a challenge of ours */
    EVENT_LOST,          /* a target's last connection is gone */
    EVENT_PREPARED,      /* its guard's prepare nonce */
    EVENT_REFUSED,       /* its guard says no */
    EVENT_NONCE,         /* its guard's renewal nonce */
    EVENT_STATEMENT,     /* baseline, renewal, or standing */
    EVENT_RECEIPT,       /* its guard's signed receipt */
    EVENT_GATES,         /* answers EFFECT_GATES */
    EVENT_NEXT,          /* a person: go on */
    EVENT_ABORT,         /* a person: take it back */
    EVENT_EMERGENCY,     /* a person: take it back at once */
    EVENT_FREEZE,        /* a freeze was put on a node or on the fleet */
    EVENT_HOLD,          /* another hold was put there: it stops the next stage */
    EVENT_REMOVED,       /* it left the signed roster, or has other keys there */
    EVENT_CHECK_FAILING, /* a critical check newly fails somewhere reachable */
    EVENT_TIMEOUT,       /* rollout_deadline() has come */
    ROLLOUT_EVENT_COUNT,
};

struct rollout_event {
    enum rollout_event_kind kind;
    mono_t now;
    int64_t unix_now;
    const char *node;   /* hello .. receipt, removed: whose; emergency: only this one, NULL for all;
                           check failing, freeze, hold: where, NULL for the fleet */
    const char *by;     /* next, abort, emergency, freeze, hold: who */
    const char *reason; /* abort, emergency, freeze, hold, refused, gates that say no, check failing
                         */
    union {
        struct {
            const struct stack *stack;
            mono_t asked_at; /* when the challenge was given */
        } hello;
        struct generation_id prepared;
        struct {
            struct attempt attempt;
            bool expired;
            bool lasting; /* its guard will refuse it for ever, as it is signed */
        } refused;
        struct {
            struct generation_id id;
            struct nonce nonce;
            bool last;
        } nonce;
        struct { /* node: the subject */
            const char *signer;
            struct hash body;
            struct nonce nonce;
            enum phase phase;
            bool passes; /* baseline: sees the subject and none of its own is failing */
        } statement;
        const struct receipt *receipt;
        struct {
            uint32_t stage;
            bool pass;   /* every gate passes or is waived; reason otherwise */
            bool awaits; /* only facts that have not come yet are in the way; reason: which */
        } gates;
    };
};

const char *rollout_event_name(enum rollout_event_kind kind);

#endif
