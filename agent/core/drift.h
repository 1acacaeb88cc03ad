/*
 * drift: which of Oceanid's own rules, routes and addresses are gone, or stand altered.
 *
 * Not any difference of snapshots: pods, DHCP and peers come and go. What is owned is known by the
 * protocol number that the guard writes into the kernel (common/net/owner.c). What carries none
 * (links, settings, prefs, files) the guard compares (agent/guard/io/apply_drift.h).
 */
#ifndef AGENT_CORE_DRIFT_H
#define AGENT_CORE_DRIFT_H

#include "common/net/snapshot.h"

enum { DRIFT_MAX = 64 };

struct drift {      /* zeroed: nothing is owned */
    uint32_t count; /* more than DRIFT_MAX are not watched */
    char owned[DRIFT_MAX][SENTENCE_SIZE];
};

/* Takes what stands now as what is owned: at start, and when another change stands or a trial was
 * reverted (agent/io/carrier_drift.h). */
void drift_take(struct drift *drift, const struct snapshot *snapshot);

/* One line for each owned item that is not there as it was: "- 5140: from 203.0.113.10 lookup
 * main". Returns their number (at most max). */
uint32_t drift_find(const struct drift *drift, const struct snapshot *snapshot,
                    char (*ret_lines)[SENTENCE_SIZE], uint32_t max);

#endif
