/*
 * in_force: what the guard goes by since it started, kept in /run.
 */
#include "agent/guard/io/in_force.h"

#include <string.h>
#include <unistd.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/log.h"

/* Paths may have in them what YAML does not: written is what is read as it was meant. */
static bool is_read_as_meant(const char *text, struct err *err)
{
    AUTO_FREE char *again = mem_alloc(1, CONFIG_GUARD_TEXT_SIZE);
    struct guard_config config;

    if (!config_parse_guard(IN_FORCE_PATH, (struct bytes){(const uint8_t *)text, strlen(text)},
                            &config, err))
        return false;
    config_format_guard(&config, again, CONFIG_GUARD_TEXT_SIZE);
    return text_equal(text, again) ||
           err_set(err, ERR_INPUT, "what guard.yaml names cannot be written as YAML");
}

void in_force_write(const struct guard_config *config)
{
    AUTO_FREE char *text = mem_alloc(1, CONFIG_GUARD_TEXT_SIZE);
    struct err err = ERR_INIT;

    config_format_guard(config, text, CONFIG_GUARD_TEXT_SIZE);
    if (is_read_as_meant(text, &err) && file_write(IN_FORCE_PATH, text, strlen(text), 0600, &err))
        return;
    unlink(IN_FORCE_PATH);
    log_info("%s: not kept: %s; where guard.yaml cannot be read, a rescue goes by the defaults",
             IN_FORCE_PATH, err.text);
}

bool in_force_read(struct guard_config *ret_config, struct err *err)
{
    AUTO_FREE uint8_t *text = NULL;
    size_t len;

    return file_read(IN_FORCE_PATH, YAML_SIZE_MAX, &text, &len, err) &&
           config_parse_guard(IN_FORCE_PATH, (struct bytes){text, len}, ret_config, err);
}
