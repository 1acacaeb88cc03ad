/*
 * outbox: the commands that wait for each node.
 */
#include "controller/io/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/core/names.h"

enum { CHALLENGES_MAX = 8, NUMBER_SHIFT = 20 };

struct command {
    struct session_reply reply;
    mono_t sent_at; /* MONO_NEVER: not yet */
};

struct challenge {
    struct nonce nonce; /* zero: free */
    mono_t given_at;
};

struct queue {
    uint64_t id_next;
    uint32_t count;
    size_t capacity;
    struct command *list; /* oldest first, at most OUTBOX_ROOM */
    uint32_t challenges_next;
    struct challenge challenges[CHALLENGES_MAX];
};

struct outbox {
    struct queue *queues[FLEET_MAX];
    struct names names; /* of queues, in their order */
    uint64_t id_first;
    outbox_wake_fn wake_fn;
    void *context;
};

struct outbox *outbox_new(void)
{
    struct outbox *outbox = mem_alloc(1, sizeof(*outbox));

    /* Behind every number of an earlier life, as far as the clock is right. */
    outbox->id_first = (uint64_t)clock_unix() << NUMBER_SHIFT;
    return outbox;
}

static void empty(struct queue *queue)
{
    for (uint32_t i = 0; i < queue->count; i++)
        session_reply_done(&queue->list[i].reply);
    queue->count = 0;
}

void outbox_free(struct outbox *outbox)
{
    for (uint32_t i = 0; i < outbox->names.count; i++) {
        empty(outbox->queues[i]);
        free(outbox->queues[i]->list);
        free(outbox->queues[i]);
    }
    free(outbox);
}

void outbox_set_wake(struct outbox *outbox, outbox_wake_fn wake_fn, void *context)
{
    outbox->wake_fn = wake_fn;
    outbox->context = context;
}

static struct queue *find(const struct outbox *outbox, const char *node)
{
    uint32_t place = names_find(&outbox->names, node);

    return place != NAMES_NONE ? outbox->queues[place] : NULL;
}

/* Rosters change: the emptiest place of somebody else is taken when all are. */
static struct queue *take_over(struct outbox *outbox, const char *node)
{
    uint32_t emptiest = 0;
    struct queue *queue;

    for (uint32_t i = 1; i < outbox->names.count; i++) {
        if (outbox->queues[i]->count < outbox->queues[emptiest]->count)
            emptiest = i;
    }
    queue = outbox->queues[emptiest];
    empty(queue);
    free(queue->list);
    memset(queue, 0, sizeof(*queue));
    names_replace(&outbox->names, emptiest, node);
    return queue;
}

static struct queue *find_or_add(struct outbox *outbox, const char *node)
{
    struct queue *queue = find(outbox, node);

    if (queue != NULL)
        return queue;
    if (outbox->names.count < FLEET_MAX) {
        queue = mem_alloc(1, sizeof(*queue));
        outbox->queues[names_add(&outbox->names, node)] = queue;
    } else {
        queue = take_over(outbox, node);
    }
    queue->id_next = outbox->id_first;
    return queue;
}

static void drop_oldest(struct queue *queue, uint32_t count)
{
    if (count == 0)
        return; /* there may be no list */
    for (uint32_t i = 0; i < count; i++)
        session_reply_done(&queue->list[i].reply);
    queue->count -= count;
    memmove(queue->list, queue->list + count, queue->count * sizeof(queue->list[0]));
}

static struct wire_bytes encode(const struct session_reply *reply, uint64_t id)
{
    struct session_reply numbered = *reply;

    numbered.kind = ANSWER_COMMAND;
    numbered.id = id;
    return wire_encode_session_reply(&numbered);
}

static bool waits_already(const struct queue *queue, const struct session_reply *reply)
{
    AUTO_WIRE struct wire_bytes wanted = encode(reply, 1);

    for (uint32_t i = 0; i < queue->count; i++) {
        AUTO_WIRE struct wire_bytes known = encode(&queue->list[i].reply, 1);

        if (queue->list[i].reply.command == reply->command && known.len == wanted.len &&
            memcmp(known.data, wanted.data, known.len) == 0)
            return true;
    }
    return false;
}

