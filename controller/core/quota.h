/*
 * quota: how much of what one member says is written down: so much at once, and then one more every
 * so often. What it says beyond that counts as before and is not recorded, so that nobody fills a
 * disk that all need.
 *
 * Pure: times come in.
 */
#ifndef CONTROLLER_CORE_QUOTA_H
#define CONTROLLER_CORE_QUOTA_H

#include "common/core/mono.h"

#include <stdbool.h>

struct quota_terms {
    uint64_t burst;
    int64_t every_ms;
};

/* Zeroed in the beginning: nothing is used. */
struct quota {
    uint64_t used;
    mono_t since; /* when `used` was counted last */
};

/* Whether anything is left. */
bool quota_is_left(struct quota *quota, const struct quota_terms *terms, mono_t now);

/* So much was written; it may be more than was left. */
void quota_use(struct quota *quota, const struct quota_terms *terms, uint64_t count, mono_t now);

#endif
