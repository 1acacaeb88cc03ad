/*
 * gates: what they said, in words: why they block, and each with its evidence.
 */
#include "common/core/text.h"
#include "controller/core/gates.h"

void gates_explain(const struct gates *gates, struct text *out)
{
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        const struct gate_answer *answer = &gates->answers[i];

        if (!answer->passes)
            text_add(out, "%s%s %s: expected %s, observed %s", out->len > 0 ? "; " : "",
                     gate_name((enum gate)i), verdict_format(answer->verdict.value),
                     answer->verdict.expected, answer->verdict.observed);
    }
}

static void tell_evidence(const struct gate_evidence *evidence, struct text *out)
{
    text_add(out, "; %s%s%s %s: %s", evidence->node, evidence->node[0] != '\0' ? " " : "",
             evidence->verdict.check, verdict_format(evidence->verdict.value),
             evidence->verdict.observed);
}

void gates_tell(const struct gates *gates, enum gate gate, struct text *out)
{
    const struct gate_answer *answer = &gates->answers[gate];

    text_add(out, "%s %s", gate_name(gate), verdict_format(answer->verdict.value));
    if (answer->waived[0] != '\0')
        text_add(out, ", waived: %s", answer->waived);
    for (size_t i = 0; i < answer->evidence_count; i++)
        tell_evidence(&answer->evidence[i], out);
}
