/*
 * admit_trust: whom this node believes, and under which name it signs.
 */
#include <string.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/node.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/log.h"

/* Read anew each time: root may install or change it while the guard runs. None: keys_count 0. */
bool admit_read_trust(const struct guard *guard, struct trust *ret_trust, struct err *err)
{
    AUTO_FREE uint8_t *text = NULL;
    size_t len;

    memset(ret_trust, 0, sizeof(*ret_trust));
    if (!file_read(guard->config.trust, YAML_SIZE_MAX, &text, &len, err))
        return err->kind == ERR_MISSING;
    return config_parse_trust(guard->config.trust, (struct bytes){text, len}, ret_trust, err);
}

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
