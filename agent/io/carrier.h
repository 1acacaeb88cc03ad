/*
 * carrier: between controller and guard: carries each one's words to the other, and adds what only
 * the node's own agent can: its statements over the guard's nonces, and whether a witness counts.
 */
#ifndef AGENT_IO_CARRIER_H
#define AGENT_IO_CARRIER_H

#include "agent/io/examine.h"
#include "agent/io/guard_client.h"
#include "agent/io/identity.h"
#include "agent/io/uplink.h"

struct carrier; /* lives as long as the process */

struct carrier_options {
    uv_loop_t *loop;
    const struct identity *identity; /* all are borrowed */
    const struct agent_config *config;
    struct observer *observer;
    struct examiner *examiner;
    struct reporter *reporter;
    struct uplink *uplink;
    struct guard_client *guard;
};
struct carrier *carrier_new(const struct carrier_options *options);

/* COMMAND_GUARD. */
void carrier_take_command(struct carrier *carrier, const struct session_reply *command);

/* What the guard says: an encoded GuardReport. */
void carrier_take_report(struct carrier *carrier, struct bytes report);

/* The guard is asked for its stack; false if it is not there. */
bool carrier_ask_stack(struct carrier *carrier, const struct nonce *challenge);

/* The observer has something new: waiting statements go on, and outside of trials drift is looked
 * for. */
void carrier_observed(struct carrier *carrier);

#endif
