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

/* What does not pass comes first. */
static const struct gate_evidence *evidence_at(const struct gate_answer *answer, size_t at)
{
    size_t i = at % answer->evidence_count;
    bool passes = answer->evidence[i].verdict.value == VERDICT_PASS;

    return passes == (at >= answer->evidence_count) ? &answer->evidence[i] : NULL;
}

static size_t tell_evidence(const struct gate_evidence *evidence, char *line, size_t size)
{
    struct text out;

    text_init(&out, line, size);
    text_add(&out, "; %s%s%s %s: %s", evidence->node, evidence->node[0] != '\0' ? " " : "",
             evidence->verdict.check, verdict_format(evidence->verdict.value),
             evidence->verdict.observed);
    if (evidence->verdict.value != VERDICT_PASS)
        text_add(&out, " (expected %s)", evidence->verdict.expected);
    return out.len;
}

bool gates_tell(const struct gates *gates, enum gate gate, size_t *from, struct text *out)
{
    const struct gate_answer *answer = &gates->answers[gate];
    size_t count = 0;

    if (answer->instead[0] != '\0')
        text_add(out, "%s n/a: %s", gate_name(gate), answer->instead);
    else
        text_add(out, "%s %s", gate_name(gate), verdict_format(answer->verdict.value));
    if (answer->waived[0] != '\0')
        text_add(out, ", waived: %s", answer->waived);
    for (; *from < 2 * answer->evidence_count; ++*from) {
        const struct gate_evidence *evidence = evidence_at(answer, *from);
        char line[2 * NAME_SIZE + 2 * REASON_SIZE + 48];

        if (evidence == NULL)
            continue;
        if (tell_evidence(evidence, line, sizeof(line)) + out->len + 1 >= out->size && count > 0)
            return true;
        text_add(out, "%s", line);
        count++;
    }
    return false;
}
