/*
 * prepare: snapshot, undo, prediction and rehearsal of a plan; nothing is touched.
 */
#include "agent/guard/io/prepare.h"

#include <stdio.h>

#include "agent/guard/core/undo_table.h"
#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/rehearse.h"
#include "common/core/mem.h"
#include "common/io/localapi.h"
#include "common/net/consequence_route.h"
#include "common/net/predict.h"
#include "common/net/render.h"
#include "common/net/sever.h"

/* A plan is literal: it was compiled for this node's devices, or it is not for this node. */
static bool check_devices(const struct work *work, const struct snapshot *snapshot, struct err *err)
{
    for (uint32_t i = 0; i < work->flows_count; i++) {
        const char *device = work->flows[i].device;

        if (device[0] != '\0' && snapshot_find_device(snapshot, device) == NULL)
            return err_set(err, ERR_CONFLICT,
                           "flow %s leaves by %s, which is not here: the plan was compiled for "
                           "other devices; compile it again",
                           work->flows[i].name, device);
    }
    return true;
}

/* A flow that does not hold now is not held against the revert. */
static void note_held(struct work *work, const struct snapshot *snapshot)
{
    work->flows_held = 0;
    for (uint32_t i = 0; i < work->flows_count; i++) {
        struct prediction prediction;

        if (predict_flows(snapshot, &work->flows[i], 1, &prediction))
            work->flows_held |= (uint64_t)1 << i;
    }
}

/* What its prefs contradict already is somebody else's: it would be waited for without end, when it
 * is applied and when it is taken back. */
static bool check_table(const struct operation *operation, const struct snapshot *snapshot,
                        struct err *err)
{
    const struct route *left = NULL;
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (operation->kind == OPERATION_TAILSCALE && snapshot->tailscale.presence == TAILSCALE_ANSWERS)
        left = undo_table_find_left(&operation->tailscale, snapshot);
    if (left == NULL)
        return true;
    render_route(left, snapshot, &text);
    return err_set(err, ERR_CONFLICT,
                   "table %d holds a route that tailscaled's prefs do not ask for: %s; expected "
                   "none: take it away first, or set all preferences in one `tailscale` operation",
                   TAILSCALE_TABLE, line);
}

/* What another hop's MTU becomes no undo sees. Below IPv6's least the route goes as a whole. */
static bool check_hops(const struct operation *operation, const struct snapshot *snapshot,
                       struct err *err)
{
    const struct operation_link *own = &operation->link;
    const struct link *link;
    const struct route *route = NULL;
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (operation->kind != OPERATION_LINK || own->mtu < LINK_MTU_IPV6)
        return true;
    link = snapshot_find_device(snapshot, own->device);
    if (link != NULL && link->mtu >= LINK_MTU_IPV6)
        route = consequence_route_find_unseen(snapshot, link, own->mtu);
    if (route == NULL)
        return true;
    render_route(route, snapshot, &text);
    return err_set(err, ERR_CONFLICT,
                   "the mtu of the hop by %s could not be put back, for the kernel shows the first "
                   "hop's alone, in: %s; expected `mtu lock` there, no mtu, or the device's",
                   own->device, line);
}

static bool check_operation(const struct apply *apply, const struct work *work, uint32_t i,
                            struct snapshot *snapshot, struct err *err)
{
    const struct operation *operation = &work->operations[i];

    return check_table(operation, snapshot, err) && check_hops(operation, snapshot, err) &&
           sever_check(operation, snapshot, work->flows, work->flows_count, err) &&
           apply_file_read(apply, operation, snapshot, err) &&
           operation_check(operation, snapshot, err) && apply_file_check(apply, operation, err);
}

static bool derive_one(struct work *work, uint32_t i, const struct snapshot *snapshot,
                       struct err *err)
{
    struct undo_item *item = &work->items[i];

    undo_derive(&work->operations[i], i, snapshot, item);
    if (!undo_is_possible(item, err)) {
        undo_item_done(item);
        return false;
    }
    work->items_count++;
    for (uint32_t k = 0; k < i; k++)
        undo_leave_to(item, &work->items[k]);
    return true;
}

/* Each on the snapshot that the earlier ones leave. False: the one behind work->items_count cannot
 * be done, or not be taken back. */
static bool derive(const struct apply *apply, struct work *work, struct snapshot *snapshot,
                   struct err *err)
{
    work->items = mem_alloc(work->operations_count, sizeof(*work->items));
    for (uint32_t i = 0; i < work->operations_count; i++) {
        if (!check_operation(apply, work, i, snapshot, err))
            return false;
        if (!apply_part_add(&work->operations[i], snapshot, err) ||
            !derive_one(work, i, snapshot, err))
            return false;
        undo_foresee(&work->operations[i], snapshot);
    }
    return true;
}

static bool check_prediction(const struct work *work, const struct snapshot *after, struct err *err)
{
    struct prediction prediction;

    if (predict_flows(after, work->flows, work->flows_count, &prediction))
        return true;
    if (work->prediction_waived)
        return true;
    if (prediction_is_unknown(&prediction))
        return err_set(err, ERR_DENIED,
                       "of %u protected flows nobody can tell the way; the first: %s",
                       prediction.violations_count, prediction.reason);
    return err_set(err, ERR_DENIED, "%u protected flows would break; the first: %s",
                   prediction.violations_count, prediction.reason);
}

