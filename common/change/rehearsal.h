/*
 * rehearsal: what came of each operation of a plan in a throw-away network namespace.
 *
 * Made by oceanid-rehearse, judged by the guard before it offers a plan, and shown to people. What
 * a namespace cannot show is said, with its reason; what it could have shown and did not is never
 * taken for good.
 */
#ifndef COMMON_CHANGE_REHEARSAL_H
#define COMMON_CHANGE_REHEARSAL_H

#include "common/core/verdict.h"
#include "common/net/operation.h"

enum rehearsed_outcome {
    REHEARSED_MISSED,  /* it could have been rehearsed, and was not: why */
    REHEARSED_GOOD,    /* the kernel accepted it, and its undo brought what it touches back */
    REHEARSED_REFUSED, /* the kernel said no: why, in its words */
    REHEARSED_STAYED,  /* accepted, and its undo did not bring everything back: why */
    REHEARSED_UNSEEN,  /* a namespace cannot show it: why */
    REHEARSED_OUTCOME_COUNT,
};

struct rehearsed {
    enum rehearsed_outcome outcome;
    char why[REASON_SIZE];
};

struct rehearsal {
    char lacks[REASON_SIZE]; /* what of the host could not be set up; "" */
    uint32_t operations_count;
    struct rehearsed operations[OPERATIONS_MAX]; /* in the plan's order */
};

/* "not done", "accepted and taken back", "refused", "not taken back", "not rehearsed". */
const char *rehearsed_outcome_name(enum rehearsed_outcome outcome);

/* Of its operations those that it has: what is behind them in to stays. */
void rehearsal_copy(struct rehearsal *to, const struct rehearsal *from);

void rehearsal_set(struct rehearsal *rehearsal, uint32_t operation, enum rehearsed_outcome outcome,
                   const char *why);

/* None was done, because of why: all are missed but those that no namespace can show. */
void rehearsal_miss(const struct operation *operations, uint32_t count, const char *why,
                    struct rehearsal *ret_rehearsal);

/* Of an answer: which operations no namespace can show is not the answerer's to say. One that could
 * have been rehearsed is missed then, and one that could not is not taken for rehearsed. */
void rehearsal_believe(const struct operation *operations, uint32_t count,
                       struct rehearsal *rehearsal);

/* pass: every operation that can be rehearsed was accepted and taken back; fail: one was refused or
 * stayed; else unknown: one was missed, or it is the rehearsal of another number of operations. */
enum verdict_value rehearsal_judge(const struct rehearsal *rehearsal, uint32_t operations_count);

/* The first operation that decides that verdict; operations_count where none does. */
uint32_t rehearsal_worst(const struct rehearsal *rehearsal);

bool rehearsal_equal(const struct rehearsal *a, const struct rehearsal *b);

/* "accepted and taken back", "not rehearsed: tailscaled does not run in a namespace". */
void rehearsal_render(const struct rehearsed *rehearsed, struct text *out);

/* The same of operation i, with what it is: "operation 2 (route 192.0.2.0/24 via 203.0.113.255 dev
 * eth0): refused: ...". At most REASON_SIZE is written: what the operation is gives way. */
void rehearsal_explain(const struct rehearsal *rehearsal, const struct operation *operations,
                       uint32_t i, struct text *out);

#endif
