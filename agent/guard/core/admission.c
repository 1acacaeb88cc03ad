/*
 * admission: what the guard lets in: may this be prepared, started, aborted, popped?
 */
#include "agent/guard/core/admission.h"

#include "common/core/text.h"

/* ---- prepare -------------------------------------------------------------------------------- */

static bool check_signed(const struct guard_prepare *prepare, struct err *err)
{
    unsigned threshold = prepare->trust->threshold > 0 ? prepare->trust->threshold : 1;

    if (!hash_equal(&prepare->approval->attempt.body, &prepare->body))
        return err_set(err, ERR_LASTING, "the approval is for another manifest than the one given");
    if (prepare->approvals_count < threshold)
        return err_set(err, ERR_DENIED, "%u valid approvals: accepted are %u or more",
                       prepare->approvals_count, threshold);
    return true;
}

static bool check_bounds(const struct guard_prepare *prepare, struct err *err)
{
    const struct manifest *manifest = prepare->manifest;
    const struct trust *trust = prepare->trust;

    if (manifest->soak_s < trust->soak_min_s)
        return err_set(err, ERR_DENIED, "soak %u s: root on this node accepts %u s or more",
                       manifest->soak_s, trust->soak_min_s);
    if (trust->lease_max_s > 0 && manifest->lease_s > trust->lease_max_s)
        return err_set(err, ERR_DENIED, "lease %u s: root on this node accepts at most %u s",
                       manifest->lease_s, trust->lease_max_s);
    if (manifest->path_s / manifest->period_s >= NONCES_MAX / 2)
        return err_set(err, ERR_LASTING,
                       "path %u s is %u periods of %u s: a guard remembers the nonces of %u",
                       manifest->path_s, manifest->path_s / manifest->period_s, manifest->period_s,
                       NONCES_MAX / 2);
    return true;
}

static bool check_mine(const struct trial *trial, const struct guard_prepare *prepare,
                       struct err *err)
{
    const struct manifest_plan *plan = manifest_find_plan(prepare->manifest, trial->node);

    if (prepare->manifest->plans_count > NODES_MAX)
        return err_set(err, ERR_LASTING, "%u targets: accepted are at most %u",
                       prepare->manifest->plans_count, NODES_MAX);
    if (plan == NULL)
        return err_set(err, ERR_LASTING, "the manifest has no plan for %s", trial->node);
    if (!prepare->key_is_mine)
        return err_set(err, ERR_LASTING, "the manifest's roster has another guard's key for %s",
                       trial->node);
    if (manifest_check_prefs(plan, err))
        return true;
    err->kind = ERR_LASTING; /* as it is signed */
    return false;
}

static bool refuse_clock(int64_t floor, int64_t unix_now, struct err *err)
{
    char seen[32], says[32];
    struct text text = TEXT_IN(seen);

    text_add_time(&text, floor);
    text = TEXT_IN(says);
    text_add_time(&text, unix_now);
    return err_set(err, ERR_DENIED,
                   "this node's clock says %s, its journal has seen %s: no new trial before that. "
                   "If the clock is right now, as root there: oceanid-rollback --accept-clock",
                   says, seen);
}

/* The only place where wall-clock time decides; below the floor it is known to be wrong. */
static bool check_time(const struct trial *trial, const struct guard_event *ev, struct err *err)
{
    int64_t left = approval_left_s(ev->prepare.approval->not_after, ev->unix_now);

    if (left < 0)
        return err_set(err, ERR_LASTING, "the approval expired %lld s ago", (long long)-left);
    return ev->unix_now >= trial->ledger->time_floor ||
           refuse_clock(trial->ledger->time_floor, ev->unix_now, err);
}

bool admission_is_signed(const struct guard_prepare *prepare)
{
    struct err err = ERR_INIT;

    return prepare->trust->keys_count > 0 && check_signed(prepare, &err);
}

bool admission_check_prepare(const struct trial *trial, const struct guard_event *ev,
                             struct err *err)
{
    const struct guard_prepare *prepare = &ev->prepare;

    if (prepare->trust == NULL || prepare->trust->keys_count == 0)
        return err_set(err, ERR_DENIED, "no trust root is installed: this node only observes");
    return check_signed(prepare, err) && manifest_validate(prepare->manifest, err) &&
           check_mine(trial, prepare, err) && check_bounds(prepare, err) &&
           check_time(trial, ev, err) &&
           ledger_admits(trial->ledger, prepare->approval, prepare->objects, prepare->objects_count,
                         err);
}

/* ---- start ---------------------------------------------------------------------------------- */

bool admission_awaits_start(const struct trial *trial, const struct generation_id *id)
{
    return trial->state == TRIAL_PREPARED && generation_id_equal(id, &trial->id);
}

bool admission_fits_start(const struct trial *trial, const struct statement *statement)
{
    return nonce_equal(&statement->nonce, &trial->id.start) &&
           hash_equal(&statement->body, &trial->id.attempt.body) &&
           text_equal(statement->subject, trial->node);
}

bool admission_answers(const struct trial *trial, const struct guard_statement *given)
{
    return given->verified && admission_fits_start(trial, given->statement);
}

static const struct statement *find_standing(const struct trial *trial,
                                             const struct guard_start *start, const char *node)
{
    for (uint32_t i = 0; i < start->statements_count; i++) {
        const struct statement *statement = start->statements[i].statement;

        if (admission_answers(trial, &start->statements[i]) && statement->phase == PHASE_STANDING &&
            text_equal(statement->signer, node))
            return statement;
    }
    return NULL;
}

