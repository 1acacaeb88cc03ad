/*
 * change: compiles what an operator wrote to what is signed: who goes first, stages, plans, times.
 */
#include "common/change/change.h"

#include <string.h>

#include "common/change/plan.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/patience.h"

/* The lower, the sooner: an expendable node, any other, an exit node, the API server. */
enum { WEIGHT_FIRST, WEIGHT_OTHER, WEIGHT_PROTECTED };

static int weight_of(const struct fleet_node *node)
{
    if (!node->is_protected)
        return node->first ? WEIGHT_FIRST : WEIGHT_OTHER;
    return WEIGHT_PROTECTED + (node->exit_node ? 1 : 0) + (node->api_server ? 2 : 0);
}

static bool weigh_targets(const struct change *change, const struct fleet_file *fleet,
                          int *ret_weights, struct err *err)
{
    if (change->targets_count == 0 || change->targets_count > STAGES_MAX)
        return err_set(err, ERR_INPUT, "%u targets: accepted are 1 to %u", change->targets_count,
                       STAGES_MAX);
    for (uint32_t i = 0; i < change->targets_count; i++) {
        const struct fleet_node *node = fleet_file_find(fleet, change->targets[i]);

        if (node == NULL || node->witness_only)
            return err_set(err, ERR_INPUT, "target '%s' is no node of fleet.yaml",
                           change->targets[i]);
        for (uint32_t j = 0; j < i; j++) {
            if (text_equal(change->targets[i], change->targets[j]))
                return err_set(err, ERR_INPUT, "target '%s' is named twice", change->targets[i]);
        }
        ret_weights[i] = weight_of(node);
    }
    return true;
}

static uint32_t lightest(const int *weights, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++) {
        if (weights[i] < weights[best])
            best = i;
    }
    return best;
}

bool change_choose_first(const struct change *change, const struct fleet_file *fleet,
                         uint32_t *ret_index, struct text *ret_reason, struct err *err)
{
    int weights[NODES_MAX];
    const struct fleet_node *node;

    if (!weigh_targets(change, fleet, weights, err))
        return false;
    *ret_index = lightest(weights, change->targets_count);
    node = fleet_file_find(fleet, change->targets[*ret_index]);
    if (!node->is_protected) {
        text_add(ret_reason, "%s goes first: %s", node->name,
                 node->first ? "fleet.yaml says `first: true`"
                             : "the first target that is not protected");
        return true;
    }
    if (!change->waived[WAIVE_PROTECTED_FIRST])
        return err_set(err, ERR_INPUT,
                       "all targets are protected (by `protected`, `exit-node` or `api-server` in "
                       "fleet.yaml), so nothing expendable goes first; add an unprotected target, "
                       "or write `waive: {protected-first: REASON}`");
    if (node->console[0] == '\0')
        return err_set(err, ERR_INPUT,
                       "%s is protected and would go first: fleet.yaml must "
                       "declare a `console` for it",
                       node->name);
    text_add(ret_reason, "%s goes first: the least critical of protected targets, waived: %s",
             node->name, change->waiver_reasons[WAIVE_PROTECTED_FIRST]);
    return true;
}

/* Into the last stage: never into the first, and protected nodes into none of others. */
static bool joins_last(const struct manifest *manifest, int weight, unsigned size)
{
    return manifest->stages_count > 1 && weight < WEIGHT_PROTECTED &&
           manifest->stages[manifest->stages_count - 1].nodes_count < size;
}

/* By weight, then as listed; one node a stage unless more are asked for (docs/protocol.md rule 4).
 */
static void compile_stages(const struct change *change, const struct policy *policy, int *weights,
                           struct manifest *manifest)
{
    enum { TAKEN = 1000 };
    unsigned size = change->stage_size != 0 ? change->stage_size : policy->stage_size;

    manifest->stages = mem_alloc(change->targets_count, sizeof(*manifest->stages));
    for (uint32_t i = 0; i < change->targets_count; i++) {
        uint32_t target = lightest(weights, change->targets_count);
        struct stage *stage;

        if (!joins_last(manifest, weights[target], size))
            manifest->stages_count++;
        stage = &manifest->stages[manifest->stages_count - 1];
        text_copy(stage->nodes[stage->nodes_count++], NAME_SIZE, change->targets[target]);
        weights[target] = TAKEN;
    }
}

static bool compile_plans(const struct change *change, const struct change_inputs *inputs,
                          struct manifest *manifest, struct err *err)
{
    manifest->plans = mem_alloc(change->targets_count, sizeof(*manifest->plans));
    manifest->plans_count = change->targets_count;
    for (uint32_t i = 0; i < change->targets_count; i++) {
        if (!plan_compile(change, inputs, i, &manifest->plans[i], err) ||
            !manifest_check_prefs(&manifest->plans[i], err))
            return false;
    }
    return true;
}

