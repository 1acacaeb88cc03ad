/*
 * worker: one thread for what blocks on kernel and tailscaled: one job at a time, on copies.
 *
 * work_do is the same without a thread, for rescue.
 */
#ifndef AGENT_GUARD_IO_WORKER_H
#define AGENT_GUARD_IO_WORKER_H

#include "agent/guard/io/apply.h"
#include "agent/guard/io/journal.h"
#include "common/change/manifest.h"
#include "common/change/rehearsal.h"

enum work_kind {
    WORK_PREPARE,
    WORK_APPLY,
    WORK_SETTLE,
    WORK_UNDO,
    WORK_VERIFY,
    WORK_ASSERT,
    WORK_FILES,
    WORK_REHEARSE,
    WORK_DRIFT,
};

struct work {
    enum work_kind kind;
    struct generation_id id;
    uint32_t operation; /* apply, undo */
    uint32_t more; /* may go with it: apply: behind it; undo: before it; then those that went */
    bool again;    /* settle: it was looked at a moment ago */
    uint32_t operations_count;
    struct operation *operations;     /* prepare, assert, rehearse, drift; owned */
    struct tailscale_profile profile; /* drift: the prefs' among them */
    uint32_t items_count;
    struct undo_item
        *items;           /* apply, settle, verify: copies; undo: with the one that may cut
                             it short (undo_plan_find_older) behind it; prepare: what comes out */
    struct snapshot made; /* undo, where more go with it: their routes, in that order */
    uint32_t flows_count;
    struct protected_flow flows[FLOWS_MAX]; /* prepare, verify */
    uint64_t flows_held;                    /* verify: given; prepare: what comes out */
    bool prediction_waived;
    const char *rehearse_socket; /* prepare, rehearse; borrowed */
    /* what comes out */
    bool ok;
    enum revert_outcome outcome;
    uint32_t put_back, pending;  /* assert */
    struct rehearsal *rehearsal; /* prepare, rehearse; owned; NULL: it did not come to that */
    uint32_t lines_count;
    char (*lines)[SENTENCE_SIZE]; /* drift; owned */
    char why[ERR_TEXT_SIZE];      /* verify: also of what went well, see apply_tell_others */
};

struct work *work_new(enum work_kind kind, const struct generation_id *id);
void work_free(struct work *work);

/* What the plan wants; plan NULL: no flows. */
void work_fill_plan(struct work *work, const struct manifest_plan *plan);
void work_fill_flows(struct work *work, const struct manifest_plan *plan);
/* Copies of all items of a generation; or of the work's operation, and of those more that may go
 * with it (undo: their routes alone), in the order in which they go (false: that one has none). */
void work_fill_items(struct work *work, const struct journal_generation *generation);
/* Of those, the ones that were touched: an operation that was never applied is not verified. */
void work_keep_touched(struct work *work, const struct revert *revert);
bool work_fill_run(struct work *work, struct journal_generation *generation);

/* Does it, here and now. */
void work_do(const struct apply *apply, struct work *work);

struct worker;
struct worker *worker_start(const struct apply *apply); /* lives as long as the process */
int worker_fd(const struct worker *worker);
void worker_give_take(struct worker *worker, struct work *work);
struct work *worker_take(struct worker *worker); /* one that is done, or NULL */

#endif
