/*
 * admit_name: under which name this node signs.
 */
#include "agent/guard/io/guard.h"
#include "agent/guard/io/node.h"
#include "common/core/text.h"
#include "common/io/log.h"

/* The machine never looks at its name by itself, and while something is open it stays. */
void admit_refresh_name(struct guard *guard)
{
    if (guard->trial->state == TRIAL_IDLE)
        node_find_name(guard->config.state, guard->journal, guard->ledger, &guard->public_key,
                       guard->trial->node);
}

/* A manifest that approvers signed and that has this very key calls it by its name. */
void admit_learn_name(struct guard *guard, const struct manifest *manifest)
{
    char name[NAME_SIZE];

    node_name_in(manifest, &guard->public_key, name);
    if (name[0] == '\0' || guard->trial->state != TRIAL_IDLE ||
        text_equal(name, guard->trial->node))
        return;
    log_info("this node is %s, as a signed manifest calls its key", name);
    text_copy(guard->trial->node, sizeof(guard->trial->node), name);
}
