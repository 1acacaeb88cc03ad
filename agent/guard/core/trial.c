/*
 * trial: the machine's step and its deadline; trial_table.c has the rows.
 */
#include "agent/guard/core/trial.h"

#include <assert.h>
#include <string.h>

#include "agent/guard/core/admission.h"
#include "agent/guard/core/trial_table.h"
#include "common/core/text.h"

static const char *const state_names[] = {
    [TRIAL_IDLE] = "idle",           [TRIAL_PREPARING] = "preparing",
    [TRIAL_PREPARED] = "prepared",   [TRIAL_STARTING] = "starting",
    [TRIAL_APPLYING] = "applying",   [TRIAL_SETTLING] = "settling",
    [TRIAL_FIRST] = "first nonce",   [TRIAL_SOAKING] = "soaking",
    [TRIAL_LAST] = "last nonce",     [TRIAL_CONFIRMING] = "confirming",
    [TRIAL_CONFIRMED] = "confirmed", [TRIAL_REVERTING] = "reverting",
    [TRIAL_VERIFYING] = "verifying", [TRIAL_CLOSING] = "closing",
    [TRIAL_POPPING] = "popping",     [TRIAL_FENCED] = "fenced",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == TRIAL_STATE_COUNT, "one name each");

const char *trial_state_name(enum trial_state state)
{
    return state < TRIAL_STATE_COUNT ? state_names[state] : "unknown";
}

void trial_init(struct trial *trial, struct ledger *ledger, const char *node)
{
    memset(trial, 0, sizeof(*trial));
    trial->ledger = ledger;
    text_copy(trial->node, sizeof(trial->node), node);
    lease_init(&trial->lease);
    trial->verify_at = MONO_NEVER;
    trial->end_retry_at = MONO_NEVER;
    trial->ends_synced = true;
    trial->sync_retry_at = MONO_NEVER;
}

bool trial_is_open(const struct trial *trial)
{
    return trial->state == TRIAL_POPPING ||
           (trial->state >= TRIAL_APPLYING && trial->state <= TRIAL_VERIFYING);
}

unsigned trial_soak_left_s(const struct trial *trial)
{
    mono_t ends = mono_add(trial->soak_from, trial->terms.soak_ms);

    if (trial->state == TRIAL_FIRST)
        return (unsigned)(trial->terms.soak_ms / 1000);
    if (trial->state != TRIAL_SOAKING || trial->now >= ends)
        return 0;
    return (unsigned)((ends - trial->now + 999) / 1000);
}

/* ---- step ----------------------------------------------------------------------------------- */

/* Written before the row's effects, filled after: only then it is known why. */
static void tell_progress(const struct trial *trial, const struct transition *row,
                          struct guard_effect *progress)
{
    bool ends = trial->state == TRIAL_REVERTING || trial->state == TRIAL_POPPING;

    if (!hash_is_zero(&trial->id.attempt.body))
        progress->id = trial->id;
    progress->progress.state = trial_state_name(trial->state);
    progress->progress.sentence = row->because;
    progress->progress.soak_left_s = trial_soak_left_s(trial);
    if (ends)
        text_copy(progress->progress.detail, sizeof(progress->progress.detail), trial->reason);
}

static void take_row(struct move *move, enum guard_event_kind on)
{
    const struct transition *row = trial_table_find(move, on);
    struct guard_effect *progress = NULL;
    struct trial *trial = move->trial;

    if (row == NULL)
        return;
    trial->rows_taken[trial_table_index(row)]++;
    if (row->to != TRIAL_STATE_COUNT)
        progress = guard_effects_add(move->effects, DO_PROGRESS, &trial->id);
    row->act(move);
    if (progress == NULL)
        return;
    trial->state = row->to;
    trial->state_since = trial->now;
    tell_progress(trial, row, progress);
}

void trial_step(struct trial *trial, const struct guard_event *ev, struct guard_effects *effects)
{
    struct move move = {trial, ev, effects};

    assert(ev->now >= trial->now);
    trial->now = ev->now;
    if (trial->state == TRIAL_FENCED)
        return;
    if (ev->kind != ON_TIMEOUT)
        take_row(&move, ON_TIMEOUT); /* no late statement wins over a lease that ran out */
    trial_take_facts(&move);
    take_row(&move, ev->kind);
    trial_tend_sync(&move);
    trial_tend_receipt(&move);
}

/* ---- deadline ------------------------------------------------------------------------------- */

/* Of those states in which proofs are awaited. */
static mono_t lease_deadline(const struct trial *trial)
{
    char who[REASON_SIZE];
    mono_t failing = lease_failing_until(&trial->lease, &trial->terms, who, sizeof(who));

    return mono_min(trial->lease.until, failing);
}

static mono_t proving_deadline(const struct trial *trial)
{
    mono_t at = mono_min(lease_deadline(trial), trial_gives_up_at(trial));

    at = mono_min(at, trial->next_nonce_at);
    if (trial->state == TRIAL_SOAKING)
        at = mono_min(at, mono_add(trial->soak_from, trial->terms.soak_ms));
    return trial->state == TRIAL_LAST ? mono_min(at, trial->next_last_at) : at;
}

static mono_t undoing_deadline(const struct trial *trial)
{
    mono_t at = trial->over_budget ? MONO_NEVER : trial->budget_until;

    if (trial->state == TRIAL_VERIFYING)
        return mono_min(at, trial->verify_at);
    if (revert_is_done(&trial->revert))
        return trial->now;
    return mono_min(at, revert_deadline(&trial->revert));
}

static mono_t state_deadline(const struct trial *trial)
{
    switch (trial->state) {
    case TRIAL_PREPARED:
        return mono_add(trial->nonce_at, NONCE_AGE_MAX_MS);
    case TRIAL_APPLYING:
    case TRIAL_SETTLING:
        return trial_settles_by(trial);
    case TRIAL_FIRST:
    case TRIAL_SOAKING:
    case TRIAL_LAST:
        return proving_deadline(trial);
    case TRIAL_CONFIRMING:
        return mono_min(lease_deadline(trial), trial_gives_up_at(trial));
    case TRIAL_REVERTING:
    case TRIAL_VERIFYING:
        return undoing_deadline(trial);
    case TRIAL_CLOSING:
        return trial->end_pending ? trial->end_retry_at : MONO_NEVER;
    case TRIAL_POPPING:
        return mono_add(trial->state_since, POP_RECORD_WAIT_MS);
    case TRIAL_IDLE:
    case TRIAL_PREPARING:
    case TRIAL_STARTING:
    case TRIAL_CONFIRMED:
    case TRIAL_FENCED:
    case TRIAL_STATE_COUNT:
        break;
    }
    return MONO_NEVER;
}

mono_t trial_deadline(const struct trial *trial)
{
    mono_t at = state_deadline(trial);

    if (trial->state == TRIAL_FENCED)
        return at;
    if (!trial->ends_synced)
        at = mono_min(at, trial->sync_retry_at);
    if (trial->ledger->owes && !trial->receipt_pending)
        at = mono_min(at, trial->receipt_retry_at);
    return at;
}
