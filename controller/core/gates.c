/*
 * gates: the eight questions and `hold`, answered with evidence.
 */
#include "controller/core/gates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

enum { REASON_LEN_MIN = 10, CHECKS_ROOM = 2 * CHECKS_MAX + NODES_MAX };

struct gate_evidence *gates_add_evidence(struct gate_answer *answer, const char *node,
                                         const char *check, enum verdict_value value)
{
    struct gate_evidence *evidence;

    answer->evidence = mem_grow(answer->evidence, answer->evidence_count,
                                &answer->evidence_capacity, sizeof(*answer->evidence));
    evidence = &answer->evidence[answer->evidence_count++];
    memset(evidence, 0, sizeof(*evidence));
    text_copy(evidence->node, sizeof(evidence->node), node);
    text_copy(evidence->verdict.check, sizeof(evidence->verdict.check), check);
    evidence->verdict.value = value;
    evidence->waivable = WAIVE_COUNT;
    return evidence;
}

static void add_text(struct gate_answer *answer, const char *check, enum verdict_value value,
                     const char *expected, const char *observed)
{
    verdict_set(&gates_add_evidence(answer, "", check, value)->verdict, value, expected, observed);
}

void gates_add_bar(const struct gates_inputs *inputs, enum bar bar, struct gate_answer *answer)
{
    struct verdict verdict;

    if (inputs->bars == NULL)
        return;
    bars_judge(inputs->bars, bar, &verdict);
    gates_add_evidence(answer, "", verdict.check, verdict.value)->verdict = verdict;
}

static bool is_fixed(const struct manifest *manifest, const char *check)
{
    for (uint32_t i = 0; i < manifest->fixes_count; i++) {
        if (text_equal(manifest->fixes[i], check))
            return true;
    }
    return false;
}

bool gates_is_remaining(const struct gates_inputs *inputs, const char *node)
{
    return manifest_stage_of(inputs->manifest, node) >= (int)inputs->stage;
}

/* What is to be fixed may fail before the change, and only then: it is no reason to block it. */
static void judge_critical(const struct gates_inputs *inputs, const struct fleet_member *member,
                           const struct check *check, struct gate_answer *answer)
{
    struct verdict verdict;

    fleet_verdict_now(member, check->name, inputs->now, &verdict);
    if (verdict.value == VERDICT_FAIL && gates_is_remaining(inputs, member->name) &&
        is_fixed(inputs->manifest, check->name)) {
        char observed[2 * REASON_SIZE];

        snprintf(observed, sizeof(observed), "fails, and is what this change fixes: %s",
                 verdict.observed);
        verdict.value = VERDICT_PASS;
        text_shorten(verdict.observed, sizeof(verdict.observed), observed);
    }
    gates_add_verdict(inputs, answer, member->name, &verdict);
}

static void judge_node_working(const struct gates_inputs *inputs, const char *node,
                               struct gate_answer *answer)
{
    const struct fleet_member *member = fleet_find(inputs->fleet, node);
    AUTO_FREE struct check *checks = NULL;
    size_t count;

    if (member == NULL || !member->connected) {
        struct gate_evidence *evidence =
            gates_add_evidence(answer, node, "connected", VERDICT_UNKNOWN);

        verdict_set(&evidence->verdict, VERDICT_UNKNOWN, "its agent is connected",
                    member == NULL ? "it never connected" : "it is not connected");
        gates_set_awaits(inputs, evidence, "");
        return;
    }
    checks = mem_resize(NULL, CHECKS_ROOM, sizeof(*checks));
    count = fleet_file_checks(inputs->file, node, checks, CHECKS_ROOM);
    if (count == 0)
        verdict_set(&gates_add_evidence(answer, node, "fleet", VERDICT_UNKNOWN)->verdict,
                    VERDICT_UNKNOWN, "a node of fleet.yaml", "it is not declared there");
    for (size_t i = 0; i < count && i < CHECKS_ROOM; i++) {
        if (checks[i].severity == SEVERITY_CRITICAL)
            judge_critical(inputs, member, &checks[i], answer);
    }
}

void gates_judge_working(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    for (uint32_t i = 0; i < inputs->manifest->plans_count; i++)
        judge_node_working(inputs, inputs->manifest->plans[i].node, answer);
}

/* A waiver of `needed` counts with the justification only that the approver types again. */
static void make_needed_waivable(const struct manifest *manifest, struct gate_evidence *evidence)
{
    if (manifest->justification[0] != '\0')
        evidence->waivable = WAIVE_NEEDED;
}

