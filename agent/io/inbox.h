/*
 * inbox: what the connections' threads have to say, handed to the loop's thread in their order.
 */
#ifndef AGENT_IO_INBOX_H
#define AGENT_IO_INBOX_H

#include <uv.h>

#include "common/io/link.h"

enum letter_kind { LETTER_CONNECTED, LETTER_DISCONNECTED, LETTER_REPLY, LETTER_NO_REPLY };

struct letter {
    struct letter *next;
    enum letter_kind kind;
    uint64_t session; /* whose; it may be gone by now */
    int ask;          /* reply, no reply: what was asked */
    uint8_t *data;    /* reply */
    size_t len;
    char why[128]; /* no reply */
};

/* Lent for the call. */
typedef void (*inbox_fn)(void *context, const struct letter *letter);

struct inbox {
    uv_async_t async;
    uv_mutex_t mutex;
    struct letter *first, **end; /* under mutex */
    inbox_fn letter_fn;
    void *context;
};

/* inbox must live as long as the process: threads write to it until they end. */
void inbox_init(struct inbox *inbox, uv_loop_t *loop, inbox_fn letter_fn, void *context);

/* The contexts for link: of a client (freed by the caller after the client), and of one question
 * (freed with its answer). */
struct inbox_line;
struct inbox_line *inbox_line_new(struct inbox *inbox, uint64_t session);
void inbox_on_state(void *line, bool connected); /* link_state_fn */
void *inbox_question_new(struct inbox *inbox, uint64_t session, int ask);
void inbox_on_reply(void *question, const struct bytes *reply, const char *why); /* link_reply_fn */

#endif
