/*
 * plan: what would happen, question by question.
 */
#include "controller/ctl/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/forecast.h"
#include "controller/ctl/render.h"

/* "/v1/plans?lifts=HASH,HASH" */
static char *plans_path(const struct change *change)
{
    size_t size = 32 + (2 * HASH_SIZE + 1) * LIFTS_MAX;
    char *path = mem_alloc(size, 1);
    struct text text;

    text_init(&text, path, size);
    text_add(&text, "/v1/plans");
    for (uint32_t i = 0; i < change->quarantines_count; i++) {
        char hash[2 * HASH_SIZE + 1];

        bytes_format_hex(change->quarantines[i].receipt.bytes, HASH_SIZE, hash);
        text_add(&text, "%s%s", i == 0 ? "?lifts=" : ",", hash);
    }
    return path;
}

/* To each node what its guard said of its operations. */
static void set_rehearsed(json_t *nodes, const json_t *rehearsed)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        json_t *node = json_array_get(nodes, i);

        for (size_t k = 0; k < json_array_size(rehearsed); k++) {
            const json_t *said = json_array_get(rehearsed, k);

            if (text_equal(field_text(said, "node"), field_text(node, "node")))
                json_object_set(node, "rehearsed", json_object_get(said, "lines"));
        }
    }
}

static bool fetch_gates(struct ctl *ctl, const struct inputs *inputs, json_t *plan, struct err *err)
{
    AUTO_FREE char *path = plans_path(&inputs->change);
    AUTO_ANSWER struct api_answer answer = {0};
    AUTO_JSON json_t *document = NULL;
    struct api *api = ctl_api(ctl, err);

    if (api == NULL || !api_call(api, "POST", path, wire_lend(&inputs->body), &answer, err))
        return false;
    document = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    if (field_array(document, "gates") == NULL)
        return err_set(err, ERR_PEER, "controller %s: its plan has no gates", ctl->controller);
    json_object_set(plan, "gates", json_object_get(document, "gates"));
    json_object_set(plan, "quarantines", json_object_get(document, "quarantines"));
    set_rehearsed(json_object_get(plan, "nodes"), json_object_get(document, "rehearsed"));
    return true;
}

static bool gates_pass(const json_t *gates)
{
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const json_t *gate = json_array_get(gates, i);

        if (!text_equal(field_text(gate, "value"), "pass") &&
            field_text(gate, "waived")[0] == '\0' &&
            !text_equal(field_text(gate, "gate"), gate_name(GATE_APPROVED)))
            return false;
    }
    return json_array_size(gates) > 0;
}

static bool quarantines_lifted(const json_t *quarantines)
{
    for (size_t i = 0; i < json_array_size(quarantines); i++) {
        if (!field_is_true(json_array_get(quarantines, i), "lifted"))
            return false;
    }
    return true;
}

/* What prediction says stands, unless it is waived; what cannot be done at all stands always. */
static bool nodes_pass(const json_t *nodes, const struct manifest *manifest)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (field_text(node, "refused")[0] != '\0' ||
            (field_text(node, "violation")[0] != '\0' && !manifest->waived[WAIVE_PREDICTION]))
            return false;
    }
    return true;
}

static const struct snapshot *snapshot_of(const struct inputs *inputs, const char *node)
{
    for (uint32_t i = 0; i < inputs->change.targets_count; i++) {
        if (text_equal(inputs->change.targets[i], node))
            return &inputs->snapshots[i];
    }
    return NULL;
}

static json_t *forecast_nodes(const struct inputs *inputs)
{
    const struct manifest *manifest = &inputs->manifest;
    json_t *nodes = json_array();

    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++) {
            const char *name = manifest->stages[s].nodes[n];
            json_t *node =
                forecast_make(manifest_find_plan(manifest, name), snapshot_of(inputs, name));

            json_object_set_new(node, "stage", json_integer(s + 1));
            json_array_append_new(nodes, node);
        }
    }
    return nodes;
}

static const char *first_reason(const struct inputs *inputs, char *to, size_t size)
{
    struct text text;
    struct err err = ERR_INIT;
    uint32_t index;

    text_init(&text, to, size);
    change_choose_first(&inputs->change, &inputs->fleet, &index, &text, &err);
    return to;
}

