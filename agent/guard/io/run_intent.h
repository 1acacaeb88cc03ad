/*
 * run_intent: what a rescue was to take back that the journal takes no record of, in a link beside
 * the mark `unrecorded`: whoever comes next in this boot goes on with all of it.
 *
 * A link, because a full /run has room for one. It goes with the mark (run_unmark_unrecorded).
 */
#ifndef AGENT_GUARD_IO_RUN_INTENT_H
#define AGENT_GUARD_IO_RUN_INTENT_H

#include "common/change/proof.h"
#include "common/core/limits.h"
#include "common/io/config.h"

struct run_intent {
    struct generation_id down_to; /* and all above it */
    bool is_void;                 /* root has declared Tailscale's preference void */
    bool is_ordered;              /* by an operator's order; else by root */
    char reason[REASON_SIZE];     /* of the order; "" where there was no room for it */
};

/* In the place of the one that is there; where it cannot be written there is none. */
void run_intent_note(const struct guard_config *config, const struct run_intent *intent);
/* Where the mark is. False: none was noted, or it is not whole. */
bool run_intent_find(const struct guard_config *config, struct run_intent *ret_intent);

#endif