static bool has_check(const struct manifest_plan *plan, const char *check)
{
    for (uint32_t i = 0; i < plan->checks_count; i++) {
        if (text_equal(plan->checks[i].name, check))
            return true;
    }
    return false;
}

static void await_fixes(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                        struct gate_evidence *evidence)
{
    for (uint32_t i = 0; i < inputs->manifest->fixes_count && evidence->awaits[0] == '\0'; i++) {
        if (has_check(plan, inputs->manifest->fixes[i]))
            gates_await_verdict(inputs, evidence, inputs->manifest->fixes[i]);
    }
}

/* What is to be fixed has to fail, or this part of the change is to a working system. */
static enum verdict_value judge_fix(const struct gates_inputs *inputs,
                                    const struct fleet_member *member, const char *check,
                                    struct text *observed)
{
    struct verdict verdict = {.value = VERDICT_UNKNOWN};

    if (member != NULL)
        fleet_verdict_now(member, check, inputs->now, &verdict);
    text_add(observed, "%s%s: %s", observed->len > 0 ? ", " : "", check,
             verdict_format(verdict.value));
    if (verdict.value == VERDICT_UNKNOWN)
        return VERDICT_UNKNOWN;
    return verdict.value == VERDICT_FAIL ? VERDICT_PASS : VERDICT_FAIL;
}

/* Each check that the change fixes, where the node has it: one that fails is no proof that the
 * others are broken. */
static enum verdict_value judge_fixes(const struct gates_inputs *inputs,
                                      const struct manifest_plan *plan, struct text *observed)
{
    const struct manifest *manifest = inputs->manifest;
    const struct fleet_member *member = fleet_find(inputs->fleet, plan->node);
    enum verdict_value worst = VERDICT_PASS;

    for (uint32_t i = 0; i < manifest->fixes_count; i++) {
        if (has_check(plan, manifest->fixes[i]))
            worst = verdict_worst(worst, judge_fix(inputs, member, manifest->fixes[i], observed));
    }
    if (observed->len > 0)
        return worst;
    text_add(observed, "%s",
             manifest->fixes_count == 0 ? "the change names nothing in `fixes`"
                                        : "no check that the change fixes is declared for it");
    return VERDICT_FAIL;
}

/* The oldest word of those that say it. */
static int64_t fixes_at(const struct gates_inputs *inputs, const struct manifest_plan *plan)
{
    const struct fleet_member *member = fleet_find(inputs->fleet, plan->node);
    int64_t oldest = 0;

    for (uint32_t i = 0; i < inputs->manifest->fixes_count; i++) {
        int64_t at = fleet_verdict_at(member, inputs->manifest->fixes[i]);

        if (at != 0 && (oldest == 0 || at < oldest))
            oldest = at;
    }
    return oldest;
}

static void judge_node_needed(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                              struct gate_answer *answer)
{
    char observed[REASON_SIZE] = "";
    struct text text = TEXT_IN(observed);
    enum verdict_value value = judge_fixes(inputs, plan, &text);
    struct gate_evidence *evidence = gates_add_evidence(answer, plan->node, "fixes", value);

    verdict_set(&evidence->verdict, value, "everything that the change fixes fails now", observed);
    evidence->at = fixes_at(inputs, plan);
    if (value == VERDICT_UNKNOWN)
        await_fixes(inputs, plan, evidence);
    make_needed_waivable(inputs->manifest, evidence);
}

static void judge_needed(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    for (uint32_t i = 0; i < inputs->manifest->plans_count; i++) {
        if (gates_is_remaining(inputs, inputs->manifest->plans[i].node))
            judge_node_needed(inputs, &inputs->manifest->plans[i], answer);
    }
}

static void judge_signatures(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];
    enum verdict_value value = inputs->approvals_count >= inputs->threshold && inputs->threshold > 0
                                   ? VERDICT_PASS
                                   : VERDICT_FAIL;

    snprintf(expected, sizeof(expected),
             "signatures of %u or more approvers of trust.yaml (its threshold, or "
             "fleet.yaml's approvals)",
             inputs->threshold);
    snprintf(observed, sizeof(observed), "%u", inputs->approvals_count);
    add_text(answer, "signatures", value, expected, observed);
}

static void format_left(int64_t left, char *to, size_t size)
{
    struct text text;

    text_init(&text, to, size);
    text_add(&text, left > 0 ? "valid for " : "expired ");
    text_add_length(&text, left > 0 ? left : -left);
    text_add(&text, left > 0 ? "" : " ago");
}

/* Expiry is judged by each guard at its prepare: the last stage's must come before it. One that
 * holds for longer than may be signed was signed by a clock that is ahead, or this one is behind.
 */
