/*
 * checker_proof: the model's half about time: nonces, who has proven what over them, and until when
 * a node on trial may stand.
 */
#include <string.h>

#include "tests/sim/checker.h"

enum { GRACE_MS = 5000 }; /* of the simulated manifest, as the two times before it */

void checker_begin_proof(struct check_model *model, int host)
{
    const struct host *truth = &model->world->hosts[host];
    struct model_host *at = &model->hosts[host];

    at->nonces_count = 0;
    at->answered_at = at->first_nonce_at = -1;
    for (int w = 0; w < model->world->hosts_count; w++) {
        at->proven[w] = at->proven_last[w] = at->failing_since[w] = -1;
        at->heard[w] = 0;
        at->has_baseline[w] = false;
    }
    for (uint32_t i = 0; i < at->start.statements_count; i++) {
        const struct sim_statement *given = &at->start.statements[i];

        if (given->phase == PHASE_BASELINE && given->value == VERDICT_PASS &&
            memcmp(&given->nonce, &at->made[at->newest].id.start, sizeof(given->nonce)) == 0)
            at->has_baseline[given->signer] = true;
    }
    /* What fails before is not held against it: of an earlier one, where a disk has lost it. */
    at->has_baseline[host] = !sim_breaks_own(truth);
}

/* ---- nonces ---------------------------------------------------------------------------------- */

/* 8 and 9: which of them may leave over an old connection, and when the last one may leave. */
static void check_nonce(struct check_model *model, int host, const struct guard_nonce *nonce)
{
    const struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    if (!nonce->fresh_connection && at->answered_at < 0)
        world_violate(model->world,
                      "8: %s sends a nonce over an old connection before one over a "
                      "new connection is answered",
                      checker_name(model, host));
    if (nonce->last && !nonce->fresh_connection)
        world_violate(model->world, "9: %s sends its last nonce over an old connection",
                      checker_name(model, host));
    if (nonce->last && (at->answered_at < 0 || now < at->answered_at + SOAK_MS))
        world_violate(model->world, "9: %s sends its last nonce before it has soaked",
                      checker_name(model, host));
}

void model_nonce(struct check_model *model, int host, const struct guard_nonce *nonce)
{
    struct model_host *at = &model->hosts[host];
    uint32_t number = at->nonces_count++;

    check_nonce(model, host, nonce);
    at->nonces[number % NONCES_SEEN_MAX] = (struct seen_nonce){.nonce = nonce->nonce,
                                                               .issued_at = model->world->now,
                                                               .number = number + 1,
                                                               .last = nonce->last};
    if (at->first_nonce_at < 0)
        at->first_nonce_at = model->world->now;
}

static struct seen_nonce *find_nonce(struct model_host *at, const struct nonce *nonce)
{
    for (uint32_t i = 0; i < at->nonces_count && i < NONCES_SEEN_MAX; i++) {
        if (memcmp(&at->nonces[i].nonce, nonce, sizeof(*nonce)) == 0)
            return &at->nonces[i];
    }
    return NULL;
}

/* ---- proofs ---------------------------------------------------------------------------------- */

/* 10: the second newest of the counting witnesses' proofs, and the node's own. */
mono_t checker_proven_since(const struct check_model *model, int host, const mono_t *proven)
{
    const struct model_host *at = &model->hosts[host];
    mono_t first = -1, second = -1;

    for (int w = 0; w < model->world->hosts_count; w++) {
        if (w == host || !at->has_baseline[w])
            continue;
        if (proven[w] > first) {
            second = first;
            first = proven[w];
        } else if (proven[w] > second) {
            second = proven[w];
        }
    }
    return second < proven[host] ? second : proven[host];
}

/* 11: what is known of a signer is what it said over the newest nonce; a no stays a no. */
static bool is_denial(struct model_host *at, const struct sim_statement *statement,
                      struct seen_nonce *nonce, mono_t now)
{
    int signer = statement->signer;
    uint64_t bit = UINT64_C(1) << signer;
    bool newest = nonce->number >= at->heard[signer];

    if (newest)
        at->heard[signer] = nonce->number;
    if (signer == statement->subject && !at->has_baseline[signer])
        return false; /* it is not held against it */
    if (statement->value == VERDICT_FAIL) {
        nonce->denied |= bit;
        if (newest && at->failing_since[signer] < 0)
            at->failing_since[signer] = now;
        return true;
    }
    if (statement->value != VERDICT_PASS ||
        ((nonce->denied & bit) != 0 && signer != statement->subject))
        return true;
    if (newest)
        at->failing_since[signer] = -1;
    return false;
}

static void take_proof(struct check_model *model, int host, const struct sim_statement *statement,
                       const struct seen_nonce *nonce)
{
    struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;
    mono_t since;

    if (nonce->issued_at > at->proven[statement->signer])
        at->proven[statement->signer] = nonce->issued_at;
    if (nonce->last && nonce->issued_at > at->proven_last[statement->signer])
        at->proven_last[statement->signer] = nonce->issued_at;
    since = checker_proven_since(model, host, at->proven);
    if (since < 0 || now >= since + LEASE_MS)
        return;
    at->deadline = since + LEASE_MS; /* the first answer ends the time before it */
    if (at->answered_at < 0)
        at->answered_at = now;
}

