/*
 * config_nexthop: `nexthop: { id, via, dev, ... }` of a change, and the `nexthops` of a route.
 */
#include "common/core/text.h"
#include "common/io/config_yaml.h"

static const char *const family_names[] = {"ipv4", "ipv6", NULL};
static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6};

/* ---- the hops of a route ----------------------------------------------------------------------
 */

static const struct yaml_key hop_keys[] = {
    {.name = "via", .take_fn = yaml_take_address, YAML_FIELD(struct operation_hop, hop.gateway)},
    {.name = "dev",
     .take_fn = yaml_take_device,
     YAML_FIELD(struct operation_hop, device),
     .needed = true},
    {.name = "weight",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct operation_hop, hop.weight),
     .min = 1,
     .max = 255},
    {.name = "onlink", .take_fn = yaml_take_bool, YAML_FIELD(struct operation_hop, hop.onlink)},
};

bool config_take_hops(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct operation_route *route = to;
    const struct yaml_key count = {.name = key->name, .min = 2, .max = OPERATION_HOPS_MAX};

    if (!yaml_expect_list(file, &count, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        struct operation_hop *hop = &route->hops[i];

        *hop = (struct operation_hop){.hop.weight = 1};
        if (!yaml_read_mapping(file, yaml_item(file, node, i), YAML_KEYS(hop_keys), hop))
            return false;
    }
    route->hops_count = (uint32_t)yaml_count(node);
    return true;
}

/* ---- objects ----------------------------------------------------------------------------------
 */

static const struct yaml_key member_keys[] = {
    {.name = "id",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct nexthop_member, id),
     .min = 1,
     .needed = true},
    {.name = "weight",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct nexthop_member, weight),
     .min = 1,
     .max = OPERATION_WEIGHT_MAX},
};

static bool take_group(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct operation_nexthop *group = to;
    const struct yaml_key count = {.name = key->name, .min = 1, .max = OPERATION_MEMBERS_MAX};

    if (!yaml_expect_list(file, &count, node))
        return false;
    group->nexthop.group = true;
    group->members_count = (uint32_t)yaml_count(node);
    for (size_t i = 0; i < yaml_count(node); i++) {
        struct nexthop_member *member = &group->members[i];

        *member = (struct nexthop_member){.weight = 1};
        if (!yaml_read_mapping(file, yaml_item(file, node, i), YAML_KEYS(member_keys), member))
            return false;
    }
    return true;
}

struct nexthop_text {
    struct operation_nexthop operation;
    unsigned family; /* index in families */
};

#define NEXTHOP_FIELD(field) YAML_FIELD(struct nexthop_text, operation.field)

static const struct yaml_key nexthop_keys[] = {
    {.name = "id",
     .take_fn = yaml_take_number,
     NEXTHOP_FIELD(nexthop.id),
     .min = 1,
     .needed = true},
    {.name = "via", .take_fn = yaml_take_address, NEXTHOP_FIELD(nexthop.hop.gateway)},
    {.name = "dev", .take_fn = yaml_take_device, NEXTHOP_FIELD(device)},
    {.name = "onlink", .take_fn = yaml_take_bool, NEXTHOP_FIELD(nexthop.hop.onlink)},
    {.name = "blackhole", .take_fn = yaml_take_bool, NEXTHOP_FIELD(nexthop.blackhole)},
    {.name = "family",
     .take_fn = yaml_take_choice,
     YAML_FIELD(struct nexthop_text, family),
     .choices = family_names},
    {.name = "group", .take_fn = take_group, YAML_FIELD(struct nexthop_text, operation)},
    {.name = "absent", .take_fn = yaml_take_bool, NEXTHOP_FIELD(absent)},
};

bool config_take_nexthop(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct change_step *step = to;
    struct nexthop_text text = {.operation.nexthop.protocol = OCEANID_PROTOCOL};
    struct nexthop *nexthop = &text.operation.nexthop;

    (void)key;
    if (!yaml_read_mapping(file, node, YAML_KEYS(nexthop_keys), &text))
        return false;
    nexthop->hop.weight = 1;
    if (address_is_set(&nexthop->hop.gateway))
        nexthop->family = nexthop->hop.gateway.family;
    else if (!nexthop->group)
        nexthop->family = families[text.family];
    step->operation.kind = OPERATION_NEXTHOP;
    step->operation.nexthop = text.operation;
    return true;
}
