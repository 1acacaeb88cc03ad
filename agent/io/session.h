/*
 * session: one connection to a controller, from its dial over the signed hello to its end.
 *
 * A machine without a clock or a wait of its own: the uplink hands it letters and the time, and
 * looks at its state and deadline.
 */
#ifndef AGENT_IO_SESSION_H
#define AGENT_IO_SESSION_H

#include "agent/io/identity.h"
#include "agent/io/inbox.h"
#include "common/core/mono.h"
#include "common/io/wire_session.h"

enum {
    SESSION_GREET_MS = 10000, /* from the dial to the welcome */
    SESSION_STACK_MS = 2000,  /* for the guard's signed stack */
    SESSION_POLL_MS = 60000,
    SESSION_REPORT_MS = 10000,
};

enum session_state {
    SESSION_DIALLING,
    SESSION_BEGINNING,    /* hello begin is out */
    SESSION_AWAITS_STACK, /* of the own guard, over the challenge */
    SESSION_GREETING,     /* hello is out */
    SESSION_WELCOMED,
    SESSION_LOST, /* why says it */
};

struct session {
    uint64_t number;
    enum session_state state;
    const struct identity *identity; /* borrowed */
    struct inbox *inbox;             /* borrowed */
    struct link_client *client;
    struct inbox_line *line;
    mono_t deadline; /* MONO_NEVER: none */
    mono_t greet_until;
    struct nonce challenge;
    bool beside;             /* says in its hello that there is another one */
    struct wire_bytes nonce; /* a GuardReport that travels in its hello; owned */
    bool had_stack;
    bool poll_out, report_out; /* asked, not answered */
    uint64_t report_id;
    char why[160];
};

struct session_options {
    uint64_t number;
    const struct identity *identity;
    struct inbox *inbox;
    const char *url;
    struct wire_bytes nonce; /* taken; empty for none */
    bool beside;
};
/* Dials at once; state is SESSION_LOST if that cannot be. */
struct session *session_new(const struct session_options *options, mono_t now);
/* The connection is closed in a worker of the loop's: nng may take its time over it, and
 * statements, checks and the guard must not wait for that. */
void session_free(struct session *session, uv_loop_t *loop);

void session_connected(struct session *session, bool connected, mono_t now);

/* hello begin, hello: goes on by itself. ret_welcome: filled when this reply is the welcome, and
 * then the caller's to end (session_reply_done). True: it is. */
bool session_greeted(struct session *session, const struct letter *letter, mono_t now,
                     struct session_reply *ret_welcome);

/* In SESSION_AWAITS_STACK: envelope is the guard's, empty if there is none. */
void session_give_stack(struct session *session, struct bytes envelope, mono_t now);

/* Once more on the same connection, if it is welcomed: the controller or the guard wants it. */
void session_greet_again(struct session *session, mono_t now);

void session_poll(struct session *session, uint64_t acknowledged);
void session_report(struct session *session, struct bytes report, uint64_t id, int timeout_ms);

/* deadline has come. */
void session_late(struct session *session, mono_t now);

void session_lose(struct session *session, const char *why);

#endif
