/*
 * bars: what a controller refuses a start for beside the facts of the questions: another rollout
 * is open, or its number is used up.
 *
 * Pure. A start is refused by the first of them, and the gates show each below its question: who
 * asks beforehand hears what a start would.
 */
#ifndef CONTROLLER_CORE_BARS_H
#define CONTROLLER_CORE_BARS_H

#include "common/core/err.h"
#include "common/core/verdict.h"

enum bar {
    BAR_OPEN,       /* another one is open */
    BAR_INCOMPLETE, /* too many still follow up */
    BAR_KEYS,       /* the manifest has other keys than the roster */
    BAR_SEQUENCE,   /* its number was used */
    BAR_COUNT,
};

/* ERR_NONE: it bars nothing. ERR_SYSTEM: nobody could look, which is no yes. Zeroed: none. */
struct bars {
    struct err why[BAR_COUNT];
};

/* Refuses by the first that bars. */
bool bars_check(const struct bars *bars, struct err *err);

/* One of them as a line of evidence. */
void bars_judge(const struct bars *bars, enum bar bar, struct verdict *ret_verdict);

#endif
