/*
 * gates: the same questions of the fleet as it is, before something else is deployed on it.
 */
#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/core/gates.h"

enum { QUORUM = 2 };

/* ---- whom it is asked of ---------------------------------------------------------------------
 */

static void fill_plan(const struct fleet_file *file, const struct fleet_node *node,
                      struct manifest_plan *plan)
{
    text_copy(plan->node, sizeof(plan->node), node->name);
    plan->ssh = node->ssh;
    plan->ssh.audience = fleet_file_audience(&plan->ssh.address);
    plan->quorum = QUORUM;
    for (uint32_t i = 0; i < file->nodes_count; i++) {
        if (!text_equal(file->nodes[i].name, node->name))
            text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE, file->nodes[i].name);
    }
}

void gates_fleet_manifest(const struct fleet_file *file, struct manifest *ret_manifest)
{
    *ret_manifest = (struct manifest){0};
    ret_manifest->plans = mem_alloc(NODES_MAX, sizeof(*ret_manifest->plans));
    ret_manifest->stages = mem_alloc(NODES_MAX, sizeof(*ret_manifest->stages));
    for (uint32_t i = 0; i < file->nodes_count; i++) {
        struct stage *stage;

        if (file->nodes[i].witness_only)
            continue;
        fill_plan(file, &file->nodes[i], &ret_manifest->plans[ret_manifest->plans_count++]);
        stage = &ret_manifest->stages[ret_manifest->stages_count++];
        text_copy(stage->nodes[stage->nodes_count++], NAME_SIZE, file->nodes[i].name);
    }
}

/* ---- what is asked ---------------------------------------------------------------------------
 */

struct fact {
    const char *node; /* "" for the whole fleet */
    const char *check, *expected, *observed;
    enum verdict_value value;
};

static void add_fact(struct gate_answer *answer, const struct fact *fact)
{
    verdict_set(&gates_add_evidence(answer, fact->node, fact->check, fact->value)->verdict,
                fact->value, fact->expected, fact->observed);
}

static void add_yes(struct gate_answer *answer, const char *observed)
{
    const struct fact fact = {"", "no change", "no change is asked about", observed, VERDICT_PASS};

    add_fact(answer, &fact);
}

/* What its guard said itself, in a session that goes on. */
static bool is_known(const struct fleet_member *member)
{
    return member != NULL && member->connected && member->stack_is_of_session;
}

static void judge_stack(const char *node, const struct fleet_member *member,
                        struct gate_answer *answer)
{
    char observed[REASON_SIZE] = "its guard has not said what stands";
    struct fact fact = {node, "stack", "its guard keeps the undo of all that stands", observed,
                        is_known(member) ? VERDICT_PASS : VERDICT_UNKNOWN};
    const struct generation *doubt = is_known(member) ? stack_find_doubt(&member->stack) : NULL;

    if (doubt != NULL) {
        fact.value = VERDICT_FAIL;
        snprintf(observed, sizeof(observed),
                 "its disk lost how %s ended: it may stand or not; take it back first: "
                 "`oceanidctl emergency-rollback --node %s --to %s`",
                 doubt->change, node, doubt->change);
    } else if (is_known(member))
        snprintf(observed, sizeof(observed), "%u changes stand, each with its undo",
                 member->stack.generations_count);
    add_fact(answer, &fact);
}

static void judge_trial(const char *node, const struct fleet_member *member,
                        struct gate_answer *answer)
{
    struct fact fact = {node, "trial", "no trial is open", "none is open", VERDICT_PASS};

    if (!is_known(member)) {
        fact.value = VERDICT_UNKNOWN;
        fact.observed = "its guard has not said whether one is open";
    } else if (member->stack.trial_open) {
        fact.value = VERDICT_FAIL;
        fact.observed = "one is open, which ends by itself: `oceanidctl rollout watch`";
    }
    add_fact(answer, &fact);
}

static void judge_drift(const char *node, const struct fleet_member *member,
                        struct gate_answer *answer)
{
    struct fact fact = {node, "drift", "what was confirmed stands unaltered", "no drift",
                        VERDICT_PASS};

    if (member == NULL || !member->connected) {
        fact.value = VERDICT_UNKNOWN;
        fact.observed = "it is not connected";
    } else if (!member->has_told) {
        fact.value = VERDICT_UNKNOWN;
        fact.observed = "it has not said since it connected";
    } else if (member->drift_count > 0) {
        fact.value = VERDICT_FAIL;
        fact.observed = member->drift[0];
    }
    add_fact(answer, &fact);
}

/* A pass of what was asked instead is no yes to the question. */
static const char *const insteads[GATE_COUNT] = {
    [GATE_NEEDED] = "no change is named",
    [GATE_APPROVED] = "no change is named, and nobody was asked",
    [GATE_REVERSIBLE] = "no change is named; what stands has its undo, and none of it is in doubt",
    [GATE_ONE_FIRST] = "no change is named; no rollout and no trial is open",
    [GATE_DOCUMENTED] = "no change is named; what was confirmed stands unaltered",
};

static void set_instead(enum gate gate, struct gate_answer *answer)
{
    if (insteads[gate] == NULL)
        return;
    text_copy(answer->instead, sizeof(answer->instead), insteads[gate]);
    if (answer->verdict.value == VERDICT_PASS)
        text_copy(answer->verdict.observed, sizeof(answer->verdict.observed), insteads[gate]);
}

void gates_evaluate_fleet(const struct gates_inputs *inputs, struct gates *ret_gates)
{
    struct gate_answer *answers = ret_gates->answers;

    *ret_gates = (struct gates){0};
    gates_judge_working(inputs, &answers[GATE_WORKING]);
    add_yes(&answers[GATE_NEEDED], "no network is changed, so none has to be broken");
    add_yes(&answers[GATE_APPROVED], "no network is changed, so nobody has to be asked");
    gates_add_bar(inputs, BAR_OPEN, &answers[GATE_ONE_FIRST]);
    gates_judge_hold(inputs, &answers[GATE_HOLD]);
    for (uint32_t i = 0; i < inputs->manifest->plans_count; i++) {
        const struct manifest_plan *plan = &inputs->manifest->plans[i];
        const struct fleet_member *member = fleet_find(inputs->fleet, plan->node);

        judge_stack(plan->node, member, &answers[GATE_REVERSIBLE]);
        judge_trial(plan->node, member, &answers[GATE_ONE_FIRST]);
        judge_drift(plan->node, member, &answers[GATE_DOCUMENTED]);
        gates_judge_paths(inputs, plan, ret_gates);
    }
    gates_finish(inputs, ret_gates);
    gates_name_cluster(inputs, &answers[GATE_CLUSTER_PATH]);
    for (unsigned i = 0; i < GATE_COUNT; i++)
        set_instead((enum gate)i, &answers[i]);
}
