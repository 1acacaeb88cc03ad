/*
 * prepare: snapshot, undo and prediction of a plan; nothing is touched.
 */
#include "agent/guard/io/prepare.h"

#include "agent/guard/io/apply_file.h"
#include "common/core/mem.h"
#include "common/net/predict.h"

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

/* Each on the snapshot that the earlier ones leave. */
static bool derive(const struct apply *apply, struct work *work, struct snapshot *snapshot,
                   struct err *err)
{
    work->items = mem_alloc(work->operations_count, sizeof(*work->items));
    for (uint32_t i = 0; i < work->operations_count; i++) {
        const struct operation *operation = &work->operations[i];

        if (!apply_file_read(apply, operation, snapshot, err) ||
            !operation_check(operation, snapshot, err))
            return err_wrap(err, "operation %u", i + 1);
        undo_derive(operation, i, snapshot, &work->items[i]);
        work->items_count++;
        operation_predict(operation, snapshot);
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
    return err_set(err, ERR_DENIED, "%u protected flows would break; the first: %s",
                   prediction.violations_count, prediction.reason);
}

static bool prepare_on(const struct apply *apply, struct work *work, struct snapshot *snapshot,
                       struct err *err)
{
    if (!check_devices(work, snapshot, err))
        return false;
    note_held(work, snapshot);
    return derive(apply, work, snapshot, err) && check_prediction(work, snapshot, err);
}

bool prepare_do(const struct apply *apply, struct work *work, struct err *err)
{
    struct snapshot snapshot;
    bool done;

    if (!apply_read(apply, &snapshot, err))
        return err_wrap(err, "snapshot");
    done = prepare_on(apply, work, &snapshot, err);
    snapshot_done(&snapshot);
    return done;
}
