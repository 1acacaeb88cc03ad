/*
 * downlink: the agents' connections and their parked polls.
 */
#include "controller/io/downlink.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/downlink_parts.h"

enum {
    /* Of one connection: a poll, a report, a hello; who has more open is not listened to. */
    OPEN_MAX = 8,
    CONTEXTS = 2 * FLEET_MAX + 256,
    TICK_MS = 250
};

/* What a library thread hands over. */
struct arrival {
    uint32_t pipe;
    struct bytes bytes; /* lent until the request is answered */
    struct link_request *request;
    bool connected;
};

/* ---- answers ---------------------------------------------------------------------------------
 */

void downlink_answer(struct link_request *request, const struct session_reply *reply)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_reply(reply);

    link_request_answer(request, wire_lend(&bytes));
}

void downlink_deny(struct link_request *request, const char *reason, bool hello_again)
{
    AUTO_FREE struct session_reply *reply = mem_alloc(1, sizeof(*reply));

    reply->kind = ANSWER_DENY;
    reply->hello_again = hello_again;
    text_copy(reply->reason, sizeof(reply->reason), reason);
    downlink_answer(request, reply);
}

void downlink_refuse(struct downlink *downlink, const char *name, const struct err *reason)
{
    desk_audit_refusal(downlink->desk, name, name[0] != '\0' ? name : "unknown", reason->text);
}

static void answer_nothing(struct link_request *request)
{
    AUTO_FREE struct session_reply *reply = mem_alloc(1, sizeof(*reply));

    reply->kind = ANSWER_COMMAND;
    reply->command = COMMAND_NOTHING;
    downlink_answer(request, reply);
}

/* ---- polls -----------------------------------------------------------------------------------
 */

static struct link_request *take_parked(struct pipe *pipe)
{
    struct link_request *request = pipe->parked;

    pipe->parked = NULL;
    pipe->answered_at = clock_now();
    return request;
}

/* What is said from now on goes over this connection: the older ones of that name are let go, so
 * that no command is given to one that its agent is about to close. */
void downlink_prefer(struct downlink *downlink, struct pipe *pipe)
{
    pipe->order = downlink->order_next++;
    for (struct pipe *other = downlink->pipes; other != NULL; other = other->next) {
        if (other != pipe && other->parked != NULL && text_equal(other->name, pipe->name))
            answer_nothing(take_parked(other));
    }
}

static struct pipe *newest_parked(const struct downlink *downlink, const char *node)
{
    struct pipe *found = NULL;

    for (struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        if (pipe->bound && pipe->parked != NULL && text_equal(pipe->name, node) &&
            (found == NULL || pipe->order > found->order) &&
            downlink_why_not_any_more(downlink, pipe) == NULL)
            found = pipe;
    }
    return found;
}

/* Delivers what waits for that node, if one of its polls is parked. */
static void deliver(struct downlink *downlink, const char *node)
{
    struct pipe *pipe =
        outbox_is_due(downlink->outbox, node, clock_now()) ? newest_parked(downlink, node) : NULL;
    AUTO_WIRE struct wire_bytes reply = {NULL, 0};

    if (downlink->desk->failed || pipe == NULL ||
        !outbox_next(downlink->outbox, node, clock_now(), &reply))
        return;
    link_request_answer(take_parked(pipe), wire_lend(&reply));
}

static void wake(void *context, const char *node)
{
    deliver(context, node);
}

static void poll(struct downlink *downlink, struct pipe *pipe, uint64_t acknowledged,
                 struct link_request *request)
{
    if (pipe->parked != NULL)
        answer_nothing(take_parked(pipe));
    pipe->parked = request;
    pipe->parked_at = clock_now();
    outbox_acknowledge(downlink->outbox, pipe->name, acknowledged);
    deliver(downlink, pipe->name);
}

/* ---- connections -----------------------------------------------------------------------------
 */

struct pipe *downlink_find_pipe(const struct downlink *downlink, uint32_t id)
{
    struct pipe *pipe = downlink->buckets[id % PIPES_BUCKETS];

