/*
 * gates: what has not come yet, and may come by itself: waited for, where a `fail` is an answer.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "controller/core/gates.h"

void gates_set_awaits(const struct gates_inputs *inputs, struct gate_evidence *evidence,
                      const char *what)
{
    const struct fleet_member *member = fleet_find(inputs->fleet, evidence->node);

    if (member == NULL || !member->connected)
        what = "its agent to connect";
    text_copy(evidence->awaits, sizeof(evidence->awaits), what);
}

void gates_await_verdict(const struct gates_inputs *inputs, struct gate_evidence *evidence,
                         const char *check)
{
    char what[SENTENCE_SIZE];

    snprintf(what, sizeof(what), "a verdict of %s", check);
    if (fleet_awaits(fleet_find(inputs->fleet, evidence->node), check, inputs->now))
        gates_set_awaits(inputs, evidence, what);
}

void gates_add_verdict(const struct gates_inputs *inputs, struct gate_answer *answer,
                       const char *node, const struct verdict *verdict)
{
    struct gate_evidence *evidence =
        gates_add_evidence(answer, node, verdict->check, verdict->value);

    evidence->verdict = *verdict;
    evidence->at = fleet_verdict_at(fleet_find(inputs->fleet, node), verdict->check);
    if (verdict->value == VERDICT_UNKNOWN)
        gates_await_verdict(inputs, evidence, verdict->check);
}

/* The same twice is said once. */
static void add_awaited(const struct gate_evidence *evidence, struct text *out)
{
    char line[NAME_SIZE + SENTENCE_SIZE + 2];

    snprintf(line, sizeof(line), "%s: %s", evidence->node, evidence->awaits);
    text_add_once(out, "; ", line);
}

bool gates_await(const struct gates *gates, struct text *out)
{
    bool some = false;

    for (unsigned i = 0; i < GATE_COUNT; i++) {
        const struct gate_answer *answer = &gates->answers[i];

        if (!answer->passes && answer->evidence_count == 0)
            return false;
        for (size_t e = 0; e < answer->evidence_count; e++) {
            const struct gate_evidence *evidence = &answer->evidence[e];

            if (!evidence->blocks)
                continue;
            if (evidence->verdict.value != VERDICT_UNKNOWN || evidence->awaits[0] == '\0')
                return false;
            add_awaited(evidence, out);
            some = true;
        }
    }
    return some;
}
