/*
 * inbox: what the libraries' own threads hand over to the loop thread.
 */
#include "controller/io/inbox.h"

#include <stdlib.h>

#include "common/core/mem.h"

struct letter {
    inbox_fn fn;
    void *context, *item;
    struct letter *next;
};

struct inbox {
    uv_async_t bell;
    uv_mutex_t lock;
    struct letter *first, **last; /* behind lock */
};

static void ring(uv_async_t *bell)
{
    inbox_drain(bell->data);
}

struct inbox *inbox_open(uv_loop_t *loop)
{
    struct inbox *inbox = mem_alloc(1, sizeof(*inbox));

    inbox->last = &inbox->first;
    inbox->bell.data = inbox;
    if (uv_mutex_init(&inbox->lock) != 0 || uv_async_init(loop, &inbox->bell, ring) != 0)
        abort(); /* no descriptor at start: nothing can work */
    return inbox;
}

void inbox_post(struct inbox *inbox, inbox_fn fn, void *context, void *item)
{
    struct letter *letter = mem_alloc(1, sizeof(*letter));

    *letter = (struct letter){fn, context, item, NULL};
    uv_mutex_lock(&inbox->lock);
    *inbox->last = letter;
    inbox->last = &letter->next;
    uv_mutex_unlock(&inbox->lock);
    uv_async_send(&inbox->bell);
}

static struct letter *take_all(struct inbox *inbox)
{
    struct letter *letters;

    uv_mutex_lock(&inbox->lock);
    letters = inbox->first;
    inbox->first = NULL;
    inbox->last = &inbox->first;
    uv_mutex_unlock(&inbox->lock);
    return letters;
}

void inbox_drain(struct inbox *inbox)
{
    struct letter *letters = take_all(inbox);

    while (letters != NULL) {
        struct letter *letter = letters;

        letters = letter->next;
        letter->fn(letter->context, letter->item);
        free(letter);
    }
}

static void closed(uv_handle_t *handle)
{
    struct inbox *inbox = handle->data;

    uv_mutex_destroy(&inbox->lock);
    free(inbox);
}

void inbox_close(struct inbox *inbox)
{
    inbox_drain(inbox);
    uv_close((uv_handle_t *)&inbox->bell, closed);
}
