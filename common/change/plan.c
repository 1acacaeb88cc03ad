/*
 * plan: compiles a change for one node, from that node's snapshot.
 */
#include "common/change/plan.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/predict.h"
#include "common/net/sever.h"

static const unsigned PROTECT_EVERYTHING =
    PROTECT_SSH | PROTECT_API_SERVER | PROTECT_PODS | PROTECT_SERVICES | PROTECT_CONTROLLER;

/* Its host name, the first label of its DNS name, or the latter as a whole. */
static bool peer_is_called(const struct tailscale_peer *peer, const char *name)
{
    size_t len = strlen(name);

    return text_equal(peer->host_name, name) ||
           (text_starts(peer->dns_name, name) &&
            (peer->dns_name[len] == '.' || peer->dns_name[len] == '\0'));
}

/* By one of its addresses in the tailnet. */
static bool peer_has(const struct tailscale_peer *peer, const struct address *address)
{
    for (uint32_t i = 0; i < peer->addresses_count; i++) {
        if (address_equal(&peer->addresses[i], address))
            return true;
    }
    return false;
}

static bool peer_is_meant(const struct tailscale_peer *peer, const char *written)
{
    struct address address;

    return address_parse(written, &address) ? peer_has(peer, &address)
                                            : peer_is_called(peer, written);
}

static bool refuse_exit_node(const struct tailscale *tailscale, const char *written,
                             struct err *err)
{
    char offered[REASON_SIZE] = "";
    struct text text = TEXT_IN(offered);
    bool known = false;

    for (uint32_t i = 0; i < tailscale->peers_count; i++) {
        known |= peer_is_meant(&tailscale->peers[i], written);
        if (tailscale->peers[i].exit_node_option)
            text_add(&text, "%s%s", text.len > 0 ? ", " : "", tailscale->peers[i].host_name);
    }
    if (known)
        return err_set(err, ERR_INPUT,
                       "exit_node '%s' is a Tailscale peer that does not offer itself as an exit "
                       "node; accepted are: %s",
                       written, text.len > 0 ? offered : "none");
    return err_set(err, ERR_INPUT,
                   "exit_node '%s' is the name or address of none of its %u Tailscale peers; "
                   "accepted are: %s",
                   written, tailscale->peers_count, text.len > 0 ? offered : "none");
}

/* The operator writes a name or an address; what is signed is the peer's StableID. */
static bool resolve_exit_node(const struct tailscale *tailscale, struct operation_tailscale *to,
                              struct err *err)
{
    const struct tailscale_peer *found = NULL;

    if (!to->set_exit_node || to->exit_node_name[0] == '\0')
        return true;
    if (tailscale->presence != TAILSCALE_ANSWERS)
        return err_set(err, ERR_MISSING, "exit_node '%s' cannot be looked up on it: %s",
                       to->exit_node_name, tailscale->why);
    for (uint32_t i = 0; i < tailscale->peers_count; i++) {
        const struct tailscale_peer *peer = &tailscale->peers[i];

        if (!peer->exit_node_option || !peer_is_meant(peer, to->exit_node_name))
            continue;
        if (found != NULL)
            return err_set(err, ERR_INPUT, "exit_node '%s': two peers are called so, %s and %s",
                           to->exit_node_name, found->dns_name, peer->dns_name);
        found = peer;
    }
    if (found == NULL)
        return refuse_exit_node(tailscale, to->exit_node_name, err);
    text_copy(to->exit_node_id, sizeof(to->exit_node_id), found->id);
    return true;
}

static bool add_operation(const struct change_step *step, const struct snapshot *snapshot,
                          struct protect_plan *into, struct err *err)
{
    struct operation operation = step->operation;

    if (operation.kind == OPERATION_TAILSCALE &&
        !resolve_exit_node(&snapshot->tailscale, &operation.tailscale, err))
        return false;
    if (!operation_validate(&operation, err))
        return false;
    if (into->operations_count == into->operations_max)
        return err_set(err, ERR_LIMIT, "more than %u operations", OPERATIONS_MAX);
    into->operations[into->operations_count++] = operation;
    return true;
}

/* Shields first, then what a reboot undoes, then what it does not (design 8: persistent last). */
static int rank_of(const struct operation *operation)
{
    if (operation->shield)
        return 0;
    return operation_persists(operation) ? 2 : 1;
}

static void order_operations(struct operation *to, const struct operation *from, size_t count)
{
    size_t next = 0;

    for (int rank = 0; rank <= 2; rank++) {
        for (size_t i = 0; i < count; i++) {
            if (rank_of(&from[i]) == rank)
                to[next++] = from[i];
        }
    }
}