static void judge_time(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    const struct manifest *manifest = inputs->manifest;
    int64_t left = approval_left_s(inputs->approval->not_after, inputs->now_unix);
    uint32_t stages = manifest->stages_count - inputs->stage;
    int64_t needed = (int64_t)(stages - 1) * manifest_trial_max_s(manifest);
    int64_t most = manifest_valid_max_s(manifest) + MANIFEST_CLOCK_S;
    char expected[REASON_SIZE] = "";
    char observed[REASON_SIZE];
    struct text text = TEXT_IN(expected);

    text_add(&text, "valid for more than %lld s (%u stages before the last, at most %u s each)",
             (long long)needed, stages - 1, manifest_trial_max_s(manifest));
    if (left > most) {
        text_add(&text, " and at most ");
        text_add_length(&text, most);
        text_add(&text, " by the controller's clock: is that one right, and the approver's?");
    }
    format_left(left, observed, sizeof(observed));
    add_text(answer, "not-after", left > needed && left <= most ? VERDICT_PASS : VERDICT_FAIL,
             expected, observed);
}

static void judge_approved(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    if (!inputs->is_signed) {
        add_text(answer, "signatures", VERDICT_UNKNOWN, "an approval", "it is not signed yet");
        return;
    }
    judge_signatures(inputs, answer);
    judge_time(inputs, answer);
    gates_add_bar(inputs, BAR_SEQUENCE, answer);
}

static bool is_protected(const struct gates_inputs *inputs, const char *node)
{
    const struct fleet_node *found = fleet_file_find(inputs->file, node);

    return found != NULL && found->is_protected;
}

/* In that stage or a later one. */
static bool unprotected_follows(const struct gates_inputs *inputs, uint32_t stage)
{
    for (uint32_t s = stage; s < inputs->manifest->stages_count; s++) {
        for (uint32_t n = 0; n < inputs->manifest->stages[s].nodes_count; n++) {
            if (!is_protected(inputs, inputs->manifest->stages[s].nodes[n]))
                return true;
        }
    }
    return false;
}

static void judge_protected(const struct gates_inputs *inputs, uint32_t stage, const char *node,
                            struct gate_answer *answer)
{
    struct gate_evidence *evidence;
    enum verdict_value value = VERDICT_PASS;
    const char *observed = "it comes last, alone in its stage";

    if (inputs->manifest->stages[stage].nodes_count > 1 || unprotected_follows(inputs, stage)) {
        value = VERDICT_FAIL;
        observed = "nodes that are not protected come with it or after it";
    } else if (stage == 0) {
        value = VERDICT_FAIL;
        observed = "it comes first";
    }
    evidence = gates_add_evidence(answer, node, "protected", value);
    verdict_set(&evidence->verdict, value, "protected nodes come last, one at a time", observed);
    if (stage == 0 && !unprotected_follows(inputs, 0))
        evidence->waivable = WAIVE_PROTECTED_FIRST;
}

static void judge_one_first(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    const struct manifest *manifest = inputs->manifest;
    uint32_t first = manifest->stages_count > 0 ? manifest->stages[0].nodes_count : 0;
    char observed[REASON_SIZE];

    snprintf(observed, sizeof(observed), "%u%s%s", first, first == 1 ? ": " : "",
             first == 1 ? manifest->stages[0].nodes[0] : "");
    add_text(answer, "first-stage", first == 1 ? VERDICT_PASS : VERDICT_FAIL, "exactly one node",
             observed);
    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++) {
            if (is_protected(inputs, manifest->stages[s].nodes[n]))
                judge_protected(inputs, s, manifest->stages[s].nodes[n], answer);
        }
    }
    gates_add_bar(inputs, BAR_OPEN, answer);
    gates_add_bar(inputs, BAR_INCOMPLETE, answer);
    gates_add_bar(inputs, BAR_KEYS, answer);
}

static void judge_documented(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    const struct manifest *manifest = inputs->manifest;
    size_t len = strlen(manifest->reason);
    bool has_reference = manifest->reference[0] != '\0';

    add_text(answer, "reason", len > 0 ? VERDICT_PASS : VERDICT_FAIL, "a written reason",
             len > 0 ? manifest->reason : "none");
    add_text(answer, "reference", has_reference ? VERDICT_PASS : VERDICT_FAIL,
             "a reference: an issue, an incident", has_reference ? manifest->reference : "none");
    if (len > 0 && len < REASON_LEN_MIN) {
        struct gate_evidence *evidence = gates_add_evidence(answer, "", "lint", VERDICT_FAIL);

        verdict_set(&evidence->verdict, VERDICT_FAIL, "a reason that a colleague understands",
                    "it is shorter than 10 characters");
        evidence->waivable = WAIVE_LINT;
    }
}