/* docs/protocol.md rule 2: all guards of all earlier stages, over this very nonce. */
static bool check_earlier(const struct trial *trial, const struct guard_start *start,
                          struct err *err)
{
    for (uint32_t i = 0; i < trial->terms.earlier_count; i++) {
        const char *node = trial->terms.earlier[i];
        const struct statement *standing = find_standing(trial, start, node);

        if (standing == NULL)
            return err_set(err, ERR_DENIED,
                           "no statement of %s's guard that it stands confirmed, over this nonce",
                           node);
        if ((int64_t)standing->soak_s * 1000 < trial->terms.soak_ms)
            return err_set(err, ERR_LASTING, "%s soaked %u s: accepted are %lld s or more", node,
                           standing->soak_s, (long long)(trial->terms.soak_ms / 1000));
    }
    return true;
}

static bool has_baseline(const struct trial *trial, const struct guard_start *start, int witness)
{
    if (trial->lease.witnesses[witness].barred)
        return false;
    for (uint32_t i = 0; i < start->statements_count; i++) {
        const struct guard_statement *given = &start->statements[i];

        if (admission_answers(trial, given) &&
            lease_find_witness(&trial->terms, given->statement->signer) == witness &&
            lease_is_baseline(&trial->terms, given->statement))
            return true;
    }
    return false;
}

static bool check_baselines(const struct trial *trial, const struct guard_start *start,
                            struct err *err)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < trial->terms.witnesses_count; i++)
        count += has_baseline(trial, start, (int)i);
    if (count < trial->terms.quorum)
        return err_set(err, ERR_DENIED,
                       "%u witnesses saw this node before the change: accepted are %u or more",
                       count, trial->terms.quorum);
    return true;
}

bool admission_check_start(const struct trial *trial, const struct guard_event *ev, struct err *err)
{
    if (!generation_id_equal(&ev->start.id, &trial->id))
        return err_set(err, ERR_DENIED, "start names another nonce than the one that is out");
    if (ev->now >= trial->nonce_at + NONCE_AGE_MAX_MS)
        return err_set(err, ERR_TIMEOUT, "the nonce is older than 30 s");
    return check_earlier(trial, &ev->start, err) && check_baselines(trial, &ev->start, err);
}

/* ---- renewals ------------------------------------------------------------------------------- */

bool admission_awaits_renewal(const struct trial *trial, const struct statement *statement)
{
    return trial->state >= TRIAL_FIRST && trial->state <= TRIAL_CONFIRMING &&
           hash_equal(&statement->body, &trial->id.attempt.body) &&
           lease_awaits(&trial->lease, &trial->terms, statement, trial->now);
}

/* ---- abort, pop ----------------------------------------------------------------------------- */

bool admission_check_end(const struct trial *trial, const struct guard_event *ev, struct err *err)
{
    if (ev->end.right != RIGHT_CONTROLLER)
        return true;
    if (nonce_is_zero(&trial->stack_nonce) ||
        !nonce_equal(&trial->stack_nonce, &ev->end.stack_nonce))
        return err_set(err, ERR_DENIED,
                       "it does not quote this node's latest hello: ask for a new one");
    return true;
}

static bool is_fellow_end(const struct trial *trial, const struct guard_end *end)
{
    const struct receipt *fellow = end->fellow;

    return fellow != NULL &&
           (fellow->kind == RECEIPT_REVERTED || fellow->kind == RECEIPT_TOMBSTONE) &&
           attempt_equal(&fellow->generation.attempt, &end->id.attempt) &&
           !text_equal(fellow->node, trial->node);
}

/* docs/protocol.md rule 17: without a signature only what an open rollout did. */
static bool check_unsigned_pop(const struct trial *trial, const struct guard_event *ev,
                               const struct ledger_generation *generation, struct err *err)
{
    if (generation != ledger_top(trial->ledger))
        return err_set(err, ERR_CONFLICT, "%s stands above it: generations pop from the top only",
                       ledger_top(trial->ledger)->begin.change);
    if (ev->unix_now > generation->begin.not_after && !is_fellow_end(trial, &ev->end))
        return err_set(err, ERR_DENIED,
                       "its rollout ended by its not-after: accepted are a fellow's signed end of "
                       "the same attempt, an operator's order, or root");
    return true;
}

bool admission_nothing_above(const struct trial *trial)
{
    if (trial->state == TRIAL_CLOSING)
        return !trial->end_pending || trial->disk_failed;
    return trial->state == TRIAL_IDLE || trial->state == TRIAL_PREPARING ||
           trial->state == TRIAL_PREPARED;
}

bool admission_check_pop(const struct trial *trial, const struct guard_event *ev, struct err *err)
{
    const struct ledger_generation *generation = ledger_find(trial->ledger, &ev->end.id);

    if (generation == NULL)
        return err_set(err, ERR_MISSING, "no such generation stands here");
    if (!admission_check_end(trial, ev, err))
        return false;
    if (!admission_nothing_above(trial))
        return err_set(err, ERR_CONFLICT, "a trial is open above it (%s): end that first",
                       trial_state_name(trial->state));
    return ev->end.right != RIGHT_CONTROLLER || check_unsigned_pop(trial, ev, generation, err);
}