void outbox_put_take(struct outbox *outbox, const char *node, struct session_reply *command)
{
    struct queue *queue = find_or_add(outbox, node);

    if (waits_already(queue, command)) {
        session_reply_done(command);
        return;
    }
    if (queue->count == OUTBOX_ROOM)
        drop_oldest(queue, 1);
    command->kind = ANSWER_COMMAND;
    command->id = queue->id_next++;
    queue->list = mem_grow(queue->list, queue->count, &queue->capacity, sizeof(*queue->list));
    queue->list[queue->count++] = (struct command){*command, MONO_NEVER};
    if (outbox->wake_fn != NULL)
        outbox->wake_fn(outbox->context, node);
}

void outbox_put_guard(struct outbox *outbox, const char *node, const struct guard_request *request)
{
    AUTO_FREE struct session_reply *command = mem_alloc(1, sizeof(*command));

    command->command = COMMAND_GUARD;
    command->guard = wire_encode_guard_request(request);
    outbox_put_take(outbox, node, command);
}

void outbox_put_snapshot(struct outbox *outbox, const char *node)
{
    AUTO_FREE struct session_reply *command = mem_alloc(1, sizeof(*command));

    command->command = COMMAND_SNAPSHOT;
    outbox_put_take(outbox, node, command);
}

void outbox_put_stack(struct outbox *outbox, const char *node)
{
    AUTO_FREE struct guard_request *request = mem_alloc(1, sizeof(*request));
    struct queue *queue = find_or_add(outbox, node);

    request->kind = GUARD_STACK;
    clock_random(request->challenge.bytes, NONCE_SIZE);
    queue->challenges[queue->challenges_next++ % CHALLENGES_MAX] =
        (struct challenge){request->challenge, clock_now()};
    outbox_put_guard(outbox, node, request);
}

bool outbox_take_challenge(struct outbox *outbox, const char *node, const struct nonce *challenge,
                           mono_t *ret_given_at)
{
    struct queue *queue = find(outbox, node);

    if (queue == NULL || nonce_is_zero(challenge))
        return false;
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++) {
        if (nonce_equal(&queue->challenges[i].nonce, challenge)) {
            *ret_given_at = queue->challenges[i].given_at;
            queue->challenges[i].nonce = (struct nonce){{0}};
            return true;
        }
    }
    return false;
}

void outbox_acknowledge(struct outbox *outbox, const char *node, uint64_t id)
{
    struct queue *queue = find_or_add(outbox, node);
    uint32_t done = 0;

    if (id >= queue->id_next) {
        queue->id_next = id + 1;
        for (uint32_t i = 0; i < queue->count; i++)
            queue->list[i].reply.id = queue->id_next++;
        return;
    }
    while (done < queue->count && queue->list[done].reply.id <= id)
        done++;
    drop_oldest(queue, done);
}

void outbox_send_again(struct outbox *outbox, const char *node)
{
    struct queue *queue = find(outbox, node);

    for (uint32_t i = 0; queue != NULL && i < queue->count; i++)
        queue->list[i].sent_at = MONO_NEVER;
}

void outbox_clear(struct outbox *outbox, const char *node)
{
    struct queue *queue = find(outbox, node);

    if (queue != NULL)
        empty(queue);
}

static struct command *find_due(const struct outbox *outbox, const char *node, mono_t now)
{
    struct queue *queue = find(outbox, node);
    struct command *oldest = queue != NULL && queue->count > 0 ? &queue->list[0] : NULL;

    if (oldest == NULL ||
        (oldest->sent_at != MONO_NEVER && now < oldest->sent_at + OUTBOX_AGAIN_MS))
        return NULL;
    return oldest;
}

bool outbox_is_due(const struct outbox *outbox, const char *node, mono_t now)
{
    return find_due(outbox, node, now) != NULL;
}

bool outbox_next(struct outbox *outbox, const char *node, mono_t now, struct wire_bytes *ret_reply)
{
    struct command *oldest = find_due(outbox, node, now);

    if (oldest == NULL)
        return false;
    oldest->sent_at = now;
    *ret_reply = encode(&oldest->reply, oldest->reply.id);
    return true;
}
