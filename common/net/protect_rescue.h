/*
 * protect_rescue: the shields of a list of selectors: rules that look up main, a rescue table with
 * what main has now, and the same rules again that look up that table.
 */
#ifndef COMMON_NET_PROTECT_RESCUE_H
#define COMMON_NET_PROTECT_RESCUE_H

#include "common/net/fib.h"
#include "common/net/protect.h"

enum { PROTECT_SELECTORS_MAX = 64 };

struct protect_selectors {
    uint32_t count;
    struct {
        bool from; /* else to */
        struct prefix prefix;
    } items[PROTECT_SELECTORS_MAX];
};

struct protect_rescue {
    const struct snapshot *snapshot;
    const struct fib *main; /* decides by local and main only */
    const struct protect_selectors *selectors;
    struct protect_plan *plan;
};

/* Appends the shields to the plan: routes first, so that a rule never looks up an empty table.
 * What is there already is not repeated. ERR_LIMIT when it does not fit. */
bool protect_rescue_compile(struct protect_rescue *rescue, struct err *err);

#endif
