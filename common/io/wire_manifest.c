/*
 * wire_manifest: a change compiled for each node, as the bytes that are hashed and signed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/wire_values.h"

/* ---- putting ----------------------------------------------------------------------------------
 */

static void put_stages(struct arena *arena, Oceanid__Manifest *to, const struct manifest *from)
{
    to->n_stages = from->stages_count;
    to->stages = wire_new_list(arena, Oceanid__Stage, oceanid__stage__init, from->stages_count);
    for (uint32_t i = 0; i < from->stages_count; i++) {
        to->stages[i]->n_nodes = from->stages[i].nodes_count;
        to->stages[i]->nodes =
            wire_put_rows(arena, from->stages[i].nodes[0], NAME_SIZE, from->stages[i].nodes_count);
    }
}

static void put_plan(struct arena *arena, Oceanid__Plan *to, const struct manifest_plan *from)
{
    to->node = wire_put_string(from->node);
    to->n_operations = from->operations_count;
    to->operations = arena_alloc(arena, from->operations_count, sizeof(*to->operations));
    for (uint32_t i = 0; i < from->operations_count; i++)
        to->operations[i] = wire_put_operation(arena, &from->operations[i]);
    to->n_flows = from->flows_count;
    to->flows = arena_alloc(arena, from->flows_count, sizeof(*to->flows));
    for (uint32_t i = 0; i < from->flows_count; i++)
        to->flows[i] = wire_put_flow(arena, &from->flows[i]);
    to->n_checks = from->checks_count;
    to->checks = wire_put_checks(arena, from->checks, from->checks_count);
    to->n_witnesses = from->witnesses_count;
    to->witnesses = wire_put_rows(arena, from->witnesses[0], NAME_SIZE, from->witnesses_count);
    to->quorum = from->quorum;
    to->ssh = wire_put_ssh(arena, &from->ssh);
}

static void put_plans(struct arena *arena, Oceanid__Manifest *to, const struct manifest *from)
{
    to->n_plans = from->plans_count;
    to->plans = wire_new_list(arena, Oceanid__Plan, oceanid__plan__init, from->plans_count);
    for (uint32_t i = 0; i < from->plans_count; i++)
        put_plan(arena, to->plans[i], &from->plans[i]);
}

static void put_waivers(struct arena *arena, Oceanid__Manifest *to, const struct manifest *from)
{
    to->waivers = arena_alloc(arena, WAIVE_COUNT, sizeof(*to->waivers));
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        Oceanid__Waiver *waiver;

        if (!from->waived[i])
            continue;
        waiver = wire_new(arena, Oceanid__Waiver, oceanid__waiver__init);
        waiver->gate = wire_put_string(waiver_name((enum waiver)i));
        waiver->reason = wire_put_text(arena, from->waiver_reasons[i]);
        to->waivers[to->n_waivers++] = waiver;
    }
}

static void put_times(Oceanid__Manifest *to, const struct manifest *from)
{
    to->soak_s = from->soak_s;
    to->lease_s = from->lease_s;
    to->period_s = from->period_s;
    to->path_s = from->path_s;
    to->dial_s = from->dial_s;
    to->apply_s = from->apply_s;
    to->settle_s = from->settle_s;
    to->grace_s = from->grace_s;
    to->revert_budget_s = from->revert_budget_s;
}

struct wire_bytes wire_encode_manifest(const struct manifest *manifest)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Manifest to = OCEANID__MANIFEST__INIT;

    arena_init(&arena, SIZE_MAX);
    to.change = wire_put_string(manifest->change);
    to.reason = wire_put_text(&arena, manifest->reason);
    to.reference = wire_put_text(&arena, manifest->reference);
    to.justification = wire_put_text(&arena, manifest->justification);
    to.n_fixes = manifest->fixes_count;
    to.fixes = wire_put_rows(&arena, manifest->fixes[0], NAME_SIZE, manifest->fixes_count);
    to.fleet_hash = wire_put_bytes(manifest->fleet_hash.bytes, HASH_SIZE);
    to.pause_after = manifest->pause_after;
    put_times(&to, manifest);
    put_stages(&arena, &to, manifest);
    put_plans(&arena, &to, manifest);
    to.n_roster = manifest->roster_count;
    to.roster = wire_put_roster(&arena, manifest->roster, manifest->roster_count);
    put_waivers(&arena, &to, manifest);
    return wire_pack(&to.base);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_stages(struct manifest *to, const Oceanid__Manifest *from, struct err *err)
{
    if (!wire_take_count(from->n_stages, STAGES_MAX, "stages", err))
        return false;
    to->stages = mem_alloc(from->n_stages, sizeof(*to->stages));
    to->stages_count = (uint32_t)from->n_stages;
    for (size_t i = 0; i < from->n_stages; i++) {
        struct wire_rows nodes = {to->stages[i].nodes[0], NAME_SIZE, NODES_MAX, "node", true};

        if (!wire_take_rows(&nodes, &to->stages[i].nodes_count, from->stages[i]->nodes,
                            from->stages[i]->n_nodes, err))
            return err_wrap(err, "stage %zu", i + 1);
    }
    return true;
}

