/*
 * lease: how long a node on trial may stand: its nonces, and who has proven it over which.
 *
 * All times are the guard's CLOCK_BOOTTIME and count from the issue of its own nonces, never from
 * receipt (docs/protocol.md, Names; rules 7 to 11).
 */
#ifndef AGENT_GUARD_CORE_LEASE_H
#define AGENT_GUARD_CORE_LEASE_H

#include "agent/guard/core/event.h"

/* What of the manifest a trial needs, copied when it is prepared. */
struct trial_terms {
    char node[NAME_SIZE];
    int64_t soak_ms, lease_ms, period_ms, apply_ms, settle_ms, grace_ms, revert_budget_ms;
    uint32_t quorum;
    uint32_t witnesses_count;
    char witnesses[NODES_MAX][NAME_SIZE];
    uint32_t checks_count;
    struct {
        char name[NAME_SIZE];
        bool critical;
        bool fixes; /* named in the manifest's fixes: must pass to confirm */
    } checks[CHECKS_MAX];
    uint32_t earlier_count; /* nodes of all earlier stages */
    char earlier[NODES_MAX][NAME_SIZE];
    struct record_begin begin;
    bool persists[OPERATIONS_MAX]; /* its records have to be on the disk */
    bool joins[OPERATIONS_MAX];    /* may be applied in one go with the one before */
};

/* Fills all of it; node has a plan in the manifest. What is one an operation comes with
 * ON_PREPARED. */
void trial_terms_fill(struct trial_terms *terms, const char *node,
                      const struct guard_prepare *prepare);

enum { NONCES_MAX = 128 }; /* the newest are kept */

struct lease_nonce {
    struct nonce nonce;
    uint32_t number; /* from 1 */
    mono_t issued_at;
    bool last;
    uint64_t passed, failed, seen; /* bits by witness: said so over it; its source counted */
};
_Static_assert(NODES_MAX <= 64, "a bit each");

/* Issue of the newest nonce that was proven, and of the newest `last` one; LEASE_UNPROVEN: none. */
enum { LEASE_UNPROVEN = -1 };
struct lease_proof {
    mono_t any, last;
};

struct lease_witness {
    bool has_baseline; /* without one it does not count */
    bool barred;       /* the own agent said that its source does not count */
    uint32_t heard;    /* number of the newest nonce it spoke over */
    uint32_t sourced;  /* and of the newest for which its source was looked at */
    struct lease_proof proof;
    mono_t failing_since;  /* MONO_NEVER: it does not fail */
    char why[REASON_SIZE]; /* what it saw when it failed last */
};

struct lease_check {
    bool failed_before, passed_before; /* as the node itself said over the prepare nonce */
    enum verdict_value value;
    mono_t failing_since;
    char why[REASON_SIZE];
};

struct lease {
    uint32_t nonces_count;                 /* ever issued */
    struct lease_nonce nonces[NONCES_MAX]; /* number n at (n - 1) % NONCES_MAX */
    struct lease_witness witnesses[NODES_MAX];
    struct lease_check checks[CHECKS_MAX];
    uint32_t own_heard;
    struct lease_proof own, all; /* all: own and quorum */
    mono_t first_issued_at;
    mono_t until; /* the deadline: first start + apply + settle + lease, then by proof */
};

void lease_init(struct lease *lease);

/* Takes a verified baseline statement over the prepare nonce. */
void lease_take_baseline(struct lease *lease, const struct trial_terms *terms,
                         const struct statement *statement);

/* Whether this statement makes its signer a witness who counts, should its source. */
bool lease_is_baseline(const struct trial_terms *terms, const struct statement *statement);
int lease_find_witness(const struct trial_terms *terms, const char *name); /* -1: none */

/* The first touch: the deadline runs from here. */
void lease_begin(struct lease *lease, const struct trial_terms *terms, mono_t started_at);
const struct lease_nonce *lease_issue(struct lease *lease, const struct nonce *nonce, mono_t now,
                                      bool last);

/* Whether it is a renewal for this node, over one of its nonces younger than a lease: no other
 * counts, whoever signed it (docs/protocol.md rule 7). */
bool lease_awaits(const struct lease *lease, const struct trial_terms *terms,
                  const struct statement *statement, mono_t now);

/* Takes a verified renewal; passes over what it does not await. */
void lease_take(struct lease *lease, const struct trial_terms *terms,
                const struct statement *statement, mono_t now);

/* Takes what the own agent says of a witness's source, for that nonce. */
void lease_take_source(struct lease *lease, const struct trial_terms *terms,
                       const struct guard_event *ev);
void lease_bar(struct lease *lease, const struct trial_terms *terms, const char *witness,
               bool counts);

/* The last nonce was answered, and the answer is younger than a lease. */
bool lease_last_answered(const struct lease *lease, const struct trial_terms *terms, mono_t now);

/* When somebody who counts will have failed longer than the grace, and who; MONO_NEVER if none. */
mono_t lease_failing_until(const struct lease *lease, const struct trial_terms *terms,
                           char *ret_who, size_t size);

/* Somebody who counts says no now: a failing witness or held check, or one of `fixes`; who. */
bool lease_is_denied(const struct lease *lease, const struct trial_terms *terms, char *ret_who,
                     size_t size);

/* No counting witness and no held check fails now, and every check in `fixes` passes; what does not
 * goes to ret_why. */
bool lease_may_confirm(const struct lease *lease, const struct trial_terms *terms, char *ret_why,
                       size_t size);

#endif
