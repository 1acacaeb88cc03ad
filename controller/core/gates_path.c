/*
 * gates: what prediction and the console say of one target.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/predict.h"
#include "common/net/render.h"
#include "controller/core/gates.h"

enum { FLOWS_ROOM = 4 * FLOWS_MAX };

/* One target, before and after. */
struct forecast {
    const struct gates_inputs *inputs;
    const struct manifest_plan *plan;
    const struct fleet_member *member;
    struct snapshot after;
    size_t flows_count;
    struct protected_flow
        flows[FLOWS_ROOM]; /* that keep their way; of neither, where err says so */
    struct err err;
};

/* In all that decides their way: what a manifest says of a flow takes the place of no other. */
static bool is_same(const struct protected_flow *a, const struct protected_flow *b)
{
    const struct flow *own = &a->flow, *other = &b->flow;

    return text_equal(a->name, b->name) && prefix_equal(&a->destination, &b->destination) &&
           text_equal(a->device, b->device) && text_equal(a->not_device, b->not_device) &&
           address_equal(&own->source, &other->source) && text_equal(own->iif, other->iif) &&
           text_equal(own->oif, other->oif) && own->mark == other->mark && own->uid == other->uid &&
           own->tos == other->tos && own->ip_proto == other->ip_proto &&
           own->sport == other->sport && own->dport == other->dport;
}

static bool is_among(const struct protected_flow *flows, size_t count,
                     const struct protected_flow *flow)
{
    for (size_t i = 0; i < count; i++) {
        if (is_same(&flows[i], flow))
            return true;
    }
    return false;
}

/* Replies are SSH's; the rest is the cluster's. A new gateway on the same device is legitimate:
 * only the device is held (design 8). */
static size_t select_flows(const struct forecast *forecast, bool replies,
                           struct protected_flow *ret_flows)
{
    size_t kept = 0;

    for (size_t i = 0; i < forecast->flows_count; i++) {
        if (predict_is_reply(&forecast->flows[i]) != replies ||
            is_among(ret_flows, kept, &forecast->flows[i]))
            continue;
        ret_flows[kept] = forecast->flows[i];
        memset(&ret_flows[kept].gateway, 0, sizeof(ret_flows[kept].gateway));
        kept++;
    }
    return kept;
}

/* What the manifest protects, and what the controller finds by itself: a manifest cannot leave a
 * flow out. The operations that would protect it are of no interest here: their room, a megabyte,
 * is not cleared. */
static void gather_flows(struct forecast *forecast)
{
    AUTO_FREE struct operation *operations = mem_resize(NULL, OPERATIONS_MAX, sizeof(*operations));
    struct protect_plan into = {.operations = operations,
                                .operations_max = OPERATIONS_MAX,
                                .flows = forecast->flows,
                                .flows_max = FLOWS_ROOM};
    const struct snapshot *before = &forecast->member->snapshot;

    memcpy(into.flows, forecast->plan->flows, forecast->plan->flows_count * sizeof(*into.flows));
    into.flows_count = forecast->plan->flows_count;
    into.flows_count +=
        predict_reply_flows(before, &forecast->plan->ssh.address, into.flows + into.flows_count,
                            FLOWS_ROOM - into.flows_count);
    protect_compile(PROTECT_API_SERVER | PROTECT_PODS | PROTECT_SERVICES | PROTECT_CONTROLLER,
                    before, &forecast->inputs->file->cluster, &into, &forecast->err);
    forecast->flows_count = into.flows_count;
}

/* What is told by the model is as old as what it looks at. */
static int64_t snapshot_at(const struct forecast *forecast)
{
    return gates_unix_of(forecast->inputs, forecast->member->snapshot_at);
}

/* ---- where nothing can be predicted ------------------------------------------------------------
 */

static const char no_cluster[] = "no cluster is declared in fleet.yaml";

static bool declares_cluster(const struct gates_inputs *inputs)
{
    const struct protect_cluster *cluster = &inputs->file->cluster;

    return cluster->pods.len > 0 || cluster->services.len > 0 || cluster->api_servers_count > 0;
}

void gates_name_cluster(const struct gates_inputs *inputs, struct gate_answer *answer)
{
    if (answer->verdict.value != VERDICT_PASS || declares_cluster(inputs))
        return;
    text_copy(answer->instead, sizeof(answer->instead), no_cluster);
    text_copy(answer->verdict.observed, sizeof(answer->verdict.observed), no_cluster);
}

/* Containers alone have others. */
static const char *find_cluster_device(const struct snapshot *snapshot)
{
    static const char *const starts[] = {"flannel", "cali", "cilium", "kube-", "cni0"};

    for (size_t i = 0; i < snapshot->links_count; i++) {
        for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
            if (text_starts(snapshot->links[i].name, starts[k]))
                return snapshot->links[i].name;
        }
    }
    return NULL;
}

