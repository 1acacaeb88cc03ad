/*
 * outbox: the commands that wait for each node: numbered, in order, sent again until their number
 * is acknowledged. Bounded: behind the last place the oldest gives way, for everything here is
 * asked again by whoever wanted it.
 */
#ifndef CONTROLLER_IO_OUTBOX_H
#define CONTROLLER_IO_OUTBOX_H

#include "common/core/mono.h"
#include "common/io/wire_session.h"

enum { OUTBOX_ROOM = 96, OUTBOX_AGAIN_MS = 2000 };

struct outbox;

/* A command has come for that node. */
typedef void (*outbox_wake_fn)(void *context, const char *node);

struct outbox *outbox_new(void);
void outbox_free(struct outbox *outbox);
void outbox_set_wake(struct outbox *outbox, outbox_wake_fn wake_fn, void *context);

/* Takes what command owns; id is given here. One that waits already in the same words is not put
 * twice. */
void outbox_put_take(struct outbox *outbox, const char *node, struct session_reply *command);
void outbox_put_guard(struct outbox *outbox, const char *node, const struct guard_request *request);
void outbox_put_snapshot(struct outbox *outbox, const char *node);
/* GUARD_STACK with a challenge of ours. */
void outbox_put_stack(struct outbox *outbox, const char *node);
/* Whether this challenge was given to that node by outbox_put_stack lately, and when; it is used
 * up. */
bool outbox_take_challenge(struct outbox *outbox, const char *node, const struct nonce *challenge,
                           mono_t *ret_given_at);

/* All up to that number were carried out. A higher number than was ever given is of an earlier
 * life of this controller: what waits is numbered anew behind it. */
void outbox_acknowledge(struct outbox *outbox, const char *node, uint64_t id);
/* A new session: what waits there is sent again at once, or is not wanted any more. */
void outbox_send_again(struct outbox *outbox, const char *node);
void outbox_clear(struct outbox *outbox, const char *node);

/* Whether outbox_next would give one. */
bool outbox_is_due(const struct outbox *outbox, const char *node, mono_t now);

/* The oldest that waits, encoded, if it was not sent within OUTBOX_AGAIN_MS; it counts as sent. */
bool outbox_next(struct outbox *outbox, const char *node, mono_t now, struct wire_bytes *ret_reply);

#endif
