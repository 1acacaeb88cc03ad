/*
 * terms: what of the manifest and its approval a trial needs, copied when it is prepared.
 */
#include "agent/guard/core/lease.h"

#include <string.h>

#include "common/core/text.h"

static bool is_fixed(const struct manifest *manifest, const char *check)
{
    for (uint32_t i = 0; i < manifest->fixes_count; i++) {
        if (text_equal(manifest->fixes[i], check))
            return true;
    }
    return false;
}

static void fill_checks(struct trial_terms *terms, const struct manifest *manifest,
                        const struct manifest_plan *plan)
{
    terms->checks_count = plan->checks_count;
    for (uint32_t i = 0; i < plan->checks_count; i++) {
        text_copy(terms->checks[i].name, NAME_SIZE, plan->checks[i].name);
        terms->checks[i].critical = plan->checks[i].severity == SEVERITY_CRITICAL;
        terms->checks[i].fixes = is_fixed(manifest, plan->checks[i].name);
    }
}

static void fill_earlier(struct trial_terms *terms, const struct manifest *manifest)
{
    int stage = manifest_stage_of(manifest, terms->node);

    for (int s = 0; s < stage; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++) {
            if (terms->earlier_count < NODES_MAX)
                text_copy(terms->earlier[terms->earlier_count++], NAME_SIZE,
                          manifest->stages[s].nodes[n]);
        }
    }
}

static void fill_begin(struct record_begin *begin, const struct guard_prepare *prepare)
{
    const struct approval *approval = prepare->approval;
    uint32_t skip = prepare->objects_count > RECORD_OBJECTS_MAX
                        ? prepare->objects_count - RECORD_OBJECTS_MAX
                        : 0;

    begin->objects_count = prepare->objects_count - skip;
    text_copy(begin->change, NAME_SIZE, prepare->manifest->change);
    begin->not_after = approval->not_after;
    for (uint32_t i = 0; i < begin->objects_count; i++)
        text_copy(begin->objects[i], sizeof(begin->objects[i]), prepare->objects[skip + i]);
    for (uint32_t i = 0; i < approval->lifts_count && i < LIFTS_MAX; i++) {
        begin->lifts_count = i + 1;
        begin->lifts[i].receipt = approval->lifts[i].receipt;
        begin->lifts[i].named = approval->lifts[i].reason[0] != '\0';
    }
}

void trial_terms_fill(struct trial_terms *terms, const char *node,
                      const struct guard_prepare *prepare)
{
    const struct manifest *m = prepare->manifest;
    const struct manifest_plan *plan = manifest_find_plan(m, node);

    memset(terms, 0, sizeof(*terms));
    text_copy(terms->node, NAME_SIZE, node);
    terms->soak_ms = (int64_t)m->soak_s * 1000;
    terms->lease_ms = (int64_t)m->lease_s * 1000;
    terms->period_ms = (int64_t)m->period_s * 1000;
    terms->apply_ms = (int64_t)m->apply_s * 1000;
    terms->settle_ms = (int64_t)m->settle_s * 1000;
    terms->grace_ms = (int64_t)m->grace_s * 1000;
    terms->revert_budget_ms = (int64_t)m->revert_budget_s * 1000;
    terms->quorum = plan->quorum;
    terms->witnesses_count = plan->witnesses_count;
    memcpy(terms->witnesses, plan->witnesses, sizeof(terms->witnesses));
    fill_checks(terms, m, plan);
    fill_earlier(terms, m);
    fill_begin(&terms->begin, prepare);
}
