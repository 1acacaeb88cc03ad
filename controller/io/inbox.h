/*
 * inbox: what the libraries' own threads (nng, libmicrohttpd) hand over to the loop thread, in the
 * order in which it came. The one place where two threads meet.
 */
#ifndef CONTROLLER_IO_INBOX_H
#define CONTROLLER_IO_INBOX_H

#include <uv.h>

struct inbox;

/* Called on the loop thread. */
typedef void (*inbox_fn)(void *context, void *item);

/* Keeps the loop alive until inbox_close. */
struct inbox *inbox_open(uv_loop_t *loop);

/* From any thread; item is the caller's until fn gets it. */
void inbox_post(struct inbox *inbox, inbox_fn fn, void *context, void *item);

/* Runs what is there now. Whoever stops his threads calls it before he frees what they point to. */
void inbox_drain(struct inbox *inbox);

/* The loop frees it when it runs next. Nothing may be posted any more. */
void inbox_close(struct inbox *inbox);

#endif
