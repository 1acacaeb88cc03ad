/*
 * judged: what the model of the invariants is told in a good trial, step by step, so that each of
 * its judgements can be shown what it is there for.
 */
#ifndef TESTS_SIM_JUDGED_H
#define TESTS_SIM_JUDGED_H

#include "tests/sim/checker.h"

enum { STYX, CALYPSO, TETHYS, OFFICE };

struct judged {
    const char *says; /* what it says then: the beginning, up to what differs from time to time */
    void (*play)(struct world *world);
};
/* Each kind ends with a row whose says is NULL. */
extern const struct judged judged_trials[], judged_fleets[], judged_backs[], judged_stacks[];
/* Of these it says nothing. */
extern const struct judged judged_fine_trials[], judged_fine_fleets[], judged_fine_backs[],
    judged_fine_stacks[];

/* Of the n-th trial of that node, by the first approval. */
struct generation_id judged_id(int host, uint64_t sequence, unsigned n);
/* A record of that kind about it, at the node's time. */
struct guard_record *judged_record(const struct world *world, int host, enum record_kind kind,
                                   const struct generation_id *id);

/* Steps of a trial, each in its good way. */
void judged_prepare(struct world *world, int host, const struct generation_id *id);
void judged_start(struct world *world, int host, const struct generation_id *id);
void judged_intend(struct world *world, int host, const struct generation_id *id);
void judged_touch(struct world *world, int host, const struct generation_id *id);
void judged_mark(struct world *world, int host, const struct generation_id *id, enum mark mark,
                 bool durable);
/* Its next nonce, and what office, the next node and itself say over it. */
struct nonce judged_nonce(struct world *world, int host, bool fresh, bool last);
void judged_say(struct world *world, int host, int signer, const struct nonce *nonce,
                enum verdict_value value);
void judged_prove(struct world *world, int host, const struct nonce *nonce);
/* All up to there. */
void judged_try(struct world *world, int host, const struct generation_id *id);
void judged_soak(struct world *world, int host);
void judged_confirm(struct world *world, int host, const struct generation_id *id);
/* An operator has ordered it back: it begins to go. */
void judged_order(struct world *world, int host, const struct generation_id *id);
void judged_pop(struct world *world, int host, const struct generation_id *id);
/* What the change put there is there, or gone. */
void judged_set_kernel(struct world *world, int host, bool there);

/* Says what each judgement said; 0 when each said what it has to, and a good trial nothing. */
int judged_run(void);

#endif
