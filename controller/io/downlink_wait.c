/*
 * downlink_wait: reports wait in a queue of their own: one is taken each time that the loop has
 * nothing else to do, so that what a rollout waits for goes past all of them, but for those of the
 * same agent: what it said first is known first.
 */
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/io/downlink_parts.h"

struct waiting {
    uint32_t pipe;
    char name[NAME_SIZE];          /* that it was said under */
    struct session_request *asked; /* owned */
    struct link_request *request;
    struct waiting *next;
};

/* What a guard or a witness says moves a rollout; everything else only has to be known. */
bool downlink_may_wait(const struct session_request *asked)
{
    return asked->kind == ASK_REPORT && asked->guard_count == 0 && asked->statement.len == 0 &&
           asked->sources_count == 0;
}

static void put(struct downlink *downlink, struct waiting *waiting)
{
    if (downlink->waiting == NULL)
        downlink->waiting = waiting;
    else
        downlink->waiting_last->next = waiting;
    downlink->waiting_last = waiting;
}

static struct waiting *take_first(struct downlink *downlink)
{
    struct waiting *first = downlink->waiting;

    downlink->waiting = first->next;
    if (downlink->waiting == NULL)
        downlink->waiting_last = NULL;
    return first;
}

static void free_waiting(struct waiting *waiting)
{
    session_request_done(waiting->asked);
    free(waiting->asked);
    free(waiting);
}

/* A connection that is gone, or whose session is over, has asked in vain: its agent says it again.
 */
static void report_and_free(struct downlink *downlink, struct waiting *waiting)
{
    struct pipe *pipe = downlink_find_pipe(downlink, waiting->pipe);

    if (pipe == NULL || !pipe->bound || !text_equal(pipe->name, waiting->name) ||
        fleet_find(&downlink->desk->fleet, pipe->name) == NULL)
        link_request_drop(waiting->request);
    else
        downlink_report(downlink, pipe, waiting->asked, waiting->request);
    free_waiting(waiting);
}

static void take_one(uv_idle_t *idle)
{
    struct downlink *downlink = idle->data;
    struct waiting *first = take_first(downlink);

    if (downlink->waiting == NULL)
        uv_idle_stop(&downlink->idle);
    report_and_free(downlink, first);
}

/* The others stay in their order. */
void downlink_wait_end(struct downlink *downlink, const char *name)
{
    struct waiting *all = downlink->waiting;

    downlink->waiting = downlink->waiting_last = NULL;
    while (all != NULL) {
        struct waiting *waiting = all;

        all = waiting->next;
        waiting->next = NULL;
        if (text_equal(waiting->name, name))
            report_and_free(downlink, waiting);
        else
            put(downlink, waiting);
    }
    if (downlink->waiting == NULL)
        uv_idle_stop(&downlink->idle);
}

void downlink_wait_take(struct downlink *downlink, const struct pipe *pipe,
                        struct session_request *asked, struct link_request *request)
{
    struct waiting *waiting = mem_alloc(1, sizeof(*waiting));

    *waiting = (struct waiting){.pipe = pipe->id, .asked = asked, .request = request};
    text_copy(waiting->name, sizeof(waiting->name), pipe->name);
    put(downlink, waiting);
    uv_idle_start(&downlink->idle, take_one);
}

void downlink_wait_open(struct downlink *downlink, uv_loop_t *loop)
{
    uv_idle_init(loop, &downlink->idle);
    downlink->handles_count++;
    downlink->idle.data = downlink;
}

/* Their requests were the server's, which is closed. */
void downlink_wait_close(struct downlink *downlink)
{
    while (downlink->waiting != NULL)
        free_waiting(take_first(downlink));
    uv_idle_stop(&downlink->idle);
    uv_close((uv_handle_t *)&downlink->idle, downlink_handle_closed);
}
