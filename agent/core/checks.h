/*
 * checks: what a declared expectation comes to on this snapshot.
 *
 * Pure: whatever has to be tried on the network was tried before and comes in as a probe result.
 * unknown is never pass: what could not be looked at, or is not there to be looked at, is unknown
 * with the reason.
 */
#ifndef AGENT_CORE_CHECKS_H
#define AGENT_CORE_CHECKS_H

#include "common/change/check.h"
#include "common/net/fib.h"

enum probe_outcome {
    PROBE_MISSING,  /* not tried yet */
    PROBE_ANSWERED, /* answer says with what */
    PROBE_FAILED,   /* refused, silent, hung up: why says it */
    PROBE_UNCLEAR,  /* nothing follows for the target: no name server, a penalty for our source */
};

struct probe_result {
    enum probe_outcome outcome;
    char answer[REASON_SIZE]; /* banner, address seen; "" for kinds that only connect */
    char host_key[80];        /* "SHA256:..." */
    char why[REASON_SIZE];
    struct address address; /* that was tried */
    struct address source;  /* of our own connection */
    uint16_t source_port;
    unsigned took_ms;
};

/* Whether the kind needs a probe result (else it may be NULL). */
bool checks_need_probe(enum check_kind kind);

/* fib is an index over snapshot. Fills all of ret_verdict. */
void checks_evaluate(const struct check *check, const struct snapshot *snapshot,
                     const struct fib *fib, const struct probe_result *probe,
                     struct verdict *ret_verdict);

/* Makes a verdict that rests on the snapshot unknown if its tables were read longer ago than
 * OBSERVED_MAX_MS: nobody knows that it is still so. What was only tried stays as it is. */
void checks_doubt(const struct check *check, int64_t age_ms, struct verdict *verdict);

/* The peer that prefs.ExitNodeID names; NULL: none, or not among the peers. */
const struct tailscale_peer *checks_exit_peer(const struct snapshot *snapshot);

/* ---- attempts and passes in a row -------------------------------------------------------------
 */

/* Zeroed at first. shown is what is reported. */
struct check_state {
    unsigned fails, passes; /* in a row, until now */
    bool was_shown;
    struct verdict shown;
};

/* Takes a fresh verdict: a failure shows after check->attempts in a row, a pass after
 * check->passes; unknown shows at once. True if value or observed text of what is shown changed. */
bool checks_settle(struct check_state *state, const struct check *check,
                   const struct verdict *fresh);

/* The checks that every agent has without being told: SSH reply path and agent -> controller.
 * Returns their number, at most 2. */
size_t checks_built_in(struct check ret_checks[2]);

#endif
