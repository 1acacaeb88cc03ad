/*
 * inbox: what the connections' threads have to say, handed to the loop's thread.
 */
#include "agent/io/inbox.h"

#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/text.h"

struct inbox_line {
    struct inbox *inbox;
    uint64_t session;
};

struct question {
    struct inbox *inbox;
    uint64_t session;
    int ask;
};

static void put(struct inbox *inbox, struct letter *letter)
{
    uv_mutex_lock(&inbox->mutex);
    *inbox->end = letter;
    inbox->end = &letter->next;
    uv_mutex_unlock(&inbox->mutex);
    uv_async_send(&inbox->async);
}

static struct letter *take_all(struct inbox *inbox)
{
    struct letter *first;

    uv_mutex_lock(&inbox->mutex);
    first = inbox->first;
    inbox->first = NULL;
    inbox->end = &inbox->first;
    uv_mutex_unlock(&inbox->mutex);
    return first;
}

static void free_letter(struct letter *letter)
{
    free(letter->data);
    free(letter);
}

static void on_async(uv_async_t *async)
{
    struct inbox *inbox = async->data;
    struct letter *letter = take_all(inbox);

    while (letter != NULL) {
        struct letter *next = letter->next;

        inbox->letter_fn(inbox->context, letter);
        free_letter(letter);
        letter = next;
    }
}

void inbox_init(struct inbox *inbox, uv_loop_t *loop, inbox_fn letter_fn, void *context)
{
    inbox->first = NULL;
    inbox->end = &inbox->first;
    inbox->letter_fn = letter_fn;
    inbox->context = context;
    uv_mutex_init(&inbox->mutex);
    uv_async_init(loop, &inbox->async, on_async);
    inbox->async.data = inbox;
}

struct inbox_line *inbox_line_new(struct inbox *inbox, uint64_t session)
{
    struct inbox_line *line = mem_alloc(1, sizeof(*line));

    *line = (struct inbox_line){inbox, session};
    return line;
}

void inbox_on_state(void *context, bool connected)
{
    const struct inbox_line *line = context;
    struct letter *letter = mem_alloc(1, sizeof(*letter));

    letter->kind = connected ? LETTER_CONNECTED : LETTER_DISCONNECTED;
    letter->session = line->session;
    put(line->inbox, letter);
}

void *inbox_question_new(struct inbox *inbox, uint64_t session, int ask)
{
    struct question *question = mem_alloc(1, sizeof(*question));

    *question = (struct question){inbox, session, ask};
    return question;
}

void inbox_on_reply(void *context, const struct bytes *reply, const char *why)
{
    struct question *question = context;
    struct letter *letter = mem_alloc(1, sizeof(*letter));

    letter->kind = reply != NULL ? LETTER_REPLY : LETTER_NO_REPLY;
    letter->session = question->session;
    letter->ask = question->ask;
    if (reply != NULL) {
        letter->data = mem_copy(reply->data, reply->len);
        letter->len = reply->len;
    } else {
        text_copy(letter->why, sizeof(letter->why), why != NULL ? why : "no answer");
    }
    put(question->inbox, letter);
    free(question);
}
