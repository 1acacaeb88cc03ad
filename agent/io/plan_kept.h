/*
 * plan_kept: this node's part of the manifest that its guard was last asked to prepare: what the
 * agent has to know of it to prove a trial. Kept on disk too, for an agent that is restarted in
 * one.
 */
#ifndef AGENT_IO_PLAN_KEPT_H
#define AGENT_IO_PLAN_KEPT_H

#include "common/io/wire.h"

struct plan_kept { /* zeroed: none */
    bool there;
    struct hash body;
    uint32_t checks_count;
    struct check checks[CHECKS_MAX];
    struct ssh_target ssh;
    uint32_t roster_count;
    struct roster_entry roster[NODES_MAX];
};

/* False: the body is none, or has no plan for this node. directory "": not kept on disk. */
bool plan_kept_take(struct plan_kept *kept, struct bytes body, const char *node,
                    const char *directory, struct err *err);

/* What was kept before a restart; not there if there is nothing, or it is damaged. */
void plan_kept_load(struct plan_kept *kept, const char *node, const char *directory);

/* Whether the envelope is a statement on this node and this manifest, signed by the agent that it
 * names: nobody else's word on where a witness came from is looked into. */
bool plan_kept_verify(const struct plan_kept *kept, const char *node,
                      const struct statement *statement, struct bytes envelope);

#endif
