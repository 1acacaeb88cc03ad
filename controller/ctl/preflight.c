/*
 * preflight: asks the gates, and says their answers in one line each.
 */
#include "controller/ctl/preflight.h"

#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/inputs.h"
#include "controller/ctl/manifest.h"
#include "controller/ctl/plan.h"
#include "controller/ctl/render.h"

/* ---- judging ---------------------------------------------------------------------------------
 */

static const json_t *find_gate(const json_t *plan, enum gate gate)
{
    const json_t *gates = field_array(plan, "gates");

    for (size_t i = 0; i < json_array_size(gates); i++) {
        if (text_equal(field_text(json_array_get(gates, i), "gate"), gate_name(gate)))
            return json_array_get(gates, i);
    }
    return NULL;
}

static const char *answer_of(const json_t *gate)
{
    const char *value = field_text(gate, "value");

    if (text_equal(value, "pass"))
        return field_text(gate, "instead")[0] == '\0' ? "yes" : "n/a";
    if (field_text(gate, "waived")[0] != '\0')
        return "waived";
    return text_equal(value, "fail") ? "no" : "unsure";
}

static bool is_good(const char *answer)
{
    return text_equal(answer, "yes") || text_equal(answer, "waived") || text_equal(answer, "n/a");
}

static json_t *judge_gate(const json_t *plan, enum gate gate)
{
    const json_t *found = find_gate(plan, gate);
    const char *answer = answer_of(found);
    const char *observed = field_text(found, "observed");

    if (text_equal(answer, "waived"))
        observed = field_text(found, "waived");
    if (text_equal(answer, "n/a"))
        observed = field_text(found, "instead");
    if (found == NULL)
        observed = "the controller did not answer it";
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "question", gate_question(gate), "gate",
                     gate_name(gate), "answer", answer, "observed", observed, "expected",
                     field_text(found, "expected"));
}

json_t *preflight_judge(const json_t *plan)
{
    json_t *questions = json_array();
    bool pass = field_is_true(plan, "pass");

    for (unsigned i = 0; i < GATE_COUNT; i++) {
        json_t *question = judge_gate(plan, (enum gate)i);
        const char *answer = field_text(question, "answer");

        pass = pass && is_good(answer);
        json_array_append_new(questions, question);
    }
    return json_pack("{s:b, s:s, s:o}", "pass", pass, "change", field_text(plan, "change"),
                     "questions", questions);
}

/* ---- printing --------------------------------------------------------------------------------
 */

static void print_question(const json_t *question, size_t number, FILE *to)
{
    const char *answer = field_text(question, "answer");

    fprintf(to, "%-6s  %zu. %s", answer, number, field_text(question, "question"));
    if (!text_equal(answer, "yes"))
        fprintf(to, " %s", field_plain(field_text(question, "observed")));
    if (!is_good(answer) && field_text(question, "expected")[0] != '\0')
        fprintf(to, " (expected: %s)", field_plain(field_text(question, "expected")));
    fputc('\n', to);
}

static bool has_answer(const json_t *judged, const char *answer)
{
    const json_t *questions = field_array(judged, "questions");

    for (size_t i = 0; i < json_array_size(questions); i++) {
        if (text_equal(field_text(json_array_get(questions, i), "answer"), answer))
            return true;
    }
    return false;
}

/* Of a change only a signed one passes: that a start would take it is what was asked. */
static const char *end_of(const json_t *judged)
{
    if (!field_is_true(judged, "pass"))
        return "Blocked: each no and unsure above, or what `oceanidctl plan` says it would break, "
               "stops this and asks a person.";
    if (field_text(judged, "change")[0] == '\0')
        return "Safe: of the fleet as it is nothing says no; `oceanidctl preflight FILE` asks of a "
               "change.";
    if (has_answer(judged, "n/a"))
        return "Safe: every question that is asked of this fleet is answered with yes, n/a is "
               "not: `oceanidctl rollout start` of it would be taken now. Not known: whether who "
               "starts it has the role (ci or operator), and whether the controller's disk takes "
               "it.";
    return "Safe: every question is answered with yes: `oceanidctl rollout start` of it would be "
           "taken now. Not known: whether who starts it has the role (ci or operator), and "
           "whether the controller's disk takes it.";
}

void preflight_print(const json_t *judged, FILE *to)
{
    const json_t *questions = field_array(judged, "questions");

    for (size_t i = 0; i < json_array_size(questions); i++)
        print_question(json_array_get(questions, i), i + 1, to);
    fprintf(to, "%s\n", end_of(judged));
}

/* ---- asking ----------------------------------------------------------------------------------
 */

static json_t *ask_fleet(struct ctl *ctl, struct err *err)
{
    json_t *plan = NULL;

    if (ctl_api(ctl, err) == NULL || !api_get(ctl->api, "/v1/preflight", &plan, err))
        return NULL;
    return plan;
}

static json_t *ask_manifest(struct ctl *ctl, struct bytes manifest, bool is_signed, struct err *err)
{
    AUTO_ANSWER struct api_answer answer = {0};
    const char *path = is_signed ? "/v1/plans?signed=1" : "/v1/plans";
    json_t *plan;

    if (ctl_api(ctl, err) == NULL || !api_call(ctl->api, "POST", path, manifest, &answer, err))
        return NULL;
    plan = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    if (plan == NULL)
        err_set(err, ERR_PEER, "controller %.200s: its plan is no JSON", ctl->controller);
    return plan;
}

static json_t *ask_change(struct ctl *ctl, const struct arguments *arguments, struct err *err)
{
    struct inputs *inputs =
        inputs_compile(ctl, arguments->words[0], arguments_get(arguments, "--fleet"), err);
    json_t *plan = inputs != NULL ? plan_make(ctl, inputs, err) : NULL;

    inputs_free(inputs);
    return plan;
}

static json_t *ask(struct ctl *ctl, const struct arguments *arguments, struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    enum manifest_file_kind kind;

    if (arguments->words_count == 0)
        return ask_fleet(ctl, err);
    if (!manifest_read_file(arguments->words[0], &bytes, &kind, err))
        return NULL;
    if (kind == MANIFEST_NEITHER)
        return ask_change(ctl, arguments, err);
    return ask_manifest(ctl, wire_lend(&bytes), kind == MANIFEST_SIGNED, err);
}

enum outcome preflight_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    AUTO_JSON json_t *plan = ask(ctl, arguments, &err);
    AUTO_JSON json_t *judged = NULL;

    if (plan == NULL)
        return ctl_fail(ctl, &err);
    judged = preflight_judge(plan);
    if (ctl->json)
        render_document_take(json_incref(judged));
    else
        preflight_print(judged, stdout);
    return field_is_true(judged, "pass") ? OUTCOME_DONE : OUTCOME_NO;
}
