/*
 * config_route: `route: { to, via, dev, ... }` of a change.
 */
#include <linux/rtnetlink.h>

#include "common/core/text.h"
#include "common/io/config_yaml.h"

static const char *const type_names[] = {"unicast",     "throw",    "blackhole",
                                         "unreachable", "prohibit", NULL};
static const uint8_t types[] = {RTN_UNICAST, RTN_THROW, RTN_BLACKHOLE, RTN_UNREACHABLE,
                                RTN_PROHIBIT};

struct route_text {
    struct operation_route operation;
    unsigned type; /* index in types */
    bool by_word;  /* `to: default`: the gateway's family, or the source's */
};

static bool take_route_to(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                          void *to)
{
    struct route_text *route = to;

    route->by_word = yaml_is_text(node) && text_equal(yaml_text(node), "default");
    return yaml_take_prefix(file, key, node, &route->operation.route.destination);
}

#define ROUTE_FIELD(field) YAML_FIELD(struct route_text, operation.field)

static const struct yaml_key route_keys[] = {
    {.name = "to", .take_fn = take_route_to, .needed = true},
    {.name = "via", .take_fn = yaml_take_address, ROUTE_FIELD(route.hop.gateway)},
    {.name = "dev", .take_fn = yaml_take_device, ROUTE_FIELD(device)},
    {.name = "metric", .take_fn = yaml_take_number, ROUTE_FIELD(route.metric)},
    {.name = "table", .take_fn = yaml_take_table, ROUTE_FIELD(route.table)},
    {.name = "type",
     .take_fn = yaml_take_choice,
     YAML_FIELD(struct route_text, type),
     .choices = type_names},
    {.name = "src", .take_fn = yaml_take_address, ROUTE_FIELD(route.prefsrc)},
    {.name = "from", .take_fn = yaml_take_prefix, ROUTE_FIELD(route.source)},
    {.name = "mtu", .take_fn = yaml_take_number, ROUTE_FIELD(route.mtu), .min = 1280, .max = 65535},
    {.name = "tos", .take_fn = yaml_take_tos, ROUTE_FIELD(route.tos)},
    {.name = "onlink", .take_fn = yaml_take_bool, ROUTE_FIELD(route.hop.onlink)},
    {.name = "nexthops", .take_fn = config_take_hops, YAML_FIELD(struct route_text, operation)},
    {.name = "nhid", .take_fn = yaml_take_number, ROUTE_FIELD(route.nexthop_id), .min = 1},
    {.name = "absent", .take_fn = yaml_take_bool, ROUTE_FIELD(absent)},
};

static uint8_t family_of_default(const struct operation_route *operation)
{
    const struct route *route = &operation->route;

    if (address_is_set(&route->hop.gateway))
        return route->hop.gateway.family;
    if (operation->hops_count > 0 && address_is_set(&operation->hops[0].hop.gateway))
        return operation->hops[0].hop.gateway.family;
    return address_is_set(&route->prefsrc) ? route->prefsrc.family : FAMILY_IPV4;
}

bool config_take_route(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct change_step *step = to;
    struct route_text text = {
        .operation.route = {.table = RT_TABLE_MAIN, .protocol = OCEANID_PROTOCOL}};

    (void)key;
    if (!yaml_read_mapping(file, node, YAML_KEYS(route_keys), &text))
        return false;
    text.operation.route.type = types[text.type];
    text.operation.route.hops_count = text.operation.device[0] != '\0' ? 1 : 0;
    if (text.by_word)
        text.operation.route.destination = prefix_default(family_of_default(&text.operation));
    step->operation.kind = OPERATION_ROUTE;
    step->operation.route = text.operation;
    return true;
}
