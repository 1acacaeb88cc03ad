/*
 * gates: `hold`: is nothing on hold that a change touches, and what lifts it.
 */
#include <stdio.h>

#include "common/core/text.h"
#include "controller/core/gates.h"
#include "controller/core/window.h"

static const struct {
    enum hold_kind kind;
    const char *expected;
    enum waiver waivable;
} holding[] = {
    {HOLD_FREEZE, "no freeze covers it", WAIVE_COUNT},
    {HOLD_PAUSE, "no pause covers it", WAIVE_COUNT},
    {HOLD_MAINTENANCE, "it is not under maintenance", WAIVE_COUNT},
    {HOLD_WINDOW, "a window for changes is open", WAIVE_WINDOW},
};

/* ", and opens in 90 min" of a window; "" when it ends only by being lifted. */
static void say_when(const struct hold *hold, int64_t now, struct text *out)
{
    struct window window;
    struct err err = ERR_INIT;

    if (hold->kind == HOLD_WINDOW && window_parse(hold->object, &window, &err))
        text_add(out, " (%s UTC), opens in %lld min", hold->object,
                 (long long)(window_opens_at(&window, now) - now + 59) / 60);
    else if (hold->until != 0)
        text_add(out, ", ends in %lld min", (long long)(hold->until - now + 59) / 60);
}

static void judge_kind(const struct gates_inputs *inputs, const char *node, size_t i,
                       struct gate_answer *answer)
{
    const struct hold *hold = holds_find(inputs->holds, holding[i].kind, node, inputs->now_unix);
    struct gate_evidence *evidence;
    char reason[100];
    struct text text;

    if (hold == NULL)
        return;
    evidence = gates_add_evidence(answer, node, hold_kind_name(hold->kind), VERDICT_FAIL);
    evidence->waivable = holding[i].waivable;
    verdict_set(&evidence->verdict, VERDICT_FAIL, holding[i].expected, "");
    text_init(&text, evidence->verdict.observed, sizeof(evidence->verdict.observed));
    text_shorten(reason, sizeof(reason), hold->reason);
    text_add(&text, "hold %llu of %s: %s", (unsigned long long)hold->id, hold->by, reason);
    say_when(hold, inputs->now_unix, &text);
    if (hold->kind == HOLD_MAINTENANCE)
        text_add(&text, "; `oceanidctl node return %s` ends it", hold->scope);
    else
        text_add(&text, "; `oceanidctl hold lift %llu` lifts it", (unsigned long long)hold->id);
}

/* A waiver is for what was known when it was signed, as a lift is for the guard (docs/protocol.md
 * rule 19): what is signed contains the receipts of all that had ended. One that came later is
 * named in a new approval, or stops it. */
static void judge_object(const struct gates_inputs *inputs, const char *node, const char *object,
                         struct gate_answer *answer)
{
    const struct hold *later =
        inputs->is_signed ? holds_find_later(inputs->holds, node, object, inputs->approval) : NULL;
    const struct hold *hold =
        later != NULL ? later
                      : holds_find_quarantine(inputs->holds, node, object, inputs->approval);
    struct gate_evidence *evidence;
    char hex[2 * HASH_SIZE + 1];
    char reason[64];

    if (hold == NULL)
        return;
    bytes_format_hex(hold->receipt.bytes, HASH_SIZE, hex);
    text_shorten(reason, sizeof(reason), hold->reason);
    evidence = gates_add_evidence(answer, node, "quarantine", VERDICT_FAIL);
    verdict_set(&evidence->verdict, VERDICT_FAIL,
                later != NULL ? "nothing that it touches came into quarantine after it was signed"
                              : "nothing that it touches is in quarantine",
                "");
    snprintf(evidence->verdict.observed, sizeof(evidence->verdict.observed),
             "'%.95s' is: %s; an approval that names receipt %.16s... with a reason lifts it",
             object, reason, hex);
    evidence->waivable = later != NULL ? WAIVE_COUNT : WAIVE_QUARANTINE;
}

static void judge_quarantine(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                             struct gate_answer *answer)
{
    for (uint32_t i = 0; i < manifest_plan_places(plan); i++) {
        char object[HOLD_OBJECT_SIZE];

        if (manifest_plan_object(plan, i, object, sizeof(object)))
            judge_object(inputs, plan->node, object, answer);
    }
}

void gates_judge_hold(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    for (uint32_t i = 0; i < inputs->manifest->plans_count; i++) {
        const struct manifest_plan *plan = &inputs->manifest->plans[i];

        if (!gates_is_remaining(inputs, plan->node))
            continue;
        for (size_t k = 0; k < sizeof(holding) / sizeof(holding[0]); k++)
            judge_kind(inputs, plan->node, k, answer);
        judge_quarantine(inputs, plan, answer);
    }
    if (answer->evidence_count == 0)
        verdict_set(&gates_add_evidence(answer, "", "holds", VERDICT_PASS)->verdict, VERDICT_PASS,
                    "no hold and no quarantine", "none that it touches");
}
