/*
 * fresh: waits briefly until nodes have sent a snapshot that is young enough to judge by, and
 * their guards have had the plan rehearsed that is to be judged.
 */
#ifndef CONTROLLER_IO_FRESH_H
#define CONTROLLER_IO_FRESH_H

#include <uv.h>

#include "controller/io/desk.h"
#include "controller/io/outbox.h"
#include "controller/io/rehearsals.h"

enum { FRESH_AGE_MS = 3000, FRESH_WAIT_MS = 4000 };

struct fresh;

/* Either all are young, or there was no waiting any longer. cancelled: the controller stops. */
typedef void (*fresh_fn)(void *context, bool cancelled);

struct fresh *fresh_new(uv_loop_t *loop, struct desk *desk, struct outbox *outbox);
/* Cancels who still waits. */
void fresh_free(struct fresh *fresh);

/* Asks those whose snapshot is older than FRESH_AGE_MS. May call fn at once. Who is not connected
 * is not waited for. */
void fresh_want(struct fresh *fresh, char (*names)[NAME_SIZE], size_t count, fresh_fn fn,
                void *context);
/* The targets of a manifest, and a rehearsal by each of the stages from `stage` on. body NULL: no
 * rehearsals. Who was asked for one is waited for as long as REHEARSAL_PATIENCE_MS. */
void fresh_want_plans(struct fresh *fresh, const struct manifest *manifest, const struct hash *body,
                      uint32_t stage, fresh_fn fn, void *context);

/* A snapshot of that node has come. */
void fresh_came(struct fresh *fresh, const char *name);

/* A node's agent has greeted: what it was asked before may be lost. */
void fresh_greeted(struct fresh *fresh, const char *name);

/* The question that a guard answers over that nonce; NULL: nobody asked. Lent until
 * fresh_rehearsed, which is called when the fleet knows of the answer. */
const struct rehearsal_question *fresh_find_question(const struct fresh *fresh, const char *node,
                                                     const struct nonce *nonce);
void fresh_rehearsed(struct fresh *fresh, const struct rehearsal_question *question);

#endif