static void rehearse(struct work *work, struct bytes question, size_t routes_count)
{
    struct err err = ERR_INIT;

    if (work->rehearsal == NULL)
        work->rehearsal = mem_alloc(1, sizeof(*work->rehearsal));
    if (rehearse_ask(work->rehearse_socket, question, rehearse_patience_ms(routes_count),
                     work->rehearsal, &err))
        rehearsal_believe(work->operations, work->operations_count, work->rehearsal);
    else
        rehearsal_miss(work->operations, work->operations_count, err.text, work->rehearsal);
}

/* Whatever could be rehearsed and was not is as unknown as what was never derived. */
static bool check_rehearsal(const struct work *work, struct err *err)
{
    const struct rehearsal *rehearsal = work->rehearsal;
    enum verdict_value value = rehearsal_judge(rehearsal, work->operations_count);
    uint32_t worst = rehearsal_worst(rehearsal);
    char why[2 * REASON_SIZE] = "";
    struct text text = TEXT_IN(why);

    if (value == VERDICT_PASS)
        return true;
    if (worst == rehearsal->operations_count)
        return err_set(err, ERR_PEER, "rehearsal: expected one of %u operations, got one of %u",
                       work->operations_count, rehearsal->operations_count);
    rehearsal_explain(rehearsal, work->operations, worst, &text);
    return err_set(err, ERR_DENIED, "rehearsal of %s", why);
}

static bool prepare_on(const struct apply *apply, struct work *work, struct snapshot *snapshot,
                       struct err *err)
{
    AUTO_WIRE struct wire_bytes question = {NULL, 0};
    size_t routes_count = snapshot->routes_count;

    if (!check_devices(work, snapshot, err))
        return false;
    note_held(work, snapshot);
    question = wire_encode_rehearse(snapshot, work->operations, work->operations_count);
    if (!derive(apply, work, snapshot, err))
        return err_wrap(err, "operation %u", work->items_count + 1);
    if (!check_prediction(work, snapshot, err))
        return false;
    rehearse(work, wire_lend(&question), routes_count);
    return check_rehearsal(work, err);
}

static bool changes_prefs(const struct work *work)
{
    for (uint32_t i = 0; i < work->operations_count; i++) {
        if (work->operations[i].kind == OPERATION_TAILSCALE)
            return true;
    }
    return false;
}

/* By tailscaled's own ID for it one knows it again, also where its node was registered anew;
 * without that the undo would take it for gone, and what was changed in it for gone with it. */
static bool find_profile(const struct apply *apply, const struct work *work, struct tailscale *now,
                         struct err *err)
{
    if (!changes_prefs(work) || now->presence != TAILSCALE_ANSWERS ||
        now->profile.node_id[0] == '\0')
        return true;
    if (!localapi_find_profile(apply->tailscale_socket, APPLY_LOCALAPI_MS, NULL, now, err))
        return err_wrap(err, "tailscale's profiles");
    return now->profile.id[0] != '\0' ||
           err_set(err, ERR_CONFLICT,
                   "expected tailscaled to list the profile of node %.40s, which its prefs are of, "
                   "observed that it does not: `tailscale switch --list` shows what it lists",
                   now->profile.node_id);
}

bool prepare_do(const struct apply *apply, struct work *work, struct err *err)
{
    struct snapshot snapshot;
    bool done;

    if (!apply_read(apply, &snapshot, err))
        return err_wrap(err, "snapshot");
    done = find_profile(apply, work, &snapshot.tailscale, err) &&
           prepare_on(apply, work, &snapshot, err);
    snapshot_done(&snapshot);
    return done;
}

/* ---- only rehearsed ---------------------------------------------------------------------------
 */

static void miss(struct work *work, const char *why)
{
    rehearsal_miss(work->operations, work->operations_count, why, work->rehearsal);
}

/* What the guard itself would refuse is refused here in its words. */
static void refuse(struct work *work, const char *why)
{
    char others[REASON_SIZE];

    snprintf(others, sizeof(others), "operation %u cannot be done here, so none was rehearsed",
             work->items_count + 1);
    miss(work, others);
    rehearsal_set(work->rehearsal, work->items_count, REHEARSED_REFUSED, why);
}

static void rehearse_on(const struct apply *apply, struct work *work, struct snapshot *snapshot)
{
    AUTO_WIRE struct wire_bytes question =
        wire_encode_rehearse(snapshot, work->operations, work->operations_count);
    size_t routes_count = snapshot->routes_count;
    struct err err = ERR_INIT;

    if (!check_devices(work, snapshot, &err))
        miss(work, err.text);
    else if (!derive(apply, work, snapshot, &err))
        refuse(work, err.text);
    else
        rehearse(work, wire_lend(&question), routes_count);
}

void prepare_rehearse(const struct apply *apply, struct work *work)
{
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    work->rehearsal = mem_alloc(1, sizeof(*work->rehearsal));
    if (!apply_read(apply, &snapshot, &err)) {
        err_wrap(&err, "snapshot");
        miss(work, err.text);
        return;
    }
    rehearse_on(apply, work, &snapshot);
    snapshot_done(&snapshot);
}
