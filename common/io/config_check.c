/*
 * config_check: a declared check, as it stands in fleet.yaml and in a change.
 */
#include <string.h>

#include "common/core/text.h"
#include "common/io/config_yaml.h"

enum { INTERVAL_MAX_S = 86400, TIMEOUT_MAX_MS = 60000, REPEATS_MAX = 100 };

static bool take_kind(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    char accepted[REASON_SIZE] = "";
    struct text text = TEXT_IN(accepted);

    if (yaml_is_text(node) && check_kind_parse(yaml_text(node), to))
        return true;
    for (unsigned i = 0; i < CHECK_KIND_COUNT; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : "", check_kind_name((enum check_kind)i));
    return yaml_refuse_value(file, key, node, "accepted are %s", accepted);
}

static bool take_severity(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                          void *to)
{
    if (yaml_is_text(node) && severity_parse(yaml_text(node), to))
        return true;
    return yaml_refuse_value(file, key, node, "accepted are critical and warning");
}

static bool is_host(const char *text)
{
    struct address address;

    return address_parse(text, &address) ||
           text[strspn(
               text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] == '\0';
}

/* HOST, HOST:PORT or [ADDRESS]:PORT. */
static bool take_to(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node, void *to)
{
    struct check *check = to;
    uint16_t port;

    if (!yaml_is_text(node) ||
        !yaml_split_port(yaml_text(node), check->to, sizeof(check->to), &port) ||
        !is_host(check->to))
        return yaml_refuse_value(file, key, node,
                                 "accepted is HOST:PORT, ADDRESS:PORT or [ADDRESS]:PORT");
    if (port != 0 && check->port != 0)
        return yaml_refuse_value(file, key, node,
                                 "it has a port and `port` stands there too; accepted is one");
    if (port != 0)
        check->port = port;
    return true;
}

static bool take_port(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct check *check = to;
    const struct yaml_key number = {
        .name = key->name, .size = sizeof(check->port), .min = 1, .max = UINT16_MAX};

    if (check->port != 0)
        return yaml_refuse_value(file, key, node, "`to` has a port too; accepted is one");
    return yaml_take_number(file, &number, node, &check->port);
}

static bool take_for(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to)
{
    struct fleet_check *check = to;

    return yaml_read_names(file, key, node, (struct yaml_names){check->nodes, &check->nodes_count});
}

static const char *const level_names[] = {"banner", "host-key", NULL};

#define CHECK_FIELD(field) YAML_FIELD(struct fleet_check, check.field)

/* `for` comes last: a change's own checks are for its targets. */
static const struct yaml_key check_keys[] = {
    {.name = "name", .take_fn = yaml_take_name, CHECK_FIELD(name), .needed = true},
    {.name = "kind", .take_fn = take_kind, CHECK_FIELD(kind), .needed = true},
    {.name = "severity", .take_fn = take_severity, CHECK_FIELD(severity)},
    {.name = "interval",
     .take_fn = yaml_take_seconds,
     CHECK_FIELD(interval_s),
     .min = 1,
     .max = INTERVAL_MAX_S},
    {.name = "timeout",
     .take_fn = yaml_take_milliseconds,
     CHECK_FIELD(timeout_ms),
     .min = 1,
     .max = TIMEOUT_MAX_MS},
    {.name = "attempts",
     .take_fn = yaml_take_number,
     CHECK_FIELD(attempts),
     .min = 1,
     .max = REPEATS_MAX},
    {.name = "passes",
     .take_fn = yaml_take_number,
     CHECK_FIELD(passes),
     .min = 1,
     .max = REPEATS_MAX},
    {.name = "destination", .take_fn = yaml_take_prefix, CHECK_FIELD(destination)},
    {.name = "from", .take_fn = yaml_take_address, CHECK_FIELD(from)},
    {.name = "iif", .take_fn = yaml_take_device, CHECK_FIELD(iif)},
    {.name = "device", .take_fn = yaml_take_device, CHECK_FIELD(device)},
    {.name = "gateway", .take_fn = yaml_take_address, CHECK_FIELD(gateway)},
    {.name = "table", .take_fn = yaml_take_table, CHECK_FIELD(table)},
    {.name = "priority", .take_fn = yaml_take_number, CHECK_FIELD(priority)},
    {.name = "mtu", .take_fn = yaml_take_number, CHECK_FIELD(mtu), .min = 68, .max = 65535},
    {.name = "to", .take_fn = take_to, .offset = offsetof(struct fleet_check, check)},
    {.name = "port", .take_fn = take_port, .offset = offsetof(struct fleet_check, check)},
    {.name = "url", .take_fn = yaml_take_line, CHECK_FIELD(url), .min = 1},
    {.name = "use", .take_fn = yaml_take_line, CHECK_FIELD(use), .min = 1},
    {.name = "name_of", .take_fn = yaml_take_line, CHECK_FIELD(name_of), .min = 1},
    {.name = "expect", .take_fn = yaml_take_line, CHECK_FIELD(expect), .min = 1},
    {.name = "level", .take_fn = yaml_take_choice, CHECK_FIELD(level), .choices = level_names},
    {.name = "host_key", .take_fn = yaml_take_line, CHECK_FIELD(host_key), .min = 1},
    {.name = "for", .take_fn = take_for, .min = 1, .max = NODES_MAX},
};

/* fleet_file_checks adds these to every node. */
static bool is_built_in(const char *name)
{
    return text_equal(name, "ssh-reply-path") || text_equal(name, "controller") ||
           text_starts(name, "api-server-path");
}

bool config_read_check(struct yaml_file *file, yaml_node_t *node, struct fleet_check *ret_check,
                       bool with_nodes)
{
    struct yaml_keys keys = YAML_KEYS(check_keys);

    keys.count -= with_nodes ? 0 : 1;
    memset(ret_check, 0, sizeof(*ret_check));
    if (!yaml_read_mapping(file, node, keys, ret_check))
        return false;
    if (is_built_in(ret_check->check.name))
        return yaml_refuse(file, node,
                           "check '%s' is built in under this name; accepted is any other name",
                           ret_check->check.name);
    check_set_defaults(&ret_check->check);
    return check_validate(&ret_check->check, file->err) || yaml_refuse_here(file, node);
}