static struct protect_plan room_of(struct operation *operations, struct protected_flow *flows)
{
    return (struct protect_plan){.operations = operations,
                                 .operations_max = OPERATIONS_MAX,
                                 .flows = flows,
                                 .flows_max = FLOWS_MAX};
}

static bool compile_operations(const struct change *change, const struct change_inputs *inputs,
                               const struct snapshot *snapshot, struct manifest_plan *plan,
                               struct err *err)
{
    AUTO_FREE struct operation *operations = mem_alloc(OPERATIONS_MAX, sizeof(*operations));
    AUTO_FREE struct protected_flow *flows = mem_alloc(FLOWS_MAX, sizeof(*flows));
    struct protect_plan into = room_of(operations, flows);

    for (uint32_t i = 0; i < change->steps_count; i++) {
        const struct change_step *step = &change->steps[i];
        bool good;

        into.flows_count = 0; /* compile_flows has them all, whatever the change protects */
        good = step->kind == STEP_PROTECT
                   ? protect_compile(step->protect, snapshot, &inputs->fleet->cluster, &into, err)
                   : add_operation(step, snapshot, &into, err);
        if (!good)
            return err_wrap(err, "operation %u", i + 1);
    }
    plan->operations = mem_alloc(into.operations_count, sizeof(*plan->operations));
    plan->operations_count = (uint32_t)into.operations_count;
    order_operations(plan->operations, operations, into.operations_count);
    return true;
}

static bool same_flow(const struct protected_flow *a, const struct protected_flow *b)
{
    return text_equal(a->name, b->name) && address_equal(&a->flow.source, &b->flow.source) &&
           prefix_equal(&a->destination, &b->destination) && text_equal(a->device, b->device) &&
           text_equal(a->not_device, b->not_device) && text_equal(a->flow.iif, b->flow.iif);
}

static bool has_flow(const struct manifest_plan *plan, const struct protected_flow *flow)
{
    for (uint32_t i = 0; i < plan->flows_count; i++) {
        if (same_flow(&plan->flows[i], flow))
            return true;
    }
    return false;
}

static bool add_flows(struct manifest_plan *plan, const struct protected_flow *flows, size_t count,
                      struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (has_flow(plan, &flows[i]))
            continue;
        if (plan->flows_count == FLOWS_MAX)
            return err_set(err, ERR_LIMIT, "more than %u protected flows", FLOWS_MAX);
        plan->flows[plan->flows_count++] = flows[i];
    }
    return true;
}

/* Built in, whether or not the change has a `protect`: SSH replies, API server, cluster,
 * controller. */
static bool compile_flows(const struct change_inputs *inputs, const struct snapshot *snapshot,
                          struct manifest_plan *plan, struct err *err)
{
    AUTO_FREE struct operation *operations = mem_alloc(OPERATIONS_MAX, sizeof(*operations));
    AUTO_FREE struct protected_flow *flows = mem_alloc(FLOWS_MAX, sizeof(*flows));
    struct protect_plan into = room_of(operations, flows);
    size_t replies = predict_reply_flows(snapshot, &plan->ssh.address, flows, FLOWS_MAX);

    if (!add_flows(plan, flows, replies, err))
        return false;
    return protect_compile(PROTECT_EVERYTHING, snapshot, &inputs->fleet->cluster, &into, err) &&
           add_flows(plan, flows, into.flows_count, err);
}

unsigned plan_tell_missing(const struct manifest_plan *plan, const struct snapshot *snapshot,
                           const struct protect_cluster *cluster, struct text *out)
{
    AUTO_FREE struct operation *operations = mem_alloc(OPERATIONS_MAX, sizeof(*operations));
    AUTO_FREE struct protected_flow *flows = mem_alloc(FLOWS_MAX, sizeof(*flows));
    struct protect_plan into = room_of(operations, flows);
    struct err err = ERR_INIT;
    unsigned missing = 0;

    protect_compile(PROTECT_EVERYTHING, snapshot, cluster, &into,
                    &err); /* as many as there is room */
    for (size_t i = 0; i < into.flows_count; i++) {
        char to[PREFIX_TEXT_SIZE];

        if (has_flow(plan, &flows[i]))
            continue;
        text_add(out, "%s%s to %s", missing++ > 0 ? ", " : "", flows[i].name,
                 prefix_format(&flows[i].destination, to));
    }
    return missing;
}

/* Each on the snapshot that the earlier ones leave; the guard asks again when it prepares. */
static bool check_severing(const struct manifest_plan *plan, const struct snapshot *snapshot,
                           struct err *err)
{
    struct snapshot then;
    bool good = true;

