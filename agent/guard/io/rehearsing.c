/*
 * rehearsing: has a plan rehearsed that nobody has signed yet, for people who look at it.
 *
 * No trial is opened and nothing is touched. It is done by a worker of its own, so that no undo
 * ever waits for it, one at a time, and not while something is open here. Whatever stands against
 * it is said of each operation: what was not rehearsed is never taken for good.
 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "common/io/log.h"

struct question {
    unsigned asker;
    struct nonce nonce;
    struct work *work; /* NULL: it is with the worker, or there is none */
};

struct rehearsing {
    struct worker *worker;
    bool busy;
    struct question now;  /* under way */
    struct question next; /* of an agent that was started again, or of another plan; waits */
};

/* ---- telling ---------------------------------------------------------------------------------
 */

static void tell(struct guard *guard, unsigned asker, const struct nonce *nonce,
                 struct rehearsal *rehearsal)
{
    struct guard_report report = {
        .kind = REPORT_REHEARSAL, .nonce = *nonce, .rehearsal = rehearsal};

    if (clients_find(&guard->clients, asker) != NULL)
        clients_tell(&guard->clients, asker, &report);
}

static void tell_missed(struct guard *guard, const struct nonce *nonce,
                        const struct manifest_plan *plan, const char *why)
{
    AUTO_FREE struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));

    log_info("a plan is not rehearsed: %s", why);
    rehearsal_miss(plan->operations, plan->operations_count, why, rehearsal);
    tell(guard, guard->asker, nonce, rehearsal);
}

/* ---- asking ----------------------------------------------------------------------------------
 */

/* Before a path or a name out of it is looked at: nobody signed this plan. */
static bool check_operations(const struct manifest_plan *plan, struct err *err)
{
    for (uint32_t i = 0; i < plan->operations_count; i++) {
        if (!operation_validate(&plan->operations[i], err))
            return err_wrap(err, "operation %u", i + 1);
    }
    return true;
}

/* "": nothing. What is only prepared has touched nothing: a controller that was started again asks
 * while its own rollout waits for a start. */
static void find_obstacle(const struct guard *guard, char *why, size_t size)
{
    why[0] = '\0';
    if (trial_is_open(guard->trial) || guard->trial->state == TRIAL_FENCED)
        snprintf(why, size,
                 "this node is %s: expected is that nothing is open here; ask again then",
                 trial_state_name(guard->trial->state));
}

/* One may wait; whose asker has gone does not wait any more. */
static bool has_room(struct guard *guard)
{
    struct rehearsing *rehearsing = guard->rehearsing;

    if (rehearsing == NULL || rehearsing->next.work == NULL)
        return true;
    if (clients_find(&guard->clients, rehearsing->next.asker) != NULL)
        return false;
    work_free(rehearsing->next.work);
    rehearsing->next.work = NULL;
    return true;
}

static struct rehearsing *open_once(struct guard *guard)
{
    const struct apply apply = {.tailscale_socket = guard->config.tailscale_socket};

    if (guard->rehearsing == NULL) {
        guard->rehearsing = mem_alloc(1, sizeof(*guard->rehearsing));
        guard->rehearsing->worker = worker_start(&apply);
    }
    return guard->rehearsing;
}

static void go_on(struct rehearsing *rehearsing)
{
    struct work *work = rehearsing->next.work;

    if (rehearsing->busy || work == NULL)
        return;
    rehearsing->now = rehearsing->next;
    rehearsing->next.work = rehearsing->now.work = NULL;
    rehearsing->busy = true;
    worker_give_take(rehearsing->worker, work);
}

static void begin(struct guard *guard, const struct nonce *nonce, const struct manifest_plan *plan)
{
    struct rehearsing *rehearsing = open_once(guard);
    struct work *work = work_new(WORK_REHEARSE, NULL);

    work->rehearse_socket = guard->config.rehearse_socket;
    work_fill_plan(work, plan);
    rehearsing->next = (struct question){guard->asker, *nonce, work};
    go_on(rehearsing);
}

bool rehearsing_ask(struct guard *guard, const struct guard_request *request, struct err *err)
{
    struct manifest_plan plan;
    char why[REASON_SIZE];
    bool good;

    if (!wire_decode_plan(wire_lend(&request->body), &plan, err))
        return false;
    find_obstacle(guard, why, sizeof(why));
    if (why[0] == '\0' && !has_room(guard))
        snprintf(why, sizeof(why),
                 "two other plans are being rehearsed here; ask again in a few seconds");
    good = check_operations(&plan, err);
    if (good && why[0] != '\0')
        tell_missed(guard, &request->nonce, &plan, why);
    else if (good)
        begin(guard, &request->nonce, &plan);
    manifest_plan_done(&plan);
    return good;
}

/* ---- and back --------------------------------------------------------------------------------
 */

int rehearsing_fd(const struct guard *guard)
{
    return guard->rehearsing != NULL ? worker_fd(guard->rehearsing->worker) : -1;
}

void rehearsing_take(struct guard *guard)
{
    struct rehearsing *rehearsing = guard->rehearsing;
    struct work *work = worker_take(rehearsing->worker);
    char why[REASON_SIZE];

    if (work == NULL)
        return;
    rehearsing->busy = false;
    find_obstacle(guard, why, sizeof(why)); /* what was looked at may be changing since */
    if (why[0] != '\0')
        rehearsal_miss(work->operations, work->operations_count, why, work->rehearsal);
    tell(guard, rehearsing->now.asker, &rehearsing->now.nonce, work->rehearsal);
    work_free(work);
    go_on(rehearsing);
}