static bool take_operations(struct manifest_plan *to, const Oceanid__Plan *from, struct err *err)
{
    if (!wire_take_count(from->n_operations, OPERATIONS_MAX, "operations", err))
        return false;
    to->operations = mem_alloc(from->n_operations, sizeof(*to->operations));
    to->operations_count = (uint32_t)from->n_operations;
    for (size_t i = 0; i < from->n_operations; i++) {
        if (!wire_take_operation(&to->operations[i], from->operations[i], err))
            return err_wrap(err, "operation %zu", i + 1);
    }
    return true;
}

static bool take_flows(struct manifest_plan *to, const Oceanid__Plan *from, struct err *err)
{
    if (!wire_take_count(from->n_flows, FLOWS_MAX, "flows", err))
        return false;
    to->flows_count = (uint32_t)from->n_flows;
    for (size_t i = 0; i < from->n_flows; i++) {
        if (!wire_take_flow(&to->flows[i], from->flows[i], err))
            return err_wrap(err, "flow %zu", i + 1);
    }
    return true;
}

static bool take_plan(struct manifest_plan *to, const Oceanid__Plan *from, struct err *err)
{
    struct wire_rows witnesses = {to->witnesses[0], NAME_SIZE, NODES_MAX, "witness", true};

    to->quorum = from->quorum;
    return wire_take_name(to->node, from->node, "node", err) && take_operations(to, from, err) &&
           take_flows(to, from, err) &&
           wire_take_checks(&to->checks, &to->checks_count, from->checks, from->n_checks, err) &&
           wire_take_rows(&witnesses, &to->witnesses_count, from->witnesses, from->n_witnesses,
                          err) &&
           wire_take_ssh(&to->ssh, from->ssh, err);
}

static bool take_plans(struct manifest *to, const Oceanid__Manifest *from, struct err *err)
{
    if (!wire_take_count(from->n_plans, NODES_MAX, "plans", err))
        return false;
    to->plans = mem_alloc(from->n_plans, sizeof(*to->plans));
    to->plans_count = (uint32_t)from->n_plans;
    for (size_t i = 0; i < from->n_plans; i++) {
        if (!take_plan(&to->plans[i], from->plans[i], err))
            return err_wrap(err, "plan %zu", i + 1);
    }
    return true;
}

static bool take_waivers(struct manifest *to, const Oceanid__Manifest *from, struct err *err)
{
    for (size_t i = 0; i < from->n_waivers; i++) {
        enum waiver waiver;

        if (!waiver_parse(from->waivers[i]->gate, &waiver) || to->waived[waiver])
            return err_set(err, ERR_INPUT, "waiver %zu is not known, or there twice", i + 1);
        to->waived[waiver] = true;
        if (!wire_take_text(to->waiver_reasons[waiver], REASON_SIZE, from->waivers[i]->reason,
                            "reason", err))
            return false;
    }
    return true;
}

static bool take_times(struct manifest *to, const Oceanid__Manifest *from, struct err *err)
{
    to->soak_s = from->soak_s;
    to->lease_s = from->lease_s;
    to->period_s = from->period_s;
    to->path_s = from->path_s;
    to->dial_s = from->dial_s;
    to->apply_s = from->apply_s;
    to->settle_s = from->settle_s;
    to->grace_s = from->grace_s;
    to->revert_budget_s = from->revert_budget_s;
    to->pause_after = (enum pause_after)from->pause_after;
    return wire_take_range(from->pause_after, PAUSE_COUNT - 1, "pause after", err);
}

static bool take_roster(struct manifest *to, const Oceanid__Manifest *from, struct err *err)
{
    if (!wire_take_count(from->n_roster, NODES_MAX, "roster entries", err))
        return false;
    to->roster = mem_alloc(from->n_roster, sizeof(*to->roster));
    return wire_take_roster(to->roster, &to->roster_count, from->roster, from->n_roster, err);
}

