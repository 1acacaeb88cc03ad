/*
 * join: what root does once on a node: make its keys and ask (request), take the answer (install),
 * say who may approve changes here (trust).
 */
#ifndef AGENT_IO_JOIN_H
#define AGENT_IO_JOIN_H

#include <stdio.h>
#include <sys/types.h>

#include "agent/io/words.h"
#include "common/io/config.h"

struct join_place {
    const char *agent_state;
    uid_t agent_uid; /* whose the agent's files are */
    gid_t agent_gid;
    const char *guard_state; /* root's */
    const char *trust;       /* the trust root's file; root's */
};

/* Keys that are there already are kept. The request goes to out, for whoever carries it to the
 * operator; the keys' fingerprints to notes. */
bool join_request_make(const struct join_place *place, const char *name, bool witness_only,
                       FILE *out, FILE *notes, struct err *err);

/* Refuses a bundle that was made for other keys than this node's. */
bool join_install(const struct join_place *place, const char *bundle_path, FILE *notes,
                  struct err *err);

bool join_trust(const struct join_place *place, const char *trust_path, FILE *notes,
                struct err *err);

/* Before anything is done: whether the words agree with agent.yaml, and guard.yaml. */
bool join_read(const struct words *words, const struct agent_config *agent,
               struct guard_config *ret_guard, struct err *err);

/* The one of the three that the words say. */
bool join_run(const struct words *words, const struct agent_config *agent,
              const struct guard_config *guard, struct err *err);

#endif
