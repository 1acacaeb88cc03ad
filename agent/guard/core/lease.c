/*
 * lease: how long a node on trial may stand: its nonces, and who has proven it over which.
 */
#include "agent/guard/core/lease.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"

static const struct lease_proof unproven = {LEASE_UNPROVEN, LEASE_UNPROVEN};

void lease_init(struct lease *lease)
{
    memset(lease, 0, sizeof(*lease));
    lease->own = unproven;
    lease->all = unproven;
    lease->first_issued_at = MONO_NEVER;
    lease->until = MONO_NEVER;
    for (unsigned i = 0; i < NODES_MAX; i++) {
        lease->witnesses[i].proof = unproven;
        lease->witnesses[i].failing_since = MONO_NEVER;
    }
    for (unsigned i = 0; i < CHECKS_MAX; i++)
        lease->checks[i].failing_since = MONO_NEVER;
}

/* ---- baseline ------------------------------------------------------------------------------- */

int lease_find_witness(const struct trial_terms *terms, const char *name)
{
    for (uint32_t i = 0; i < terms->witnesses_count; i++) {
        if (text_equal(terms->witnesses[i], name))
            return (int)i;
    }
    return -1;
}

static enum verdict_value worst_of(const struct statement *statement)
{
    enum verdict_value worst = statement->own_failing ? VERDICT_FAIL : VERDICT_PASS;

    for (uint32_t i = 0; i < statement->verdicts_count; i++)
        worst = verdict_worst(worst, statement->verdicts[i].value);
    if (statement->verdicts_count == 0)
        worst = verdict_worst(worst, VERDICT_UNKNOWN);
    return worst;
}

/* NULL: it says nothing about that check. */
static const struct verdict *find_verdict(const struct statement *statement, const char *check)
{
    for (uint32_t i = 0; i < statement->verdicts_count; i++) {
        if (text_equal(statement->verdicts[i].check, check))
            return &statement->verdicts[i];
    }
    return NULL;
}

static enum verdict_value verdict_of(const struct statement *statement, const char *check)
{
    const struct verdict *verdict = find_verdict(statement, check);

    return verdict != NULL ? verdict->value : VERDICT_UNKNOWN;
}

/* What failed, as the one who saw it says. */
static void tell_why(const struct statement *statement, char *to, size_t size)
{
    for (uint32_t i = 0; i < statement->verdicts_count; i++) {
        const struct verdict *verdict = &statement->verdicts[i];

        if (verdict->value == VERDICT_FAIL) {
            snprintf(to, size, "%s: %s", verdict->check, verdict->observed);
            return;
        }
    }
    text_copy(to, size, "one of its own critical checks fails since");
}

/* Whoever fails before the change proves nothing by failing in it (docs/protocol.md rule 2). */
bool lease_is_baseline(const struct trial_terms *terms, const struct statement *statement)
{
    return statement->phase == PHASE_BASELINE &&
           lease_find_witness(terms, statement->signer) >= 0 && worst_of(statement) == VERDICT_PASS;
}

void lease_take_baseline(struct lease *lease, const struct trial_terms *terms,
                         const struct statement *statement)
{
    if (statement->phase != PHASE_BASELINE)
        return;
    if (lease_is_baseline(terms, statement))
        lease->witnesses[lease_find_witness(terms, statement->signer)].has_baseline = true;
    if (!text_equal(statement->signer, terms->node))
        return;
    for (uint32_t i = 0; i < terms->checks_count; i++) {
        enum verdict_value value = verdict_of(statement, terms->checks[i].name);

        lease->checks[i].failed_before |= value == VERDICT_FAIL;
        lease->checks[i].passed_before |= value == VERDICT_PASS;
    }
}

/* Not held against the change: it failed before. One that has passed as well is held, whichever of
 * the two the controller gave last. */
static bool is_excused(const struct lease_check *check)
{
    return check->failed_before && !check->passed_before;
}

/* ---- nonces and proofs ---------------------------------------------------------------------- */

void lease_begin(struct lease *lease, const struct trial_terms *terms, mono_t started_at)
{
    lease->until = started_at + terms->apply_ms + terms->settle_ms + terms->lease_ms;
}

const struct lease_nonce *lease_issue(struct lease *lease, const struct nonce *nonce, mono_t now,
                                      bool last)
{
    struct lease_nonce *issued = &lease->nonces[lease->nonces_count % NONCES_MAX];

    issued->nonce = *nonce;
    issued->number = ++lease->nonces_count;
    issued->issued_at = now;
    issued->last = last;
    issued->passed = issued->failed = issued->seen = 0;
    if (issued->number == 1)
        lease->first_issued_at = now;
    return issued;
}

/* Which of its own; -1 for any other, for those that newer ones have pushed out, and for those that
 * are a lease old (docs/protocol.md rule 7). */