static bool take_head(struct manifest *to, const Oceanid__Manifest *from, struct err *err)
{
    struct wire_rows fixes = {to->fixes[0], NAME_SIZE, CHECKS_MAX, "fixed check", true};

    return wire_take_name(to->change, from->change, "change", err) &&
           wire_take_text(to->reason, sizeof(to->reason), from->reason, "reason", err) &&
           wire_take_text(to->reference, sizeof(to->reference), from->reference, "reference",
                          err) &&
           wire_take_text(to->justification, sizeof(to->justification), from->justification,
                          "justification", err) &&
           wire_take_rows(&fixes, &to->fixes_count, from->fixes, from->n_fixes, err) &&
           wire_take_fixed(to->fleet_hash.bytes, HASH_SIZE, &from->fleet_hash, "fleet's hash",
                           err) &&
           take_times(to, from, err);
}

/* What is signed must be what is read: bytes that would be written otherwise are refused, and with
 * them every field that this version does not know. */
static bool is_canonical(const struct manifest *manifest, struct bytes from, struct err *err)
{
    AUTO_WIRE struct wire_bytes again = wire_encode_manifest(manifest);

    if (again.len == from.len && memcmp(again.data, from.data, from.len) == 0)
        return true;
    return err_set(err, ERR_INPUT,
                   "it says something that this version (%s) does not know or writes otherwise",
                   OCEANID_VERSION);
}

bool wire_decode_manifest(struct bytes from, struct manifest *ret_manifest, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Manifest *message =
        wire_unpack(&arena, &oceanid__manifest__descriptor, from, MANIFEST_SIZE_MAX, err);

    memset(ret_manifest, 0, sizeof(*ret_manifest));
    if (message != NULL && take_head(ret_manifest, message, err) &&
        take_stages(ret_manifest, message, err) && take_plans(ret_manifest, message, err) &&
        take_roster(ret_manifest, message, err) && take_waivers(ret_manifest, message, err) &&
        is_canonical(ret_manifest, from, err))
        return true;
    manifest_done(ret_manifest);
    return err_wrap(err, "manifest");
}

/* ---- one node's part --------------------------------------------------------------------------
 */

struct wire_bytes wire_encode_plan(const struct manifest_plan *plan)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Plan to = OCEANID__PLAN__INIT;

    arena_init(&arena, SIZE_MAX);
    put_plan(&arena, &to, plan);
    return wire_pack(&to.base);
}

bool wire_decode_plan(struct bytes from, struct manifest_plan *ret_plan, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Plan *message =
        wire_unpack(&arena, &oceanid__plan__descriptor, from, MANIFEST_SIZE_MAX, err);

    memset(ret_plan, 0, sizeof(*ret_plan));
    if (message != NULL && take_plan(ret_plan, message, err))
        return true;
    manifest_plan_done(ret_plan);
    return err_wrap(err, "plan");
}

/* ---- with its approval ------------------------------------------------------------------------
 */

void signed_manifest_done(struct signed_manifest *manifest)
{
    wire_bytes_done(&manifest->body);
    wire_bytes_done(&manifest->approval);
}

struct wire_bytes wire_encode_signed_manifest(struct bytes body, struct bytes approval)
{
    AUTO_ARENA struct arena arena;
    Oceanid__SignedManifest to = OCEANID__SIGNED_MANIFEST__INIT;

    arena_init(&arena, SIZE_MAX);
    to.body = wire_put_bytes(body.data, body.len);
    to.approval = wire_put_signed(&arena, approval);
    return wire_pack(&to.base);
}

bool wire_decode_signed_manifest(struct bytes from, struct signed_manifest *ret_manifest,
                                 struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__SignedManifest *message =
        wire_unpack(&arena, &oceanid__signed_manifest__descriptor, from, COMMAND_SIZE_MAX, err);

    memset(ret_manifest, 0, sizeof(*ret_manifest));
    if (message == NULL)
        return false;
    if (message->body.len == 0 || message->body.len > MANIFEST_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "manifest of %zu bytes: accepted are 1 to %u",
                       message->body.len, MANIFEST_SIZE_MAX);
    if (!wire_take_signed(&ret_manifest->approval, message->approval, "approval", err))
        return false;
    ret_manifest->body = wire_copy(&message->body);
    return true;
}