void model_proof(struct check_model *model, int host, const struct sim_statement *statement)
{
    struct model_host *at = &model->hosts[host];
    struct seen_nonce *nonce = find_nonce(at, &statement->nonce);
    mono_t now = model->world->now;

    if (nonce == NULL || statement->phase != PHASE_RENEWAL || now >= nonce->issued_at + LEASE_MS)
        return;
    if (at->stand == STANDS_CHANGED && now > at->deadline)
        return; /* too late: nothing brings it back */
    if (!is_denial(at, statement, nonce, now))
        take_proof(model, host, statement, nonce);
}

/* ---- whether it is so ------------------------------------------------------------------------ */

/* Within what a proof may be old: who says the opposite says yes of what it cannot reach, whatever
 * keeps it from there. */
static bool was_blind(const struct check_model *model, int host, int witness)
{
    const struct host *truth = &model->world->hosts[host];
    bool lately = model->world->now - truth->blind_changed_at <= LEASE_MS;
    uint64_t from = truth->blind_from | (lately ? truth->blind_before : 0);

    return (from & (UINT64_C(1) << witness)) != 0;
}

/* By its number. */
static int on_trial(const struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    int change = world_find_change(model->world, &at->made[at->newest].id.attempt.body);

    return change < 0 ? SIM_FIRST : change;
}

/* By what is on trial there, or stands below it and was not put in its place. What others put there
 * instead cuts nobody off. */
static bool is_cut_off(const struct check_model *model, int host, int witness)
{
    const struct host *truth = &model->world->hosts[host];
    int trial = on_trial(model, host);
    bool cut = false;

    for (int change = 0; change < SIM_CHANGES; change++) {
        bool there = change == trial || (checker_expects(model, host, change, SIM_RULE) &&
                                         !kernel_overlap(change, trial));

        cut |= there && !truth->kernel->usurped[change] &&
               (truth->damages[change].cut_from & (UINT64_C(1) << witness)) != 0;
    }
    return cut;
}

/* 9: whoever lies alone cannot make it stand: a quorum is cut off neither by the change nor by its
 * own honesty. */
void checker_check_truth(struct check_model *model, int host)
{
    const struct world *world = model->world;
    const struct host *truth = &world->hosts[host];
    int change = on_trial(model, host);
    unsigned able = 0;

    for (int w = 0; w < world->hosts_count; w++) {
        const struct host *witness = &world->hosts[w];
        bool cut = is_cut_off(model, host, w);

        cut |= witness->lie == LIE_OPPOSITE && was_blind(model, host, w);
        able += w != host && (witness->special || witness->lie == LIE_YES ||
                              (witness->lie == LIE_OPPOSITE ? cut : !cut) ||
                              (world->quiet && !cut)); /* nobody lies any more */
    }
    if (able < QUORUM)
        world_violate(model->world, "9: %s confirms and only %u witnesses can get in or lie",
                      checker_name(model, host), able);
    if (truth->damages[change].breaks_own && !truth->kernel->usurped[change])
        world_violate(model->world, "9: %s confirms and its own check is broken",
                      checker_name(model, host));
}

/* ---- how long it may stand ------------------------------------------------------------------- */

static void check_failing(struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    for (int w = 0; w < model->world->hosts_count; w++) {
        if (!at->has_baseline[w] || at->failing_since[w] < 0)
            continue;
        if (now > at->failing_since[w] + GRACE_MS + LATE_MS)
            world_violate(model->world, "11: %s stands, and %s has said no for %lld ms",
                          checker_name(model, host), model->world->hosts[w].name,
                          (long long)(now - at->failing_since[w]));
    }
}

/* It is for its guard to take it back. But for one that is frozen or dead (the watchdog and
 * ExecStopPost answer for it), and while it confirms: the disk decides then, nobody else (rule 12).
 */
static bool is_answered_for(const struct model_host *at, mono_t now)
{
    return at->stand == STANDS_CHANGED && !at->confirming_in_time &&
           (at->frozen_at < 0 || now - at->frozen_at >= LATE_MS);
}

int model_proof_age(const struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    if (!is_answered_for(at, now))
        return -1;
    if (now > at->deadline + LATE_MS)
        return 2;
    return now > at->deadline - LEASE_MS / 2;
}

void checker_check_proof(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];
    mono_t now = model->world->now;

    if (truth->frozen || !truth->guard_up)
        at->frozen_at = now;
    if (!is_answered_for(at, now))
        return;
    if (now > at->deadline + LATE_MS)
        world_violate(model->world, "3: %s stands %lld ms after its lease",
                      checker_name(model, host), (long long)(now - at->deadline));
    if (at->first_nonce_at >= 0 && now > at->first_nonce_at + SOAK_MS + 2 * LEASE_MS + LATE_MS)
        world_violate(model->world, "11: %s is still on trial %lld ms after its first nonce",
                      checker_name(model, host), (long long)(now - at->first_nonce_at));
    check_failing(model, host);
}