static int find_nonce(const struct lease *lease, const struct trial_terms *terms,
                      const struct nonce *nonce, mono_t now)
{
    for (uint32_t i = 0; i < NONCES_MAX && i < lease->nonces_count; i++) {
        if (nonce_equal(&lease->nonces[i].nonce, nonce))
            return now < lease->nonces[i].issued_at + terms->lease_ms ? (int)i : -1;
    }
    return -1;
}

static void advance(mono_t *at, mono_t to)
{
    if (to > *at)
        *at = to;
}

static void prove(struct lease_proof *proof, const struct lease_nonce *nonce)
{
    advance(&proof->any, nonce->issued_at);
    if (nonce->last)
        advance(&proof->last, nonce->issued_at);
}

static bool counts(const struct lease_witness *witness)
{
    return witness->has_baseline && !witness->barred;
}

/* The quorum-th newest of what the counting witnesses proved; LEASE_UNPROVEN if they are fewer. */
static mono_t quorum_of(const struct lease *lease, const struct trial_terms *terms, bool last)
{
    mono_t best = LEASE_UNPROVEN;

    for (uint32_t i = 0; i < terms->witnesses_count; i++) {
        const struct lease_witness *at = &lease->witnesses[i];
        mono_t proven = last ? at->proof.last : at->proof.any;
        uint32_t as_new = 0;

        for (uint32_t j = 0; j < terms->witnesses_count; j++) {
            const struct lease_witness *other = &lease->witnesses[j];

            as_new += counts(other) && (last ? other->proof.last : other->proof.any) >= proven;
        }
        if (counts(at) && as_new >= terms->quorum)
            advance(&best, proven);
    }
    return best;
}

/* docs/protocol.md rule 10: the oldest of what the quorum and the node itself have proven. */
static void renew(struct lease *lease, const struct trial_terms *terms, mono_t now)
{
    mono_t any = mono_min(quorum_of(lease, terms, false), lease->own.any);

    advance(&lease->all.last, mono_min(quorum_of(lease, terms, true), lease->own.last));
    if (any <= lease->all.any || now >= mono_add(any, terms->lease_ms))
        return; /* made up of parts of which one is older than a lease: no proof */
    lease->all.any = any;
    lease->until = any + terms->lease_ms;
}

/* What its newest statement says of a check. */
static void take_check(struct lease_check *check, const struct verdict *verdict, bool held,
                       mono_t now)
{
    check->value = verdict != NULL ? verdict->value : VERDICT_UNKNOWN;
    if (check->value == VERDICT_PASS)
        check->failing_since = MONO_NEVER;
    if (check->value != VERDICT_FAIL)
        return;
    text_copy(check->why, sizeof(check->why), verdict->observed);
    if (held)
        check->failing_since = mono_min(check->failing_since, now);
}

/* An older nonce may still be proven, a last one above all whose dial was slow; but what is known
 * of the checks is the newest. */
static void take_own(struct lease *lease, const struct trial_terms *terms,
                     const struct statement *statement, const struct lease_nonce *nonce, mono_t now)
{
    bool newest = nonce->number >= lease->own_heard;
    bool proven = true;

    if (newest)
        lease->own_heard = nonce->number;
    for (uint32_t i = 0; i < terms->checks_count; i++) {
        const struct verdict *verdict = find_verdict(statement, terms->checks[i].name);
        bool held = terms->checks[i].critical && !is_excused(&lease->checks[i]);

        if (newest)
            take_check(&lease->checks[i], verdict, held, now);
        proven &= !held || (verdict != NULL && verdict->value == VERDICT_PASS);
    }
    if (proven)
        prove(&lease->own, nonce);
}

/* A pass proves only with a source that counted for the same nonce, in whichever order. */
static void join_source(struct lease *lease, int witness, const struct lease_nonce *nonce)
{
    uint64_t bit = UINT64_C(1) << witness;

    if ((nonce->passed & nonce->seen & ~nonce->failed & bit) != 0)
        prove(&lease->witnesses[witness].proof, nonce);
}

static void take_witness(struct lease *lease, int at, const struct statement *statement,
                         struct lease_nonce *nonce, mono_t now)
{
    struct lease_witness *witness = &lease->witnesses[at];
    enum verdict_value value = worst_of(statement);
    uint64_t bit = UINT64_C(1) << at;
    bool newest = nonce->number >= witness->heard;

    if (newest)
        witness->heard = nonce->number;
    if (value == VERDICT_FAIL) {
        nonce->failed |= bit;
        if (newest) {
            witness->failing_since = mono_min(witness->failing_since, now);
            tell_why(statement, witness->why, sizeof(witness->why));
        }
    } else if (value == VERDICT_PASS && (nonce->failed & bit) == 0) {
        nonce->passed |= bit;
        if (newest)
            witness->failing_since = MONO_NEVER;
        join_source(lease, at, nonce);
    }
}

