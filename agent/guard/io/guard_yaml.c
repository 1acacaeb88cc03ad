/*
 * guard_yaml: starts the process that reads guard.yaml, and understands what it hands over.
 */
#include "agent/guard/io/guard_yaml.h"

#include "common/core/limits.h"
#include "common/core/mem.h"

void guard_yaml_start(struct guard_yaml *yaml, const char *option, const char *path)
{
    yaml->option = option;
    disk_read_start(&yaml->read, path, YAML_SIZE_MAX);
}

bool guard_yaml_is_there(const struct guard_yaml *yaml, mono_t until)
{
    return disk_read_is_there(&yaml->read, until);
}

static bool go_without(const struct guard_yaml *yaml, struct guard_config *ret_config,
                       struct err *err)
{
    if (yaml->option != NULL)
        return err_set(err, ERR_MISSING, "%s %.200s: expected a guard.yaml, found no such file",
                       yaml->option, yaml->read.path);
    *err = (struct err)ERR_INIT;
    config_default_guard(ret_config);
    return true;
}

bool guard_yaml_take(struct guard_yaml *yaml, mono_t until, struct guard_config *ret_config,
                     struct err *err)
{
    const char *path = yaml->read.path;
    AUTO_FREE uint8_t *text = NULL;
    size_t len;

    if (disk_read_take(&yaml->read, until, &text, &len, err))
        return config_parse_guard(path, (struct bytes){text, len}, ret_config, err);
    return err->kind == ERR_MISSING && go_without(yaml, ret_config, err);
}
