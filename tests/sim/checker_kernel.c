/*
 * checker_kernel: what belongs to others is in each node's kernel as they left it, whatever
 * changes put beside it and take away again.
 */
#include "tests/sim/checker.h"

/* As others put it: a route's table, metric and length, or a rule's priority and table. */
static const struct other {
    bool rule;
    uint32_t table, number;
    uint8_t len;
} known[SIM_OTHERS] = {
    {false, 254, 50, 24},  {false, 254, 0, 25},   {false, 100, 0, 24}, {true, 100, 5140, 25},
    {true, 254, 5140, 32}, {true, 254, 5139, 32}, {false, 254, 0, 24},
};

static unsigned count_routes(const struct snapshot *now, const struct other *other)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];

        count += route->destination.address.bytes[0] == 192 &&
                 route->protocol != OCEANID_PROTOCOL && route->table == other->table &&
                 route->metric == other->number && route->destination.len == other->len &&
                 (route->hop.link == 2 || other == &known[SIM_USURPER]);
    }
    return count;
}

static unsigned count_rules(const struct snapshot *now, const struct other *other)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->rules_count; i++) {
        const struct rule *rule = &now->rules[i];

        count += rule->protocol != OCEANID_PROTOCOL && rule->priority == other->number &&
                 rule->table == other->table && rule->source.len == other->len;
    }
    return count;
}

/* 8: and nothing of the host's own was lost, or came. */
static void check_rest(struct check_model *model, int host, size_t routes, size_t rules)
{
    const struct kernel *kernel = model->world->hosts[host].kernel;

    routes += kernel->base_routes;
    rules += kernel->base_rules;
    for (int change = 0; change < SIM_CHANGES; change++) {
        routes += kernel_has(kernel, change, SIM_RULE);
        rules += kernel_has(kernel, change, SIM_SHIELD);
    }
    if (kernel->now.routes_count != routes || kernel->now.rules_count != rules)
        world_violate(model->world, "8: %s has %zu routes and %zu rules, and it should be %zu, %zu",
                      checker_name(model, host), kernel->now.routes_count, kernel->now.rules_count,
                      routes, rules);
}

/* 8: each is there once, or not at all. */
void model_kernel(struct check_model *model, int host)
{
    const struct kernel *kernel = model->world->hosts[host].kernel;
    size_t routes = 0, rules = 0;

    for (unsigned i = 0; i < SIM_OTHERS; i++) {
        const struct other *other = &known[i];
        unsigned wanted = (kernel->others >> i) & 1;
        unsigned there =
            other->rule ? count_rules(&kernel->now, other) : count_routes(&kernel->now, other);

        *(other->rule ? &rules : &routes) += wanted;
        if (there != wanted)
            world_violate(model->world, "8: %s of others is on %s %u times, and they left %u",
                          kernel_other_name(i), checker_name(model, host), there, wanted);
    }
    check_rest(model, host, routes, rules);
}
