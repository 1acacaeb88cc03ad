/*
 * forecast: prediction of one node, as lines for people.
 */
#include "controller/ctl/forecast.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/json_text.h"
#include "common/net/predict.h"
#include "common/net/render.h"

enum { LINE_SIZE = 1024 };

static void add_line(void *context, const char *line)
{
    json_array_append_new(context, json_text(line));
}

static void add_operation(json_t *lines, const struct operation *operation, const char *note)
{
    char line[LINE_SIZE];
    struct text text = TEXT_IN(line);

    operation_render(operation, &text);
    text_add(&text, "%s", note);
    json_array_append_new(lines, json_text(line));
}

static void invert_tailscale(const struct tailscale *before, struct operation_tailscale *to)
{
    text_copy(to->exit_node_id, sizeof(to->exit_node_id), before->exit_node_id);
    to->exit_node_name[0] = '\0';
    for (uint32_t i = 0; i < before->peers_count; i++) {
        if (text_equal(before->peers[i].id, before->exit_node_id))
            text_copy(to->exit_node_name, sizeof(to->exit_node_name), before->peers[i].host_name);
    }
    to->allow_lan_access = before->exit_node_allow_lan_access;
    to->accept_routes = before->accept_routes;
    to->advertise_routes_count = before->advertise_routes_count;
    memcpy(to->advertise_routes, before->advertise_routes, sizeof(to->advertise_routes));
}

static void invert_link(const struct link *before, struct operation_link *to)
{
    if (to->mtu != 0)
        to->mtu = before->mtu;
    to->set_up = to->set_up && to->up != before->up;
    to->up = before->up;
}

/* The step that takes this one back; the guard derives its own from the objects themselves. */
static struct operation invert(const struct operation *operation, const struct snapshot *before)
{
    struct operation inverse = *operation;
    const struct sysctl *sysctl;
    const struct link *link;

    switch (operation->kind) {
    case OPERATION_ROUTE:
        inverse.route.absent = !operation->route.absent;
        break;
    case OPERATION_RULE:
        inverse.rule.absent = !operation->rule.absent;
        break;
    case OPERATION_SYSCTL:
        sysctl = snapshot_find_sysctl(before, operation->sysctl.setting.name);
        if (sysctl != NULL)
            inverse.sysctl.setting = *sysctl;
        break;
    case OPERATION_NEXTHOP:
        inverse.nexthop.absent = !operation->nexthop.absent;
        break;
    case OPERATION_TAILSCALE:
        invert_tailscale(&before->tailscale, &inverse.tailscale);
        break;
    case OPERATION_ADDRESS:
        inverse.address.absent = !operation->address.absent;
        break;
    case OPERATION_LINK:
        link = snapshot_find_device(before, operation->link.device);
        if (link != NULL)
            invert_link(link, &inverse.link);
        break;
    case OPERATION_FILE:
    case OPERATION_KIND_COUNT:
        break;
    }
    return inverse;
}

static void add_steps(const struct manifest_plan *plan, const struct snapshot *before,
                      json_t *operations, json_t *undo)
{
    for (uint32_t i = 0; i < plan->operations_count; i++) {
        const struct operation *operation = &plan->operations[i];
        const char *note = operation->shield ? "  (shield)" : "";

        if (operation_holds(operation, before))
            note = "  (is so already)";
        add_operation(operations, operation, note);
    }
    for (uint32_t i = plan->operations_count; i > 0; i--) { /* newest first */
        const struct operation *operation = &plan->operations[i - 1];
        struct operation inverse;

        if (operation_holds(operation, before))
            continue;
        if (operation->kind == OPERATION_FILE) {
            add_operation(undo, operation, ": as it was before, which the node's guard keeps");
            continue;
        }
        inverse = invert(operation, before);
        add_operation(undo, &inverse, "");
    }
}

static void predict(const struct manifest_plan *plan, const struct snapshot *before, json_t *node)
{
    json_t *predicted = json_array();
    struct snapshot after;
    struct prediction prediction = {0};
    struct err err = ERR_INIT;
    char kept[REASON_SIZE];
    bool can = predict_apply(before, plan->operations, plan->operations_count, &after, &err);

    if (can) {
        render_difference(before, &after, add_line, predicted);
        predict_flows(&after, plan->flows, plan->flows_count, &prediction);
        snapshot_done(&after);
    }
    snprintf(kept, sizeof(kept), "all %u protected flows on their way", plan->flows_count);
    json_object_set_new(node, "predicted", predicted);
    json_object_set_new(node, "refused", json_text(can ? "" : err.text));
    json_object_set_new(node, "kept", json_text(prediction.violations_count == 0 ? kept : ""));
    json_object_set_new(node, "violation",
                        json_text(prediction.violations_count > 0 ? prediction.reason : ""));
}

json_t *forecast_make(const struct manifest_plan *plan, const struct snapshot *before)
{
    json_t *node = json_object();
    json_t *operations = json_array();
    json_t *undo = json_array();

    add_steps(plan, before, operations, undo);
    json_object_set_new(node, "node", json_string(plan->node));
    json_object_set_new(node, "operations", operations);
    json_object_set_new(node, "undo", undo);
    predict(plan, before, node);
    return node;
}