    while (pipe != NULL && pipe->id != id)
        pipe = pipe->next_of_bucket;
    return pipe;
}

static bool has_session(const struct downlink *downlink, const char *name)
{
    for (const struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        if (pipe->bound && text_equal(pipe->name, name))
            return true;
    }
    return false;
}

static void lose_session(struct downlink *downlink, const char *name)
{
    struct fleet_member *member = fleet_find(&downlink->desk->fleet, name);

    if (has_session(downlink, name))
        return;
    log_info("%s: its last connection is gone", name);
    if (member != NULL)
        member->connected = member->silent = member->stack_is_of_session = false;
    lead_take_lost(downlink->lead, name);
}

/* Its session is over; it is told so, and closes the connection itself, or it is closed when it has
 * fallen quiet. nng's thread that ends connections may hang for good when one is closed here under
 * a request (docs/decisions/0003). */
void downlink_end_session(struct downlink *downlink, struct pipe *pipe, const char *why,
                          bool hello_again)
{
    pipe->bound = false;
    pipe->over = !hello_again;
    pipe->heard_at = clock_now();
    if (pipe->parked != NULL)
        downlink_deny(take_parked(pipe), why, hello_again);
    lose_session(downlink, pipe->name);
}

void downlink_trim(struct downlink *downlink, const char *name)
{
    struct pipe *oldest = NULL;
    unsigned count = 0;

    for (struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        if (!pipe->bound || !text_equal(pipe->name, name))
            continue;
        count++;
        if (oldest == NULL || pipe->order < oldest->order)
            oldest = pipe;
    }
    if (count <= NAME_PIPES_MAX)
        return;
    log_warning("%s has %u connections, expected at most %d: its oldest session is over", name,
                count, NAME_PIPES_MAX);
    downlink_end_session(downlink, oldest, "it has too many connections", false);
}

/* It is in both lists. */
static void unlink_pipe(struct downlink *downlink, const struct pipe *pipe)
{
    struct pipe **at = &downlink->pipes;

    while (*at != pipe) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = pipe->next;
    at = &downlink->buckets[pipe->id % PIPES_BUCKETS];
    while (*at != pipe) {
        assert(*at != NULL);
        at = &(*at)->next_of_bucket;
    }
    *at = pipe->next_of_bucket;
    downlink->pipes_count--;
}

static void remove_pipe(struct downlink *downlink, uint32_t id)
{
    struct pipe *pipe = downlink_find_pipe(downlink, id);

    if (pipe == NULL)
        return;
    unlink_pipe(downlink, pipe);
    if (pipe->parked != NULL)
        link_request_drop(pipe->parked);
    if (pipe->bound)
        lose_session(downlink, pipe->name);
    free(pipe);
}

static bool is_quiet(const struct pipe *pipe, mono_t now)
{
    return pipe->parked == NULL && now >= mono_add(pipe->spoke_at, QUIET_MS);
}

/* Whoever has not said who it is makes room for others, whether or not it talks: the list has the
 * newest first. NULL: all have. */
static const struct pipe *choose_surplus(const struct downlink *downlink)
{
    const struct pipe *chosen = NULL;

    for (const struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        if (!pipe->bound)
            chosen = pipe;
    }
    return chosen;
}

/* False: there is no room for one more. It is not listened to; link closes it when it is quiet. */
static bool make_room(struct downlink *downlink)
{
    const struct pipe *surplus;

    if (downlink->pipes_count < downlink->pipes_max)
        return true;
    surplus = choose_surplus(downlink);
    log_warning("%u connections are open, %s", downlink->pipes_count,
                surplus == NULL ? "not listening to the newest"
                                : "closing the oldest that has not said who it is");
    if (surplus == NULL)
        return false;
    link_server_close_pipe(downlink->server, surplus->id);
    remove_pipe(downlink, surplus->id);
    return true;
}

