/*
 * admit_trust: whom this node believes, and under which name it signs.
 */
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/guard.h"
#include "agent/guard/io/owned.h"
#include "common/core/mem.h"
#include "common/core/name.h"
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

static bool read_name_file(const struct guard *guard, char *ret_name)
{
    char path[PATH_SIZE + 16];
    struct err err = ERR_INIT;
    AUTO_FREE uint8_t *text = NULL;
    size_t len;

    if (!file_join(path, sizeof(path), guard->config.state, "name", &err) ||
        !file_read(path, 256, &text, &len, &err))
        return false;
    text[strcspn((char *)text, "\n")] = '\0';
    return name_valid((const char *)text) && text_copy(ret_name, NAME_SIZE, (const char *)text);
}

static void host_name(char *ret_name)
{
    char name[HOST_SIZE] = "";

    gethostname(name, sizeof(name) - 1);
    name[strcspn(name, ".")] = '\0';
    text_copy(ret_name, NAME_SIZE, name_valid(name) ? name : "unnamed");
}

/* As it joined; else as a kept manifest calls it; else the host's own. The machine never looks at
 * its name by itself, and while something is open it stays. */
void admit_refresh_name(struct guard *guard)
{
    char name[NAME_SIZE];

    if (guard->trial->state != TRIAL_IDLE)
        return;
    if (!read_name_file(guard, name)) {
        owned_find_name(guard->journal, guard->ledger, &guard->public_key, name);
        if (name[0] == '\0' && guard->trial->node[0] != '\0')
            return;
        if (name[0] == '\0')
            host_name(name);
    }
    text_copy(guard->trial->node, sizeof(guard->trial->node), name);
}

/* A manifest that approvers signed and that has this very key calls it by its name. */
void admit_learn_name(struct guard *guard, const struct manifest *manifest)
{
    char name[NAME_SIZE];

    owned_name_in(manifest, &guard->public_key, name);
    if (name[0] == '\0' || guard->trial->state != TRIAL_IDLE ||
        text_equal(name, guard->trial->node))
        return;
    log_info("this node is %s, as a signed manifest calls its key", name);
    text_copy(guard->trial->node, sizeof(guard->trial->node), name);
}