static bool is_concerned(const struct manifest *manifest, const char *name)
{
    for (uint32_t p = 0; p < manifest->plans_count; p++) {
        const struct manifest_plan *plan = &manifest->plans[p];

        if (text_equal(plan->node, name))
            return true;
        for (uint32_t w = 0; w < plan->witnesses_count; w++) {
            if (text_equal(plan->witnesses[w], name))
                return true;
        }
    }
    return false;
}

static void compile_roster(const struct roster *roster, struct manifest *manifest)
{
    manifest->roster = mem_alloc(roster->entries_count, sizeof(*manifest->roster));
    for (uint32_t i = 0; i < roster->entries_count; i++) {
        if (is_concerned(manifest, roster->entries[i].name))
            manifest->roster[manifest->roster_count++] = roster->entries[i];
    }
}

static unsigned clamp(unsigned value, unsigned min, unsigned max)
{
    if (value < min)
        return min;
    return value > max ? max : value;
}

/* Of the node for which it is most. */
static void fill_patience(struct manifest *manifest)
{
    manifest->apply_s = manifest->revert_budget_s = 0;
    for (uint32_t p = 0; p < manifest->plans_count; p++) {
        const struct manifest_plan *plan = &manifest->plans[p];
        struct patience patience = {0};

        for (uint32_t i = 0; i < plan->operations_count; i++)
            patience_add(&patience, &plan->operations[i]);
        if (patience_apply_s(&patience) > manifest->apply_s)
            manifest->apply_s = patience_apply_s(&patience);
        if (patience_revert_s(&patience) > manifest->revert_budget_s)
            manifest->revert_budget_s = patience_revert_s(&patience);
    }
}

/* The lease is given; its parts are cut from it so that docs/protocol.md rule 7 holds with room to
 * spare, down to a lease of 4 s. Below that manifest_validate refuses with the arithmetic. */
static bool compile_times(const struct change *change, const struct policy *policy,
                          struct manifest *manifest, struct err *err)
{
    unsigned lease_s = change->lease_s != 0 ? change->lease_s : policy->lease_s;

    manifest->soak_s = change->soak_s != 0 ? change->soak_s : policy->soak_s;
    if (manifest->soak_s < policy->soak_min_s)
        return err_set(err, ERR_INPUT, "soak %u s: the fleet's policy accepts %u s or more",
                       manifest->soak_s, policy->soak_min_s);
    manifest->lease_s = lease_s;
    manifest->path_s = clamp(lease_s / 3, 2, 7); /* an SSH try of 5 s, and two ways of 1 s */
    manifest->period_s = clamp(lease_s / 4, 1, 15);
    manifest->dial_s = clamp(lease_s / 4, 1, 10);
    manifest->settle_s = clamp(lease_s / 4, 1, 10);
    manifest->grace_s = clamp(manifest->period_s + manifest->path_s, 1, lease_s);
    fill_patience(manifest);
    manifest->pause_after = change->has_pause_after ? change->pause_after : policy->pause_after;
    return true;
}

static void copy_words(const struct change *change, const struct change_inputs *inputs,
                       struct manifest *manifest)
{
    text_copy(manifest->change, sizeof(manifest->change), change->name);
    text_copy(manifest->reason, sizeof(manifest->reason), change->reason);
    text_copy(manifest->reference, sizeof(manifest->reference), change->reference);
    text_copy(manifest->justification, sizeof(manifest->justification), change->justification);
    manifest->fixes_count = change->fixes_count;
    memcpy(manifest->fixes, change->fixes, sizeof(manifest->fixes));
    manifest->fleet_hash = *inputs->fleet_hash;
    memcpy(manifest->waived, change->waived, sizeof(manifest->waived));
    memcpy(manifest->waiver_reasons, change->waiver_reasons, sizeof(manifest->waiver_reasons));
}

static bool compile(const struct change *change, const struct change_inputs *inputs,
                    struct manifest *manifest, struct err *err)
{
    int weights[NODES_MAX];
    char reason[SENTENCE_SIZE];
    struct text text = TEXT_IN(reason);
    uint32_t first;

    if (!change_choose_first(change, inputs->fleet, &first, &text, err) ||
        !weigh_targets(change, inputs->fleet, weights, err))
        return false;
    copy_words(change, inputs, manifest);
    compile_stages(change, &inputs->fleet->policy, weights, manifest);
    if (!compile_plans(change, inputs, manifest, err))
        return false;
    compile_roster(inputs->roster, manifest);
    return compile_times(change, &inputs->fleet->policy, manifest, err) &&
           manifest_validate(manifest, err);
}

bool change_compile(const struct change *change, const struct change_inputs *inputs,
                    struct manifest *ret_manifest, struct err *err)
{
    *ret_manifest = (struct manifest){0};
    if (compile(change, inputs, ret_manifest, err))
        return true;
    manifest_done(ret_manifest);
    return err_wrap(err, "change %s", change->name);
}
