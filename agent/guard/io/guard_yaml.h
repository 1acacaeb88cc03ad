/*
 * guard_yaml: the guard's configuration, read by a process of its own: whoever starts while its
 * disk is dead hangs in nothing.
 */
#ifndef AGENT_GUARD_IO_GUARD_YAML_H
#define AGENT_GUARD_IO_GUARD_YAML_H

#include "agent/guard/io/disk_read.h"
#include "common/io/config.h"

struct guard_yaml {
    const char *option; /* by which a person named it; NULL: the defaults hold without it */
    struct disk_read read;
};

/* option, path: lent until it is taken. */
void guard_yaml_start(struct guard_yaml *yaml, const char *option, const char *path);
/* Waits until then; true: what was read, or why it was not, can be taken at once. */
bool guard_yaml_is_there(const struct guard_yaml *yaml, mono_t until);
/* As config_read_guard has it (common/io/config.h). ERR_MISSING: the one that was named is not
 * there; ERR_TIMEOUT: not until then, and the process that reads is left behind. To be called once
 * for each start. */
bool guard_yaml_take(struct guard_yaml *yaml, mono_t until, struct guard_config *ret_config,
                     struct err *err);

#endif
