/*
 * quota: how much one member may have written down.
 */
#include "controller/core/quota.h"

static void give_back(struct quota *quota, const struct quota_terms *terms, mono_t now)
{
    uint64_t back = now > quota->since ? (uint64_t)((now - quota->since) / terms->every_ms) : 0;

    if (back >= quota->used) {
        quota->used = 0;
        quota->since = now;
        return;
    }
    quota->used -= back;
    quota->since += (mono_t)back * terms->every_ms;
}

bool quota_is_left(struct quota *quota, const struct quota_terms *terms, mono_t now)
{
    give_back(quota, terms, now);
    return quota->used < terms->burst;
}

void quota_use(struct quota *quota, const struct quota_terms *terms, uint64_t count, mono_t now)
{
    give_back(quota, terms, now);
    quota->used = count < terms->burst - quota->used ? quota->used + count : terms->burst;
}