json_t *plan_make(struct ctl *ctl, const struct inputs *inputs, struct err *err)
{
    json_t *plan = json_object();
    json_t *nodes = forecast_nodes(inputs);
    char first[REASON_SIZE];
    struct hash body;

    sign_hash(inputs->body.data, inputs->body.len, &body);
    json_object_set_new(plan, "change", json_string(inputs->manifest.change));
    json_object_set_new(plan, "first", json_text(first_reason(inputs, first, sizeof(first))));
    json_object_set_new(plan, "nodes", nodes);
    json_object_set_new(plan, "manifest", render_manifest_json(&inputs->manifest, &body, NULL));
    if (!fetch_gates(ctl, inputs, plan, err)) {
        json_decref(plan);
        return NULL;
    }
    json_object_set_new(plan, "pass",
                        json_boolean(gates_pass(json_object_get(plan, "gates")) &&
                                     quarantines_lifted(json_object_get(plan, "quarantines")) &&
                                     nodes_pass(nodes, &inputs->manifest)));
    return plan;
}

static void print_node(const json_t *node)
{
    printf("stage %lld: %s\n", field_number(node, "stage"), field_plain(field_text(node, "node")));
    render_texts("do", field_array(node, "operations"));
    render_texts("would", field_array(node, "predicted"));
    render_texts("undo", field_array(node, "undo"));
    render_texts("rehearsed", field_array(node, "rehearsed"));
    if (field_text(node, "refused")[0] != '\0')
        printf("  %-10s %s\n", "CANNOT", field_plain(field_text(node, "refused")));
    if (field_text(node, "violation")[0] != '\0')
        printf("  %-10s %s\n", "BREAKS", field_plain(field_text(node, "violation")));
    else if (field_text(node, "refused")[0] == '\0')
        printf("  %-10s %s\n", "keeps", field_plain(field_text(node, "kept")));
}

static void print_quarantine(const json_t *item)
{
    printf("quarantine %s on %s: %s\n           receipt %s, %s\n",
           field_plain(field_text(item, "object")), field_plain(field_text(item, "node")),
           field_plain(field_text(item, "reason")), field_plain(field_text(item, "receipt")),
           field_is_true(item, "lifted")
               ? "named by this change"
               : "not named: add `quarantines: [{receipt: ..., reason: WHY}]` to go on");
}

void plan_print(const json_t *plan)
{
    const json_t *nodes = field_array(plan, "nodes");
    const json_t *quarantines = field_array(plan, "quarantines");
    const json_t *manifest = json_object_get(plan, "manifest");

    printf("change %s\n  %s\n  %s\n", field_plain(field_text(plan, "change")),
           field_plain(field_text(manifest, "reason")), field_plain(field_text(plan, "first")));
    printf(
        "  soak %lld s, lease %lld s, a trial takes at most %lld s; nothing is touched by a plan\n",
        field_number(manifest, "soak_s"), field_number(manifest, "lease_s"),
        field_number(manifest, "trial_max_s"));
    for (size_t i = 0; i < json_array_size(nodes); i++)
        print_node(json_array_get(nodes, i));
    for (size_t i = 0; i < json_array_size(quarantines); i++)
        print_quarantine(json_array_get(quarantines, i));
    render_gates(field_array(plan, "gates"));
    printf("%s\n", field_is_true(plan, "pass")
                       ? "Every question is answered; what is missing is a person's yes."
                       : "No: what is `fail` or `unknown` above and not waived stops this change; "
                         "`approved` comes with the signature.");
}

enum outcome plan_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    struct inputs *inputs =
        inputs_compile(ctl, arguments->words[0], arguments_get(arguments, "--fleet"), &err);
    AUTO_JSON json_t *plan = inputs != NULL ? plan_make(ctl, inputs, &err) : NULL;

    inputs_free(inputs);
    if (plan == NULL)
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(plan));
    else
        plan_print(plan);
    return field_is_true(plan, "pass") ? OUTCOME_DONE : OUTCOME_NO;
}