static void add_pipe(struct downlink *downlink, uint32_t id)
{
    struct pipe *pipe;

    if (!make_room(downlink))
        return;
    pipe = mem_alloc(1, sizeof(*pipe));
    pipe->id = id;
    pipe->order = downlink->order_next++;
    pipe->heard_at = pipe->spoke_at = clock_now();
    pipe->next = downlink->pipes;
    downlink->pipes = pipe;
    pipe->next_of_bucket = downlink->buckets[id % PIPES_BUCKETS];
    downlink->buckets[id % PIPES_BUCKETS] = pipe;
    downlink->pipes_count++;
}

/* ---- requests --------------------------------------------------------------------------------
 */

/* A poll that is denied so ends the connection, paced; a report would be lost with it. */
static void deny_unbound(const struct pipe *pipe, const struct session_request *asked,
                         struct link_request *request)
{
    if (pipe->over && asked->kind == ASK_POLL)
        downlink_deny(request, "the session over this connection is over", false);
    else
        downlink_deny(request, "this connection is not bound to a name: hello first", true);
}

/* False: asked was taken, it waits. */
static bool dispatch(struct downlink *downlink, struct pipe *pipe, struct session_request *asked,
                     struct link_request *request)
{
    struct fleet_member *member = NULL;

    if (pipe->bound) {
        member = fleet_find(&downlink->desk->fleet, pipe->name);
        pipe->heard_at = clock_now();
    }
    if (member != NULL)
        downlink_hear(member, pipe->heard_at);
    if (asked->kind == ASK_HELLO_BEGIN)
        downlink_hello_begin(downlink, pipe, asked, request);
    else if (asked->kind == ASK_HELLO)
        downlink_hello(downlink, pipe, asked, request);
    else if (member == NULL)
        deny_unbound(pipe, asked, request);
    else if (asked->kind == ASK_POLL)
        poll(downlink, pipe, asked->id, request);
    else if (!downlink_may_wait(asked)) {
        downlink_wait_end(downlink, pipe->name);
        downlink_report(downlink, pipe, asked, request);
    } else {
        downlink_wait_take(downlink, pipe, asked, request);
        return false;
    }
    return true;
}

/* Said again it would be nonsense again: no hello is asked for. */
static void take_nonsense(struct downlink *downlink, struct pipe *pipe,
                          const struct arrival *arrival, struct err *err)
{
    err_wrap(err, "a request of %zu bytes is not accepted", arrival->bytes.len);
    downlink_refuse(downlink, pipe->bound ? pipe->name : "", err);
    downlink_deny(arrival->request, err->text, false);
    if (pipe->bound)
        downlink_end_session(downlink, pipe, err->text, false);
}

static void take_request(void *context, void *item)
{
    struct downlink *downlink = context;
    AUTO_FREE struct arrival *arrival = item;
    AUTO_FREE struct session_request *asked = mem_alloc(1, sizeof(*asked));
    struct pipe *pipe = downlink_find_pipe(downlink, arrival->pipe);
    struct err err = ERR_INIT;

    if (downlink->closing)
        return; /* the server frees what is open */
    if (pipe == NULL || downlink->desk->failed) {
        link_request_drop(arrival->request);
        return;
    }
    pipe->spoke_at = clock_now();
    if (!wire_decode_session_request(arrival->bytes, asked, &err)) {
        take_nonsense(downlink, pipe, arrival, &err);
        return;
    }
    if (dispatch(downlink, pipe, asked, arrival->request))
        session_request_done(asked);
    else
        asked = NULL;
}

static void take_pipe(void *context, void *item)
{
    struct downlink *downlink = context;
    AUTO_FREE struct arrival *arrival = item;

    if (downlink->closing)
        return;
    if (arrival->connected)
        add_pipe(downlink, arrival->pipe);
    else
        remove_pipe(downlink, arrival->pipe);
}

/* On the library's threads: these two only queue. */
static void on_request(void *context, uint32_t pipe, struct bytes bytes,
                       struct link_request *request)
{
    struct downlink *downlink = context;
    struct arrival *arrival = mem_alloc(1, sizeof(*arrival));

