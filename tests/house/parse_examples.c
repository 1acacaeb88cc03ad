/*
 * parse_examples: whether files parse that we ship or tell people to write: parse_examples FILE...
 *
 * A file's name says what it is: agent*, guard*, controller*, fleet*, trust*; the rest are changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/file.h"

static bool parse_text(const char *path, const char *name, struct err *err)
{
    static struct fleet_file fleet;
    static struct change change;
    static struct trust trust;
    AUTO_FREE uint8_t *data = NULL;
    struct bytes text;

    if (!file_read(path, YAML_SIZE_MAX, &data, &text.len, err))
        return false;
    text.data = data;
    if (text_starts(name, "fleet"))
        return config_parse_fleet(path, text, &fleet, err);
    if (text_starts(name, "trust"))
        return config_parse_trust(path, text, &trust, err);
    return config_parse_change(path, text, &change, err);
}

static bool parse(const char *path, struct err *err)
{
    static struct agent_config agent;
    static struct guard_config guard;
    static struct controller_config controller;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    if (text_starts(name, "agent"))
        return config_read_agent(path, &agent, err);
    if (text_starts(name, "guard"))
        return config_read_guard(path, &guard, err);
    if (text_starts(name, "controller"))
        return config_read_controller(path, &controller, err);
    return parse_text(path, name, err);
}

int main(int argc, char **argv)
{
    int refused = argc < 2;

    for (int i = 1; i < argc; i++) {
        struct err err = ERR_INIT;

        if (parse(argv[i], &err))
            continue;
        fprintf(stderr, "%s\n", err.text);
        refused++;
    }
    return refused > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
