/*
 * rehearsing: has a plan rehearsed that nobody has signed yet, for people who look at it.
 *
 * No trial is opened and nothing is touched. It is done by a worker of its own, so that no undo
 * ever waits for it, one at a time, and not while something is open here. Whatever stands against
 * it is said of each operation: what was not rehearsed is never taken for good.
 *
 * A controller asks for one at a time. Asking again therefore means that it has given up the
 * question before: it was started again, its connection broke, or its patience ended. The same plan
 * under way answers the last that asked for it, and of others the last one waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "common/io/log.h"

struct question {
    unsigned asker;
    struct nonce nonce;
    struct wire_bytes plan; /* owned */
    struct work *work;      /* NULL: it is with the worker, or there is none */
};

struct rehearsing {
    struct worker *worker;
    bool busy;
    struct question now;  /* under way */
    struct question next; /* waits */
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

static void tell_missed(struct guard *guard, const struct question *question,
                        const struct operation *operations, uint32_t count, const char *why)
{
    AUTO_FREE struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));

    log_info("a plan is not rehearsed: %s", why);
    rehearsal_miss(operations, count, why, rehearsal);
    tell(guard, question->asker, &question->nonce, rehearsal);
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
    return manifest_check_prefs(plan, err);
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
    rehearsing->next = (struct question){0};
    rehearsing->now.work = NULL;
    rehearsing->busy = true;
    worker_give_take(rehearsing->worker, work);
}

static bool is_of(const struct question *question, const struct wire_bytes *plan)
{
    return question->plan.len == plan->len &&
           (plan->len == 0 || memcmp(question->plan.data, plan->data, plan->len) == 0);
}

/* The question of this plan that is under way or waits; NULL: none. */
static struct question *find_same(struct rehearsing *rehearsing, const struct wire_bytes *plan)
{
    if (rehearsing->busy && is_of(&rehearsing->now, plan))
        return &rehearsing->now;
    if (rehearsing->next.work != NULL && is_of(&rehearsing->next, plan))
        return &rehearsing->next;
    return NULL;
}

static void end(struct question *question)
{
    work_free(question->work);
    wire_bytes_done(&question->plan);
    *question = (struct question){0};
}

static void give_up(struct guard *guard, struct question *question)
{
    if (question->work == NULL)
        return;
    tell_missed(guard, question, question->work->operations, question->work->operations_count,
                "another plan was asked about after this one; ask again");
    end(question);
}

static void begin(struct guard *guard, const struct guard_request *request,
                  const struct manifest_plan *plan)
{
    struct rehearsing *rehearsing = open_once(guard);
    struct work *work = work_new(WORK_REHEARSE, NULL);
    struct question question = {guard->asker, request->nonce, {0}, work};

    give_up(guard, &rehearsing->next);
    work->rehearse_socket = guard->config.rehearse_socket;
    work_fill_plan(work, plan);
    question.plan.data = mem_copy(request->body.data, request->body.len);
    question.plan.len = request->body.len;
    rehearsing->next = question;
    go_on(rehearsing);
}

/* False: nobody waits for it. */
static bool join(struct guard *guard, const struct guard_request *request)
{
    struct question *same =
        guard->rehearsing != NULL ? find_same(guard->rehearsing, &request->body) : NULL;

    if (same == NULL)
        return false;
    same->asker = guard->asker;
    same->nonce = request->nonce;
    return true;
}

bool rehearsing_ask(struct guard *guard, const struct guard_request *request, struct err *err)
{
    struct manifest_plan plan;
    char why[REASON_SIZE];
    bool good;

    if (!wire_decode_plan(wire_lend(&request->body), &plan, err))
        return false;
    find_obstacle(guard, why, sizeof(why));
    good = check_operations(&plan, err);
    if (good && why[0] != '\0')
        tell_missed(guard, &(struct question){guard->asker, request->nonce, {0}, NULL},
                    plan.operations, plan.operations_count, why);
    else if (good && !join(guard, request))
        begin(guard, request, &plan);
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
    rehearsing->now.work = work;
    end(&rehearsing->now);
    go_on(rehearsing);
}