    *arrival = (struct arrival){.pipe = pipe, .bytes = bytes, .request = request};
    inbox_post(downlink->inbox, take_request, downlink, arrival);
}

static void on_pipe(void *context, uint32_t pipe, bool connected)
{
    struct downlink *downlink = context;
    struct arrival *arrival = mem_alloc(1, sizeof(*arrival));

    *arrival = (struct arrival){.pipe = pipe, .connected = connected};
    inbox_post(downlink->inbox, take_pipe, downlink, arrival);
}

/* ---- time ------------------------------------------------------------------------------------
 */

/* Under its words only when it talks on where no session is: that may hang nng, which link notices,
 * and would otherwise hold a place for ever. */
static bool is_to_close(const struct pipe *pipe, mono_t now)
{
    mono_t since = now - pipe->heard_at;

    if (is_quiet(pipe, now))
        return since >= (pipe->bound ? SILENT_MS : UNBOUND_MS);
    return !pipe->bound && since >= TALKING_MS;
}

static void tick(uv_timer_t *timer)
{
    struct downlink *downlink = timer->data;
    mono_t now = clock_now();
    bool is_late = downlink_is_late(downlink, now);
    int64_t beat_ms = fleet_beat_ms(downlink->pipes_count);

    desk_audit_refused_again(downlink->desk);
    for (struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        if (pipe->parked != NULL && now >= pipe->parked_at + beat_ms)
            answer_nothing(take_parked(pipe));
        if (pipe->parked != NULL)
            deliver(downlink, pipe->name);
        if (!is_late && is_to_close(pipe, now)) {
            pipe->heard_at = now;
            link_server_close_pipe(downlink->server, pipe->id);
        }
    }
    downlink_note_silent(downlink, now);
}

/* ---- life ------------------------------------------------------------------------------------
 */

struct downlink *downlink_open(const struct downlink_options *options, struct err *err)
{
    struct downlink *downlink = mem_alloc(1, sizeof(*downlink));
    struct link_server_options server = {.url = options->url,
                                         .tls = options->tls,
                                         .contexts_count = CONTEXTS,
                                         .open_max = OPEN_MAX,
                                         .request_fn = on_request,
                                         .pipe_fn = on_pipe,
                                         .context = downlink};

    downlink->desk = options->desk;
    downlink->outbox = options->outbox;
    downlink->fresh = options->fresh;
    downlink->lead = options->lead;
    downlink->inbox = options->inbox;
    downlink->pipes_max = PIPES_MAX;
    text_copy(downlink->name, sizeof(downlink->name), options->name);
    downlink->server = link_server_new(&server, err);
    if (downlink->server == NULL) {
        free(downlink);
        return NULL;
    }
    outbox_set_wake(downlink->outbox, wake, downlink);
    downlink_wait_open(downlink, options->loop);
    uv_timer_init(options->loop, &downlink->timer);
    downlink->handles_count++;
    downlink->timer.data = downlink;
    uv_timer_start(&downlink->timer, tick, TICK_MS, TICK_MS);
    return downlink;
}

unsigned downlink_port(const struct downlink *downlink)
{
    return link_server_port(downlink->server);
}

void downlink_handle_closed(uv_handle_t *handle)
{
    struct downlink *downlink = handle->data;

    if (--downlink->handles_count == 0)
        free(downlink);
}

void downlink_close(struct downlink *downlink)
{
    outbox_set_wake(downlink->outbox, NULL, NULL);
    downlink->closing = true;
    link_server_free(downlink->server); /* parked requests with it */
    inbox_drain(downlink->inbox);
    downlink_wait_close(downlink);
    while (downlink->pipes != NULL) {
        struct pipe *pipe = downlink->pipes;

        downlink->pipes = pipe->next;
        free(pipe);
    }
    uv_close((uv_handle_t *)&downlink->timer, downlink_handle_closed);
}
