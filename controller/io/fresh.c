/*
 * fresh: waits briefly until nodes have sent a young snapshot.
 */
#include "controller/io/fresh.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

struct wait {
    char names[NODES_MAX][NAME_SIZE]; /* who has not answered yet */
    size_t count;
    mono_t deadline;
    fresh_fn fn;
    void *context;
    struct wait *next;
};

struct fresh {
    struct desk *desk;
    struct outbox *outbox;
    struct wait *waits;
    uv_timer_t timer;
};

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

        if (!cancelled && wait->count > 0 && now < wait->deadline) {
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
    uv_close((uv_handle_t *)&fresh->timer, closed);
}

void fresh_want(struct fresh *fresh, char (*names)[NAME_SIZE], size_t count, fresh_fn fn,
                void *context)
{
    mono_t now = clock_now();
    struct wait *wait = mem_alloc(1, sizeof(*wait));

    *wait = (struct wait){.deadline = now + FRESH_WAIT_MS, .fn = fn, .context = context};
    for (size_t i = 0; i < count && i < NODES_MAX; i++) {
        const struct fleet_member *member = fleet_find(&fresh->desk->fleet, names[i]);

        if (member == NULL || !member->connected || is_young(member, now))
            continue;
        text_copy(wait->names[wait->count++], NAME_SIZE, names[i]);
        outbox_put_snapshot(fresh->outbox, names[i]);
    }
    if (wait->count == 0) {
        free(wait);
        fn(context, false);
        return;
    }
    wait->next = fresh->waits;
    fresh->waits = wait;
    set_timer(fresh);
}

void fresh_want_plans(struct fresh *fresh, const struct manifest *manifest, fresh_fn fn,
                      void *context)
{
    char(*names)[NAME_SIZE] = mem_alloc(NODES_MAX, NAME_SIZE);
    uint32_t count = manifest->plans_count < NODES_MAX ? manifest->plans_count : NODES_MAX;

    for (uint32_t i = 0; i < count; i++)
        text_copy(names[i], NAME_SIZE, manifest->plans[i].node);
    fresh_want(fresh, names, count, fn, context);
    free(names);
}

void fresh_came(struct fresh *fresh, const char *name)
{
    for (struct wait *wait = fresh->waits; wait != NULL; wait = wait->next) {
        for (size_t i = 0; i < wait->count; i++) {
            if (text_equal(wait->names[i], name)) {
                wait->count--;
                memmove(wait->names[i], wait->names[wait->count], NAME_SIZE);
                break;
            }
        }
    }
    end_waits(fresh, false);
    set_timer(fresh);
}