/* Of a node that shows a cluster, it is not believed that there is none. */
static enum verdict_value judge_no_cluster(const struct forecast *forecast, size_t count,
                                           char *observed)
{
    const char *device = find_cluster_device(&forecast->member->snapshot);

    if (device != NULL) {
        snprintf(observed, REASON_SIZE,
                 "its device %s is a cluster's, and fleet.yaml declares none (`cluster:`)", device);
        return VERDICT_UNKNOWN;
    }
    observed[0] = '\0';
    if (count > 0)
        snprintf(observed, REASON_SIZE, "%zu flow%s of the controller's keep%s; ", count,
                 count == 1 ? "" : "s", count == 1 ? "s its way" : " their way");
    snprintf(observed + strlen(observed), REASON_SIZE - strlen(observed),
             "%s, so no flow of one is asked about", no_cluster);
    return VERDICT_PASS;
}

static bool has_own(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, address))
            return true;
    }
    return false;
}

/* Some reply; and where SSH is at an address of its own, or at one that is nobody else's, from
 * there. Behind NAT any uplink answers. */
static bool has_ssh_reply(const struct forecast *forecast, const struct protected_flow *flows,
                          size_t count)
{
    const struct address *ssh = &forecast->plan->ssh.address;

    for (size_t i = 0; i < count; i++) {
        if (address_equal(&flows[i].flow.source, ssh))
            return true;
    }
    return count > 0 && fleet_file_audience(ssh) == AUDIENCE_EVERYWHERE &&
           !has_own(&forecast->member->snapshot, ssh);
}

/* No flow is broken. Where none was asked about, that is nothing to pass for. */
static enum verdict_value judge_kept(const struct forecast *forecast, bool replies,
                                     const struct protected_flow *flows, size_t count,
                                     char *observed)
{
    char text[ADDRESS_TEXT_SIZE];

    if (replies && !has_ssh_reply(forecast, flows, count)) {
        snprintf(observed, REASON_SIZE,
                 "no reply from %s, where its SSH is, can be predicted: this node has it not, or "
                 "on no device with a default route in main or a peer of the tailnet",
                 address_format(&forecast->plan->ssh.address, text));
        return VERDICT_UNKNOWN;
    }
    if (!replies && !declares_cluster(forecast->inputs))
        return judge_no_cluster(forecast, count, observed);
    if (count == 0) {
        snprintf(observed, REASON_SIZE,
                 "no flow of what `cluster:` in fleet.yaml declares is found on this node");
        return VERDICT_UNKNOWN;
    }
    snprintf(observed, REASON_SIZE, "%zu flow%s keep%s", count, count == 1 ? "" : "s",
             count == 1 ? "s its way" : " their way");
    return VERDICT_PASS;
}

/* ---- prediction, checks, console ---------------------------------------------------------------
 */

static void judge_prediction(const struct forecast *forecast, bool replies,
                             struct gate_answer *answer)
{
    struct protected_flow flows[FLOWS_ROOM];
    size_t count;
    struct prediction prediction = {0};
    struct gate_evidence *evidence;
    enum verdict_value value, broken;
    char observed[REASON_SIZE];
    bool kept;

    if (forecast->err.kind != ERR_NONE) {
        evidence = gates_add_evidence(answer, forecast->plan->node, "prediction", VERDICT_UNKNOWN);
        verdict_set(&evidence->verdict, VERDICT_UNKNOWN, "flows that can be predicted",
                    forecast->err.text);
        evidence->waivable = WAIVE_PREDICTION;
        return;
    }
    count = select_flows(forecast, replies, flows);
    kept = predict_flows(&forecast->after, flows, count, &prediction);
    broken = prediction_is_unknown(&prediction) ? VERDICT_UNKNOWN : VERDICT_FAIL;
    value = kept ? judge_kept(forecast, replies, flows, count, observed) : broken;
    evidence = gates_add_evidence(answer, forecast->plan->node, "prediction", value);
    evidence->at = snapshot_at(forecast);
    verdict_set(&evidence->verdict, value,
                replies ? "replies to its audience leave as they came"
                        : "cluster and controller traffic keeps its way",
                kept ? observed : prediction.reason);
    evidence->waivable = WAIVE_PREDICTION;
}

static void judge_api_checks(const struct forecast *forecast, struct gate_answer *answer)
{
    AUTO_FREE struct check *checks = mem_resize(NULL, 2 * CHECKS_MAX, sizeof(*checks));
    size_t count =
        fleet_file_checks(forecast->inputs->file, forecast->plan->node, checks, 2 * CHECKS_MAX);

    for (size_t i = 0; i < count && i < 2 * CHECKS_MAX; i++) {
        struct verdict verdict;

        if (checks[i].kind != CHECK_API_SERVER_PATH)
            continue;
        fleet_verdict_now(forecast->member, checks[i].name, forecast->inputs->now, &verdict);
        gates_add_verdict(forecast->inputs, answer, forecast->plan->node, &verdict);
    }
}

static void judge_console(const struct forecast *forecast, struct gate_answer *answer)
{
    const struct fleet_node *node = fleet_file_find(forecast->inputs->file, forecast->plan->node);
    bool declared = node != NULL && node->console[0] != '\0';
    struct gate_evidence *evidence = gates_add_evidence(answer, forecast->plan->node, "console",
                                                        declared ? VERDICT_PASS : VERDICT_FAIL);

    verdict_set(&evidence->verdict, evidence->verdict.value, "a console is declared in fleet.yaml",
                declared ? node->console : "none");
    evidence->waivable = WAIVE_CONSOLE;
}

