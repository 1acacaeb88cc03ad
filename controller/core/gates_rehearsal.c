/*
 * gates: what came of a target's operations in a rehearsal on the node itself.
 */
#include <stdio.h>
#include <string.h>

#include "controller/core/gates.h"

static const char expected[] =
    "its kernel accepts each operation in a rehearsal, and the undo brings everything back";

static struct gate_evidence *add(struct gate_answer *answer, const struct manifest_plan *plan,
                                 enum verdict_value value, const char *observed)
{
    struct gate_evidence *evidence = gates_add_evidence(answer, plan->node, "rehearsal", value);

    verdict_set(&evidence->verdict, value, expected, observed);
    return evidence;
}

static void await_it(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                     struct gate_answer *answer, const char *observed)
{
    gates_set_awaits(inputs, add(answer, plan, VERDICT_UNKNOWN, observed),
                     "its guard to have it rehearsed");
}

/* False: there is none that may be judged by. */
static bool check_there(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                        const struct fleet_member *member, struct gate_answer *answer)
{
    const struct fleet_rehearsal *known = &member->rehearsal;
    char observed[REASON_SIZE];

    if (known->rehearsal == NULL || !hash_equal(&known->body, &inputs->approval->attempt.body)) {
        await_it(
            inputs, plan, answer,
            "not rehearsed: its guard has not answered in time, or a viewer asked; with its agent "
            "connected and oceanid-rehearse.socket running there, `oceanidctl plan CHANGE.yaml` by "
            "ci or an "
            "operator asks again");
        return false;
    }
    if (inputs->now - known->at <= FLEET_REHEARSAL_OLD_MS)
        return true;
    snprintf(observed, sizeof(observed),
             "rehearsed %lld s ago: good for %d s; `oceanidctl plan CHANGE.yaml` asks again",
             (long long)(inputs->now - known->at) / 1000, FLEET_REHEARSAL_OLD_MS / 1000);
    await_it(inputs, plan, answer, observed);
    return false;
}

static void say_one(const struct manifest_plan *plan, const struct rehearsal *rehearsal, uint32_t i,
                    enum verdict_value value, struct gate_answer *answer)
{
    char line[2 * REASON_SIZE] = "";
    struct text text = TEXT_IN(line);

    rehearsal_explain(rehearsal, plan->operations, i, &text);
    add(answer, plan, value, line);
}

/* What could not be rehearsed is named, each by itself. */
static void say_unseen(const struct manifest_plan *plan, const struct rehearsal *rehearsal,
                       struct gate_answer *answer)
{
    for (uint32_t i = 0; i < plan->operations_count; i++) {
        if (rehearsal->operations[i].outcome == REHEARSED_UNSEEN)
            say_one(plan, rehearsal, i, VERDICT_PASS, answer);
    }
}

static void say_good(const struct manifest_plan *plan, const struct rehearsal *rehearsal,
                     struct gate_answer *answer)
{
    char observed[2 * REASON_SIZE];
    uint32_t good = 0;

    for (uint32_t i = 0; i < plan->operations_count; i++)
        good += rehearsal->operations[i].outcome == REHEARSED_GOOD;
    snprintf(observed, sizeof(observed), "%u of %u operations accepted and taken back%s%s", good,
             plan->operations_count, rehearsal->lacks[0] != '\0' ? "; " : "", rehearsal->lacks);
    add(answer, plan, VERDICT_PASS, observed);
}

void gates_judge_rehearsal(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                           const struct fleet_member *member, struct gate_answer *answer)
{
    const struct rehearsal *rehearsal = member->rehearsal.rehearsal;
    enum verdict_value value;
    size_t before = answer->evidence_count;
    uint32_t worst;

    if (!check_there(inputs, plan, member, answer))
        return;
    value = rehearsal_judge(rehearsal, plan->operations_count);
    worst = rehearsal_worst(rehearsal);
    if (rehearsal->operations_count != plan->operations_count)
        add(answer, plan, VERDICT_UNKNOWN, "its guard answered for another number of operations");
    else if (value != VERDICT_PASS)
        say_one(plan, rehearsal, worst, value, answer);
    else
        say_good(plan, rehearsal, answer);
    if (rehearsal->operations_count == plan->operations_count)
        say_unseen(plan, rehearsal, answer);
    for (size_t i = before; i < answer->evidence_count; i++)
        answer->evidence[i].at = gates_unix_of(inputs, member->rehearsal.at);
}