bool lease_awaits(const struct lease *lease, const struct trial_terms *terms,
                  const struct statement *statement, mono_t now)
{
    return statement->phase == PHASE_RENEWAL && text_equal(statement->subject, terms->node) &&
           find_nonce(lease, terms, &statement->nonce, now) >= 0;
}

void lease_take(struct lease *lease, const struct trial_terms *terms,
                const struct statement *statement, mono_t now)
{
    int witness = lease_find_witness(terms, statement->signer);
    struct lease_nonce *nonce;

    if (!lease_awaits(lease, terms, statement, now))
        return;
    nonce = &lease->nonces[find_nonce(lease, terms, &statement->nonce, now)];
    if (text_equal(statement->signer, terms->node))
        take_own(lease, terms, statement, nonce, now);
    else if (witness >= 0)
        take_witness(lease, witness, statement, nonce, now);
    renew(lease, terms, now);
}

void lease_bar(struct lease *lease, const struct trial_terms *terms, const char *witness,
               bool does_count)
{
    int at = lease_find_witness(terms, witness);

    if (at < 0)
        return;
    lease->witnesses[at].barred = !does_count;
    if (!does_count)
        lease->witnesses[at].failing_since = MONO_NEVER;
}

void lease_take_source(struct lease *lease, const struct trial_terms *terms,
                       const struct guard_event *ev)
{
    int found = find_nonce(lease, terms, &ev->source.nonce, ev->now);
    int at = lease_find_witness(terms, ev->source.witness);
    struct lease_nonce *nonce;

    if (found < 0 || at < 0)
        return;
    nonce = &lease->nonces[found];
    if (nonce->number >= lease->witnesses[at].sourced) {
        lease->witnesses[at].sourced = nonce->number;
        lease_bar(lease, terms, ev->source.witness, ev->source.counts);
    }
    if (ev->source.counts) {
        nonce->seen |= UINT64_C(1) << at;
        join_source(lease, at, nonce);
    }
    renew(lease, terms, ev->now);
}

/* ---- questions ------------------------------------------------------------------------------ */

bool lease_last_answered(const struct lease *lease, const struct trial_terms *terms, mono_t now)
{
    return lease->all.last != LEASE_UNPROVEN && now < lease->all.last + terms->lease_ms;
}

mono_t lease_failing_until(const struct lease *lease, const struct trial_terms *terms,
                           char *ret_who, size_t size)
{
    mono_t until = MONO_NEVER;

    for (uint32_t i = 0; i < terms->witnesses_count; i++) {
        mono_t ends = mono_add(lease->witnesses[i].failing_since, terms->grace_ms);

        if (counts(&lease->witnesses[i]) && ends < until) {
            until = ends;
            snprintf(ret_who, size, "witness %s: %s", terms->witnesses[i], lease->witnesses[i].why);
        }
    }
    for (uint32_t i = 0; i < terms->checks_count; i++) {
        mono_t ends = mono_add(lease->checks[i].failing_since, terms->grace_ms);

        if (ends < until) {
            until = ends;
            snprintf(ret_who, size, "check %s: %s", terms->checks[i].name, lease->checks[i].why);
        }
    }
    return until;
}

/* The first check of `fixes` that does not pass; -1: all do. */
static int find_unfixed(const struct lease *lease, const struct trial_terms *terms, bool denied)
{
    for (uint32_t i = 0; i < terms->checks_count; i++) {
        enum verdict_value value = lease->checks[i].value;

        if (terms->checks[i].fixes && (denied ? value == VERDICT_FAIL : value != VERDICT_PASS))
            return (int)i;
    }
    return -1;
}

static bool say_unfixed(const struct lease *lease, const struct trial_terms *terms, int check,
                        char *ret_why, size_t size)
{
    if (check < 0)
        return false;
    snprintf(ret_why, size, "check %s, which the change is to fix: %s", terms->checks[check].name,
             verdict_format(lease->checks[check].value));
    return true;
}

bool lease_is_denied(const struct lease *lease, const struct trial_terms *terms, char *ret_who,
                     size_t size)
{
    return lease_failing_until(lease, terms, ret_who, size) != MONO_NEVER ||
           say_unfixed(lease, terms, find_unfixed(lease, terms, true), ret_who, size);
}

bool lease_may_confirm(const struct lease *lease, const struct trial_terms *terms, char *ret_why,
                       size_t size)
{
    return lease_failing_until(lease, terms, ret_why, size) == MONO_NEVER &&
           !say_unfixed(lease, terms, find_unfixed(lease, terms, false), ret_why, size);
}