static void count_line(void *context, const char *line)
{
    size_t *count = context;

    (void)line;
    (*count)++;
}

static void judge_undo(const struct forecast *forecast, struct gate_answer *answer)
{
    struct gate_evidence *evidence =
        gates_add_evidence(answer, forecast->plan->node, "undo", VERDICT_PASS);
    size_t lines = 0;

    evidence->at = snapshot_at(forecast);
    render_difference(&forecast->after, &forecast->member->snapshot, count_line, &lines);
    verdict_set(&evidence->verdict, VERDICT_PASS, "an undo for each operation", "");
    snprintf(evidence->verdict.observed, REASON_SIZE,
             "%u operations can be done on it and undone: %zu items go back to what they are",
             forecast->plan->operations_count, lines);
}

static const enum gate forecast_gates[] = {GATE_REVERSIBLE, GATE_CLUSTER_PATH, GATE_SSH_PATH};

enum { FORECAST_GATES = sizeof(forecast_gates) / sizeof(forecast_gates[0]) };

static struct gate_evidence *add_prediction(const struct manifest_plan *plan, enum gate gate,
                                            enum verdict_value value, struct gates *gates)
{
    return gates_add_evidence(&gates->answers[gate], plan->node, "prediction", value);
}

/* Without a forecast nothing below it is known; only prediction itself may be waived. */
static void judge_nothing(const struct manifest_plan *plan, const char *why, struct gates *gates)
{
    for (size_t i = 0; i < FORECAST_GATES; i++) {
        enum verdict_value value =
            forecast_gates[i] == GATE_REVERSIBLE ? VERDICT_FAIL : VERDICT_UNKNOWN;

        verdict_set(&add_prediction(plan, forecast_gates[i], value, gates)->verdict, value,
                    "operations that can be done on it", why);
    }
}

/* An agent that reports and cannot send one has nothing to judge by either. */
static bool has_snapshot(const struct gates_inputs *inputs, const struct fleet_member *member)
{
    return member != NULL && member->has_snapshot &&
           inputs->now - member->snapshot_at <= FLEET_SNAPSHOT_OLD_MS;
}

static void say_no_snapshot(const struct gates_inputs *inputs, const struct fleet_member *member,
                            struct verdict *verdict)
{
    verdict_set(verdict, VERDICT_UNKNOWN, "a snapshot of it",
                "none came yet; its agent sends one when it connects");
    if (member != NULL && member->has_snapshot)
        snprintf(verdict->observed, REASON_SIZE,
                 "the last one came %lld s ago: good for %d s; its agent is asked for another",
                 (long long)(inputs->now - member->snapshot_at) / 1000,
                 FLEET_SNAPSHOT_OLD_MS / 1000);
}

static void await_snapshot(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                           const struct fleet_member *member, struct gates *gates)
{
    for (size_t i = 0; i < FORECAST_GATES; i++) {
        struct gate_evidence *evidence =
            add_prediction(plan, forecast_gates[i], VERDICT_UNKNOWN, gates);

        say_no_snapshot(inputs, member, &evidence->verdict);
        gates_set_awaits(inputs, evidence, "its agent to send a snapshot");
    }
}

static void judge_forecast(struct forecast *forecast, struct gates *gates)
{
    const struct gates_inputs *inputs = forecast->inputs;
    const struct manifest_plan *plan = forecast->plan;

    if (plan->operations_count > 0) {
        judge_undo(forecast, &gates->answers[GATE_REVERSIBLE]);
        gates_judge_rehearsal(inputs, plan, forecast->member, &gates->answers[GATE_REVERSIBLE]);
    }
    gather_flows(forecast);
    judge_prediction(forecast, false, &gates->answers[GATE_CLUSTER_PATH]);
    judge_api_checks(forecast, &gates->answers[GATE_CLUSTER_PATH]);
    judge_prediction(forecast, true, &gates->answers[GATE_SSH_PATH]);
    gates_judge_witnesses(inputs, plan, &forecast->after, &gates->answers[GATE_SSH_PATH]);
    judge_console(forecast, &gates->answers[GATE_SSH_PATH]);
}

void gates_judge_paths(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                       struct gates *gates)
{
    struct forecast forecast;
    struct err err = ERR_INIT;

    forecast.inputs = inputs;
    forecast.plan = plan;
    forecast.member = fleet_find(inputs->fleet, plan->node);
    forecast.err = (struct err)ERR_INIT;
    if (!has_snapshot(inputs, forecast.member)) {
        await_snapshot(inputs, plan, forecast.member, gates);
        return;
    }
    if (!predict_apply(&forecast.member->snapshot, plan->operations, plan->operations_count,
                       &forecast.after, &err)) {
        judge_nothing(plan, err.text, gates);
        return;
    }
    judge_forecast(&forecast, gates);
    snapshot_done(&forecast.after);
}