/* The one line of a gate: the first of its worst evidence. */
static void summarise(enum gate gate, struct gate_answer *answer)
{
    const struct gate_evidence *worst = NULL;
    char observed[NAME_SIZE + REASON_SIZE + 2];

    text_copy(answer->verdict.check, sizeof(answer->verdict.check), gate_name(gate));
    answer->verdict.value = answer->evidence_count > 0 ? VERDICT_PASS : VERDICT_UNKNOWN;
    for (size_t i = 0; i < answer->evidence_count; i++) {
        enum verdict_value value = answer->evidence[i].verdict.value;

        answer->verdict.value = verdict_worst(answer->verdict.value, value);
        if (value != VERDICT_PASS &&
            (worst == NULL || (worst->verdict.value != VERDICT_FAIL && value == VERDICT_FAIL)))
            worst = &answer->evidence[i];
    }
    if (worst == NULL) {
        text_copy(answer->verdict.expected, REASON_SIZE, gate_question(gate));
        snprintf(answer->verdict.observed, REASON_SIZE, "%s",
                 answer->evidence_count > 0 ? "yes" : "nothing is known");
        return;
    }
    text_copy(answer->verdict.expected, REASON_SIZE, worst->verdict.expected);
    snprintf(observed, sizeof(observed), "%s%s%s", worst->node, worst->node[0] != '\0' ? ": " : "",
             worst->verdict.observed);
    text_shorten(answer->verdict.observed, REASON_SIZE, observed);
}

static void apply_waivers(const struct manifest *manifest, struct gate_answer *answer)
{
    bool used[WAIVE_COUNT] = {false};
    struct text text = TEXT_IN(answer->waived);

    answer->passes = answer->evidence_count > 0;
    for (size_t i = 0; i < answer->evidence_count; i++) {
        enum waiver waivable = answer->evidence[i].waivable;

        if (answer->evidence[i].verdict.value == VERDICT_PASS)
            continue;
        answer->evidence[i].blocks = waivable >= WAIVE_COUNT || !manifest->waived[waivable];
        if (answer->evidence[i].blocks)
            answer->passes = false;
        else
            used[waivable] = true;
    }
    for (unsigned i = 0; i < WAIVE_COUNT && answer->passes; i++) {
        if (used[i])
            text_add(&text, "%s%s: %s", text.len > 0 ? "; " : "", waiver_name((enum waiver)i),
                     manifest->waiver_reasons[i]);
    }
}

int64_t gates_unix_of(const struct gates_inputs *inputs, mono_t at)
{
    return inputs->now_unix - (inputs->now - at) / 1000;
}

static void set_times(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    for (size_t i = 0; i < answer->evidence_count; i++) {
        if (answer->evidence[i].at == 0)
            answer->evidence[i].at = inputs->now_unix;
    }
}

void gates_finish(const struct gates_inputs *inputs, struct gates *gates)
{
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        summarise((enum gate)i, &gates->answers[i]);
        apply_waivers(inputs->manifest, &gates->answers[i]);
        set_times(inputs, &gates->answers[i]);
    }
}

void gates_evaluate(const struct gates_inputs *inputs, struct gates *ret_gates)
{
    *ret_gates = (struct gates){0};
    gates_judge_working(inputs, &ret_gates->answers[GATE_WORKING]);
    judge_needed(inputs, &ret_gates->answers[GATE_NEEDED]);
    judge_approved(inputs, &ret_gates->answers[GATE_APPROVED]);
    judge_one_first(inputs, &ret_gates->answers[GATE_ONE_FIRST]);
    judge_documented(inputs, &ret_gates->answers[GATE_DOCUMENTED]);
    gates_judge_hold(inputs, &ret_gates->answers[GATE_HOLD]);
    for (uint32_t i = 0; i < inputs->manifest->plans_count; i++) {
        if (gates_is_remaining(inputs, inputs->manifest->plans[i].node))
            gates_judge_paths(inputs, &inputs->manifest->plans[i], ret_gates);
    }
    gates_finish(inputs, ret_gates);
    gates_name_cluster(inputs, &ret_gates->answers[GATE_CLUSTER_PATH]);
}

void gates_done(struct gates *gates)
{
    for (unsigned i = 0; i < GATE_COUNT; i++)
        free(gates->answers[i].evidence);
    *gates = (struct gates){0};
}

bool gates_pass(const struct gates *gates)
{
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        if (!gates->answers[i].passes)
            return false;
    }
    return true;
}
