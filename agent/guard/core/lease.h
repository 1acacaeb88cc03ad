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
    unsigned soak_s;
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
};

enum { NONCES_MAX = 128 }; /* the newest are kept */

struct lease_nonce {
    struct nonce nonce;
    uint32_t number; /* from 1 */
    mono_t issued_at;
    bool fresh, last;
};

struct lease_witness {
    bool has_baseline;    /* without one it does not count */
    bool barred;          /* the own agent said that its source does not count */
    uint32_t heard;       /* number of the newest nonce it spoke over */
    uint32_t passed;      /* newest nonce over which it said pass */
    uint32_t seen;        /* newest nonce for which its source counted */
    mono_t proven_at;     /* issue of the newest nonce that it proved; MONO_NEVER: none */
    mono_t failing_since; /* MONO_NEVER: it does not fail */
};

struct lease_check {
    bool excused; /* failed before the change: not held against it */
    enum verdict_value value;
    mono_t failing_since;
};

struct lease {
    uint32_t nonces_count;                 /* ever issued */
    struct lease_nonce nonces[NONCES_MAX]; /* number n at (n - 1) % NONCES_MAX */
    struct lease_witness witnesses[NODES_MAX];
    struct lease_check checks[CHECKS_MAX];
    uint32_t own_heard;
    mono_t own_proven_at;
    mono_t first_issued_at, last_issued_at; /* of the newest */
    mono_t proven_until; /* the deadline; starts as start + apply + settle + lease */
    bool first_answered, last_answered;
};

/* Starts with the deadline before the first answer; keeps baselines that were taken. */
void lease_begin(struct lease *lease, const struct trial_terms *terms, mono_t started_at);
void lease_init(struct lease *lease);

/* Takes a baseline statement over the prepare nonce. */
void lease_take_baseline(struct lease *lease, const struct trial_terms *terms,
                         const struct statement *statement);
uint32_t lease_count_baselines(const struct lease *lease, const struct trial_terms *terms);

const struct lease_nonce *lease_issue(struct lease *lease, const struct nonce *nonce, mono_t now,
                                      bool fresh, bool last);

/* Takes a verified renewal; passes over what is not over one of its nonces younger than a lease. */
void lease_take(struct lease *lease, const struct trial_terms *terms,
                const struct statement *statement, mono_t now);
void lease_take_source(struct lease *lease, const struct trial_terms *terms,
                       const struct guard_event *ev);

/* When somebody who counts will have failed longer than the grace, and who; MONO_NEVER if none. */
mono_t lease_failing_until(const struct lease *lease, const struct trial_terms *terms,
                           char *ret_who, size_t size);
/* No counting witness and no held check fails now, and every check in `fixes` passes. The reason
 * says which does not. */
bool lease_may_confirm(const struct lease *lease, const struct trial_terms *terms, char *ret_why,
                       size_t size);

#endif
