/*
 * uplink: this agent's way to a controller: one session that reports and polls, dialled again when
 * it is lost, and beside it those that a trial's first and last nonces are dialled for.
 *
 * A newer session that was welcomed takes the place of the older one, which is kept until its poll
 * is answered, so that no command is lost.
 */
#ifndef AGENT_IO_UPLINK_H
#define AGENT_IO_UPLINK_H

#include "agent/io/reporter.h"
#include "agent/io/session.h"

struct uplink_calls {
    /* The guard is asked for its signed stack over this challenge: uplink_take_stack() brings it.
     * False: there is none to be asked. */
    bool (*ask_stack)(void *context, const struct nonce *challenge);
    void (*welcomed)(void *context, const struct session_reply *welcome);
    void (*command)(void *context, const struct session_reply *command);
    /* The controller was heard, or (alive false) there is no session. */
    void (*heard)(void *context, bool alive, const char *why);
};

struct uplink; /* lives as long as the process */

struct uplink_options {
    uv_loop_t *loop;
    const struct identity *identity; /* these two are borrowed */
    struct reporter *reporter;
    struct uplink_calls calls;
    void *context;
};
struct uplink *uplink_new(const struct uplink_options *options);

/* The reporter has something new to say. */
void uplink_send(struct uplink *uplink);

/* False: no session waits for a stack over that challenge. */
bool uplink_take_stack(struct uplink *uplink, const struct nonce *challenge, struct bytes envelope);

/* Dials a new connection now, and brings this encoded GuardReport in its hello (taken). */
void uplink_dial_beside(struct uplink *uplink, struct wire_bytes report);

/* The guard is there (again): the controller is to know its stack. */
void uplink_greet_again(struct uplink *uplink);

/* Until then dials do not wait for their turn (docs/protocol.md rule 9). */
void uplink_expect_trial(struct uplink *uplink, mono_t until);

#endif
