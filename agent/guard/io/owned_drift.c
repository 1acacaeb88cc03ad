/*
 * owned_drift: tells the agent which owned items that only the guard can compare have drifted.
 *
 * Looked at a while after the stack has changed, after links have, and every minute, by a worker of
 * its own: a file may lie on a disk that hangs. While something is open nothing is told, but for
 * that nothing is owned.
 */
#include "agent/guard/io/owned_drift.h"

#include <stdlib.h>

#include "agent/guard/io/apply_drift.h"
#include "agent/guard/io/owned.h"
#include "common/core/mem.h"
#include "common/io/clock.h"

enum { DRIFT_SOON_MS = 5000, DRIFT_EVERY_MS = 60000 };

struct owned_drift {
    struct worker *worker;
    bool busy;
    mono_t due; /* MONO_NEVER: nothing is owned that has to be looked at */
};

static struct owned_drift *open_once(struct guard *guard)
{
    const struct apply apply = {.tailscale_socket = guard->config.tailscale_socket};

    if (guard->drift == NULL) {
        guard->drift = mem_alloc(1, sizeof(*guard->drift));
        guard->drift->worker = worker_start(&apply);
        guard->drift->due = MONO_NEVER;
    }
    return guard->drift;
}

/* True: something is owned that only the guard can compare. */
static bool list_concerned(struct guard *guard, struct owned *ret_owned)
{
    uint32_t kept = 0;

    owned_list(ret_owned, OWNED_EVERYTHING, guard->journal, guard->ledger, guard->trial);
    for (uint32_t i = 0; i < ret_owned->count; i++) {
        if (apply_drift_concerns(&ret_owned->operations[i]))
            ret_owned->operations[kept++] = ret_owned->operations[i];
    }
    ret_owned->count = kept;
    return kept > 0;
}

static bool is_quiet(const struct guard *guard)
{
    return guard->trial->state == TRIAL_IDLE && guard->stop_by == 0;
}

/* To one, or to all (CLIENT_NONE); work NULL: nothing has drifted. */
static void tell(struct guard *guard, unsigned client, const struct work *work)
{
    struct guard_report report = {.kind = REPORT_DRIFT};

    if (work != NULL) {
        report.lines = work->lines;
        report.lines_count = work->lines_count;
    }
    clients_tell(&guard->clients, client, &report);
}

void owned_drift_want(struct guard *guard)
{
    mono_t soon = clock_now() + DRIFT_SOON_MS;

    if (guard->drift != NULL)
        guard->drift->due = mono_min(guard->drift->due, soon);
    else if (guard->ledger->generations_count > 0)
        open_once(guard)->due = soon;
}

void owned_drift_greet(struct guard *guard, unsigned client)
{
    if (guard->drift == NULL && guard->ledger->generations_count == 0)
        tell(guard, client, NULL);
    else
        owned_drift_want(guard);
}

int owned_drift_fd(const struct guard *guard)
{
    return guard->drift != NULL ? worker_fd(guard->drift->worker) : -1;
}

mono_t owned_drift_deadline(const struct guard *guard)
{
    return guard->drift == NULL || guard->drift->busy || !is_quiet(guard) ? MONO_NEVER
                                                                          : guard->drift->due;
}

void owned_drift_tick(struct guard *guard)
{
    struct owned owned;
    struct work *work;

    if (clock_now() < owned_drift_deadline(guard))
        return;
    guard->drift->due = MONO_NEVER;
    if (!list_concerned(guard, &owned)) {
        free(owned.operations);
        tell(guard, CLIENT_NONE, NULL);
        return;
    }
    work = work_new(WORK_DRIFT, NULL);
    work->operations = owned.operations;
    work->operations_count = owned.count;
    work->profile = owned.profile;
    guard->drift->busy = true;
    worker_give_take(guard->drift->worker, work);
}

/* What was looked at may be changing since. */
void owned_drift_take(struct guard *guard)
{
    struct work *work = worker_take(guard->drift->worker);

    if (work == NULL)
        return;
    guard->drift->busy = false;
    guard->drift->due = mono_min(guard->drift->due, clock_now() + DRIFT_EVERY_MS);
    if (is_quiet(guard))
        tell(guard, CLIENT_NONE, work);
    work_free(work);
}
