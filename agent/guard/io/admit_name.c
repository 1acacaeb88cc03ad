/*
 * admit_name: under which name this node signs.
 */
#include <stdlib.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/node.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"

enum { NAME_WAIT_MS = 50 }; /* shields are to be back within 100 */

struct name_job {
    struct hand_job job;
    char state[PATH_SIZE];
    char name[NAME_SIZE];
};

static void read_name(struct hand_job *job)
{
    struct name_job *reading = (struct name_job *)job;

    node_read_name(reading->state, reading->name);
}

static void free_name(struct hand_job *job)
{
    free(job);
}

static void ask_disk(struct guard *guard)
{
    struct name_job *reading;

    if (guard->name_hand == NULL) {
        node_read_name(guard->config.state, guard->joined_as);
        return;
    }
    reading = mem_alloc(1, sizeof(*reading));
    reading->job = (struct hand_job){read_name, free_name, sizeof(*reading)};
    text_copy(reading->state, sizeof(reading->state), guard->config.state);
    if (hand_do_take(guard->name_hand, &reading->job, NAME_WAIT_MS) != HAND_DONE)
        return;
    text_copy(guard->joined_as, sizeof(guard->joined_as), reading->name);
    free(reading);
}

/* The machine never looks at its name by itself, and while something is open it stays. */
void admit_refresh_name(struct guard *guard)
{
    if (guard->trial->state != TRIAL_IDLE)
        return;
    ask_disk(guard);
    node_find_name(guard->joined_as, guard->journal, guard->ledger, &guard->public_key,
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
