/*
 * fresh: waits briefly until nodes have sent a young snapshot and rehearsed a plan.
 */
#include "controller/io/fresh.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

/* Who has not answered yet. */
struct waited {
    size_t count;
    char names[NODES_MAX][NAME_SIZE];
};

struct wait {
    struct waited snapshots, rehearsals;
    struct hash body; /* of what is rehearsed */
    mono_t deadline;
    fresh_fn fn;
    void *context;
    struct wait *next;
};

struct fresh {
    struct desk *desk;
    struct outbox *outbox;
    struct rehearsals rehearsals;
    struct wait *waits;
    uv_timer_t timer;
};

static void put(struct waited *waited, const char *name)
{
    text_copy(waited->names[waited->count++], NAME_SIZE, name);
}

static void take_out(struct waited *waited, const char *name)
{
    for (size_t i = 0; i < waited->count; i++) {
        if (text_equal(waited->names[i], name)) {
            waited->count--;
            memmove(waited->names[i], waited->names[waited->count], NAME_SIZE);
            return;
        }
    }
}

static bool is_over(const struct wait *wait, mono_t now)
{
    return (wait->snapshots.count == 0 && wait->rehearsals.count == 0) || now >= wait->deadline;
}

static bool is_young(const struct fleet_member *member, mono_t now)
{
    return member->has_snapshot && now - member->snapshot_at <= FRESH_AGE_MS;
}

/* Ends the waits that are over; their functions may begin new ones. */
static void end_waits(struct fresh *fresh, bool cancelled)
{
    mono_t now = clock_now();
    struct wait **at = &fresh->waits;
    struct wait *ended = NULL;
    struct wait **last = &ended;

    while (*at != NULL) {
        struct wait *wait = *at;

        if (!cancelled && !is_over(wait, now)) {
            at = &wait->next;
            continue;
        }
        *at = wait->next;
        wait->next = NULL;
        *last = wait;
        last = &wait->next;
    }
    while (ended != NULL) {
        struct wait *wait = ended;

        ended = wait->next;
        wait->fn(wait->context, cancelled);
        free(wait);
    }
}

static void set_timer(struct fresh *fresh);

static void tick(uv_timer_t *timer)
{
    struct fresh *fresh = timer->data;

    end_waits(fresh, false);
    set_timer(fresh);
}

static void set_timer(struct fresh *fresh)
{
    mono_t first = MONO_NEVER;
    mono_t now = clock_now();

    for (const struct wait *wait = fresh->waits; wait != NULL; wait = wait->next)
        first = mono_min(first, wait->deadline);
    if (first == MONO_NEVER)
        uv_timer_stop(&fresh->timer);
    else
        uv_timer_start(&fresh->timer, tick, first > now ? (uint64_t)(first - now) : 0, 0);
}

struct fresh *fresh_new(uv_loop_t *loop, struct desk *desk, struct outbox *outbox)
{
    struct fresh *fresh = mem_alloc(1, sizeof(*fresh));

    fresh->desk = desk;
    fresh->outbox = outbox;
    fresh->rehearsals.outbox = outbox;
    uv_timer_init(loop, &fresh->timer);
    fresh->timer.data = fresh;
    return fresh;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void fresh_free(struct fresh *fresh)
{
    end_waits(fresh, true);
    rehearsals_done(&fresh->rehearsals);
    uv_close((uv_handle_t *)&fresh->timer, closed);
}

static struct wait *new_wait(fresh_fn fn, void *context)
{
    struct wait *wait = mem_alloc(1, sizeof(*wait));

    *wait = (struct wait){.deadline = clock_now() + FRESH_WAIT_MS, .fn = fn, .context = context};
    return wait;
}

static void want_snapshot(struct fresh *fresh, struct wait *wait, const char *name)
{
    const struct fleet_member *member = fleet_find(&fresh->desk->fleet, name);

    if (member == NULL || !member->connected || is_young(member, clock_now()))
        return;
    put(&wait->snapshots, name);
    outbox_put_snapshot(fresh->outbox, name);
}

static void begin_take(struct fresh *fresh, struct wait *wait)
{
    if (is_over(wait, clock_now())) {
        wait->fn(wait->context, false);
        free(wait);
        return;
    }
    wait->next = fresh->waits;
    fresh->waits = wait;
    set_timer(fresh);
}

void fresh_want(struct fresh *fresh, char (*names)[NAME_SIZE], size_t count, fresh_fn fn,
                void *context)
{
    struct wait *wait = new_wait(fn, context);

    for (size_t i = 0; i < count && i < NODES_MAX; i++)
        want_snapshot(fresh, wait, names[i]);
    begin_take(fresh, wait);
}

static void want_rehearsal(struct fresh *fresh, struct wait *wait, const struct manifest *manifest,
                           const struct manifest_plan *plan)
{
    const struct fleet_member *member = fleet_find(&fresh->desk->fleet, plan->node);
    mono_t now = clock_now();

    if (plan->operations_count == 0 || member == NULL || !member->connected ||
        fleet_rehearsal_is_young(member, &wait->body, now) ||
        !rehearsals_ask(&fresh->rehearsals, manifest, &wait->body, plan, now))
        return;
    put(&wait->rehearsals, plan->node);
    wait->deadline = now + REHEARSAL_PATIENCE_MS;
}

void fresh_want_plans(struct fresh *fresh, const struct manifest *manifest, const struct hash *body,
                      uint32_t stage, fresh_fn fn, void *context)
{
    struct wait *wait = new_wait(fn, context);

    if (body != NULL)
        wait->body = *body;
    for (uint32_t i = 0; i < manifest->plans_count && i < NODES_MAX; i++) {
        const struct manifest_plan *plan = &manifest->plans[i];

        want_snapshot(fresh, wait, plan->node);
        if (body != NULL && manifest_stage_of(manifest, plan->node) >= (int)stage)
            want_rehearsal(fresh, wait, manifest, plan);
    }
    begin_take(fresh, wait);
}

void fresh_came(struct fresh *fresh, const char *name)
{
    for (struct wait *wait = fresh->waits; wait != NULL; wait = wait->next)
        take_out(&wait->snapshots, name);
    end_waits(fresh, false);
    set_timer(fresh);
}

void fresh_greeted(struct fresh *fresh, const char *name)
{
    rehearsals_ask_again(&fresh->rehearsals, name, clock_now());
}

const struct rehearsal_question *fresh_find_question(const struct fresh *fresh, const char *node,
                                                     const struct nonce *nonce)
{
    return rehearsals_find(&fresh->rehearsals, node, nonce);
}

void fresh_rehearsed(struct fresh *fresh, const struct rehearsal_question *question)
{
    for (struct wait *wait = fresh->waits; wait != NULL; wait = wait->next) {
        if (hash_equal(&wait->body, &question->body))
            take_out(&wait->rehearsals, question->node);
    }
    rehearsals_end(&fresh->rehearsals, question, clock_now());
    end_waits(fresh, false);
    set_timer(fresh);
}