    snapshot_copy(&then, snapshot);
    for (uint32_t i = 0; good && i < plan->operations_count; i++) {
        good = sever_check(&plan->operations[i], &then, plan->flows, plan->flows_count, err) ||
               err_wrap(err, "operation %u", i + 1);
        operation_predict(&plan->operations[i], &then);
    }
    snapshot_done(&then);
    return good;
}

static bool is_fixed(const struct change *change, const char *check)
{
    for (uint32_t i = 0; i < change->fixes_count; i++) {
        if (text_equal(change->fixes[i], check))
            return true;
    }
    return false;
}

static bool add_check(struct manifest_plan *plan, const struct check *check, struct err *err)
{
    for (uint32_t i = 0; i < plan->checks_count; i++) {
        if (text_equal(plan->checks[i].name, check->name))
            return err_set(err, ERR_INPUT, "two checks are called '%s'", check->name);
    }
    if (plan->checks_count == CHECKS_MAX)
        return err_set(err, ERR_LIMIT, "more than %u checks", CHECKS_MAX);
    plan->checks[plan->checks_count++] = *check;
    return true;
}

/* The critical ones, and those that the change says it fixes; the change's own are all meant. */
static bool compile_checks(const struct change *change, const struct change_inputs *inputs,
                           struct manifest_plan *plan, struct err *err)
{
    AUTO_FREE struct check *checks = mem_alloc(2 * CHECKS_MAX, sizeof(*checks));
    size_t count = fleet_file_checks(inputs->fleet, plan->node, checks, 2 * CHECKS_MAX);

    if (count > 2 * CHECKS_MAX)
        return err_set(err, ERR_LIMIT, "%zu checks: accepted are at most %u", count, CHECKS_MAX);
    plan->checks = mem_alloc(CHECKS_MAX, sizeof(*plan->checks));
    for (size_t i = 0; i < count; i++) {
        if ((checks[i].severity == SEVERITY_CRITICAL || is_fixed(change, checks[i].name)) &&
            !add_check(plan, &checks[i], err))
            return false;
    }
    for (uint32_t i = 0; i < change->checks_count; i++) {
        struct check check = change->checks[i];

        check_set_defaults(&check);
        if (!add_check(plan, &check, err))
            return false;
    }
    return true;
}

/* Everybody else in the roster whom the fleet still knows. Who really reaches it shows in the
 * baseline: a witness that cannot then does not count (docs/protocol.md rule 2). */
static void compile_witnesses(const struct change_inputs *inputs, struct manifest_plan *plan)
{
    for (uint32_t i = 0; i < inputs->roster->entries_count; i++) {
        const char *name = inputs->roster->entries[i].name;

        if (text_equal(name, plan->node) || fleet_file_find(inputs->fleet, name) == NULL ||
            plan->witnesses_count == NODES_MAX)
            continue;
        text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE, name);
    }
}

static bool compile_target(const struct change *change, const struct change_inputs *inputs,
                           uint32_t target, struct manifest_plan *plan, struct err *err)
{
    const struct fleet_node *node = fleet_file_find(inputs->fleet, plan->node);

    if (node == NULL || node->witness_only)
        return err_set(err, ERR_INPUT, "it is no node of fleet.yaml, so it cannot be a target");
    if (roster_find(inputs->roster, plan->node) == NULL)
        return err_set(err, ERR_MISSING,
                       "it is not in the signed roster; `oceanidctl node admit` puts it there");
    if (!address_is_set(&node->ssh.address))
        return err_set(err, ERR_INPUT,
                       "fleet.yaml gives no `ssh` address for it, so nobody can witness it");
    plan->ssh = node->ssh;
    if (plan->ssh.port == 0)
        plan->ssh.port = 22;
    plan->ssh.audience = fleet_file_audience(&plan->ssh.address);
    plan->quorum = change->waived[WAIVE_QUORUM] ? 1 : 2;
    compile_witnesses(inputs, plan);
    return compile_operations(change, inputs, &inputs->snapshots[target], plan, err) &&
           compile_flows(inputs, &inputs->snapshots[target], plan, err) &&
           check_severing(plan, &inputs->snapshots[target], err) &&
           compile_checks(change, inputs, plan, err);
}

bool plan_compile(const struct change *change, const struct change_inputs *inputs, uint32_t target,
                  struct manifest_plan *ret_plan, struct err *err)
{
    text_copy(ret_plan->node, sizeof(ret_plan->node), change->targets[target]);
    if (!compile_target(change, inputs, target, ret_plan, err))
        return err_wrap(err, "%s", ret_plan->node);
    return true;
}
