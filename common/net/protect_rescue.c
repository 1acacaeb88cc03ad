/*
 * protect_rescue: the shields of a list of selectors.
 *
 * Main comes first, so that a legitimate new gateway is not the lock-out; the rescue table is for
 * the day on which main has lost its routes. Its gateways are `onlink` and have no src: they must
 * go in when addresses are missing.
 */
#include "common/net/protect_rescue.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "common/net/fib_usable.h"
#include "common/net/render.h"
#include "common/net/tailnet.h"

static bool same_operation(const struct operation *a, const struct operation *b)
{
    if (a->kind != b->kind || a->shield != b->shield)
        return false;
    if (a->kind == OPERATION_RULE)
        return render_same_rule(&a->rule.rule, &b->rule.rule);
    return a->kind == OPERATION_ROUTE && text_equal(a->route.device, b->route.device) &&
           render_same_route(&a->route.route, &b->route.route);
}

static bool add_operation(struct protect_rescue *rescue, const struct operation *operation,
                          struct err *err)
{
    struct protect_plan *plan = rescue->plan;

    for (size_t i = 0; i < plan->operations_count; i++) {
        if (same_operation(&plan->operations[i], operation))
            return true;
    }
    if (plan->operations_count >= plan->operations_max)
        return err_set(err, ERR_LIMIT, "protect: more than %zu operations", plan->operations_max);
    plan->operations[plan->operations_count++] = *operation;
    return true;
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static bool add_rule(struct protect_rescue *rescue, uint32_t selector, bool last, struct err *err)
{
    bool from = rescue->selectors->items[selector].from;
    const struct prefix *prefix = &rescue->selectors->items[selector].prefix;
    uint8_t family = prefix->address.family;
    struct operation operation = {.kind = OPERATION_RULE, .shield = true};
    struct rule *rule = &operation.rule.rule;

    rule->family = family;
    rule->action = FR_ACT_TO_TBL;
    rule->protocol = OCEANID_PROTOCOL;
    rule->priority = last   ? SHIELD_PRIORITY_RESCUE
                     : from ? SHIELD_PRIORITY_FROM
                            : SHIELD_PRIORITY_TO;
    rule->table = last ? RESCUE_TABLE : RT_TABLE_MAIN;
    rule->source = from ? *prefix : prefix_default(family);
    rule->destination = from ? prefix_default(family) : *prefix;
    rule->suppress_prefixlength = rule->suppress_ifgroup = -1;
    rule->uid_last = UINT32_MAX;
    return add_operation(rescue, &operation, err);
}

static bool add_rules(struct protect_rescue *rescue, bool last, struct err *err)
{
    for (uint32_t i = 0; i < rescue->selectors->count; i++) {
        if (!add_rule(rescue, i, last, err))
            return false;
    }
    return true;
}

static bool has_selector(const struct protect_rescue *rescue, uint8_t family)
{
    for (uint32_t i = 0; i < rescue->selectors->count; i++) {
        if (rescue->selectors->items[i].prefix.address.family == family)
            return true;
    }
    return false;
}

/* The kernel's own two, where they are there now: who flushes rules takes them along. */
static bool add_usual_rules(struct protect_rescue *rescue, struct err *err)
{
    for (size_t i = 0; i < rescue->snapshot->rules_count; i++) {
        struct operation operation = {.kind = OPERATION_RULE, .shield = true};
        struct rule *rule = &operation.rule.rule;

        *rule = rescue->snapshot->rules[i];
        rule->protocol = RTPROT_KERNEL;
        rule->raw = NULL;
        rule->raw_len = 0;
        if (operation_is_usual_rule(rule) && has_selector(rescue, rule->family) &&
            !add_operation(rescue, &operation, err))
            return false;
    }
    return true;
}

/* ---- the rescue table -------------------------------------------------------------------------
 */

static const struct hop *first_hop(const struct snapshot *snapshot, const struct route *route)
{
    const struct nexthop *object =
        route->nexthop_id != 0 ? snapshot_find_nexthop(snapshot, route->nexthop_id) : NULL;

    for (uint32_t i = 0; object != NULL && object->group && i < object->members_count; i++) {
        const struct nexthop *member = snapshot_find_nexthop(snapshot, object->members[i].id);

        if (member != NULL && !member->blackhole && !member->hop.dead)
            return &member->hop;
    }
    if (object != NULL)
        return object->group || object->blackhole ? NULL : &object->hop;
    if (route->hops_count > 1)
        return &route->hops[0];
    return route->hops_count == 1 ? &route->hop : NULL;
}

static bool is_network_of(const struct snapshot *snapshot, uint32_t link,
                          const struct prefix *destination)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);

        if (own->link == link && prefix_equal(&network, destination))
            return true;
    }
    return false;
}

/* A device by which main's default of the family leaves. */
static bool has_default(const struct snapshot *snapshot, uint32_t link, uint8_t family)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];
        const struct hop *hop = first_hop(snapshot, route);

        if (route->table == RT_TABLE_MAIN && route->destination.len == 0 && hop != NULL &&
            route->destination.address.family == family && hop->link == link)
            return true;
    }
    return false;
}

/* The route that decides for what is protected, or lies inside it. */
static bool serves_selector(const struct protect_rescue *rescue, const struct route *route)
{
    for (uint32_t i = 0; i < rescue->selectors->count; i++) {
        const struct prefix *prefix = &rescue->selectors->items[i].prefix;
        struct flow flow = {.destination = prefix->address};
        struct fib_decision decision;

        if (rescue->selectors->items[i].from)
            continue;
        if (prefix_covers(prefix, &route->destination))
            return true;
        if (!prefix_covers(&route->destination, prefix))
            continue;
        fib_lookup(rescue->main, &flow, &decision);
        if (decision.route == route)
            return true;
    }
    return false;
}

static bool is_rescued(const struct protect_rescue *rescue, const struct route *route,
                       const struct hop *hop)
{
    const struct snapshot *snapshot = rescue->snapshot;
    uint8_t family = route->destination.address.family;

    if (route->destination.len == 0)
        return true;
    if (!address_is_set(&hop->gateway) && is_network_of(snapshot, hop->link, &route->destination) &&
        has_default(snapshot, hop->link, family))
        return !(family == FAMILY_IPV6 && route->destination.address.bytes[0] == 0xfe);
    return serves_selector(rescue, route);
}

/* Advertised routers of one metric are routes of their own in main, where another put of that key
 * would be a replacement: each comes behind those that are there. */
static bool is_taken(const struct protect_plan *plan, const struct operation *operation)
{
    const struct route *own = &operation->route.route;

    for (size_t i = 0; i < plan->operations_count; i++) {
        const struct route *there = &plan->operations[i].route.route;

        if (plan->operations[i].kind == OPERATION_ROUTE && there->table == own->table &&
            there->metric == own->metric && prefix_equal(&there->destination, &own->destination) &&
            !same_operation(&plan->operations[i], operation))
            return true;
    }
    return false;
}

static bool add_route(struct protect_rescue *rescue, const struct route *route,
                      const struct hop *hop, struct err *err)
{
    const struct link *link = snapshot_find_link(rescue->snapshot, hop->link);
    struct operation operation = {.kind = OPERATION_ROUTE, .shield = true};
    struct route *own = &operation.route.route;

    own->destination = route->destination;
    own->table = RESCUE_TABLE;
    own->metric = route->metric;
    own->type = RTN_UNICAST;
    own->protocol = OCEANID_PROTOCOL;
    own->hops_count = 1;
    own->hop.gateway = hop->gateway;
    own->hop.onlink = address_is_set(&hop->gateway);
    if (!own->hop.onlink && route->destination.address.family == FAMILY_IPV4)
        own->scope = RT_SCOPE_LINK;
    text_copy(operation.route.device, sizeof(operation.route.device), link->name);
    while (is_taken(rescue->plan, &operation))
        own->metric++;
    return add_operation(rescue, &operation, err);
}

/* Of main's routes those of routers with that preference. */
static bool add_routes_of(struct protect_rescue *rescue, int preference, struct err *err)
{
    const struct snapshot *snapshot = rescue->snapshot;
    const struct link *tailnet = tailnet_find_device(snapshot);

    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];
        const struct hop *hop = first_hop(snapshot, route);

        if (route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST || route->clone ||
            fib_usable_preference(route) != preference || route->tos != 0 ||
            route->source.len > 0 || hop == NULL ||
            snapshot_find_link(snapshot, hop->link) == NULL ||
            (tailnet != NULL && hop->link == tailnet->index) ||
            !has_selector(rescue, route->destination.address.family))
            continue;
        if (is_rescued(rescue, route, hop) && !add_route(rescue, route, hop, err))
            return false;
    }
    return true;
}

/* Of equal ones first that which main takes. */
static bool add_routes(struct protect_rescue *rescue, struct err *err)
{
    for (int preference = FIB_PREFERENCES; preference-- > 0;) {
        if (!add_routes_of(rescue, preference, err))
            return false;
    }
    return true;
}

bool protect_rescue_compile(struct protect_rescue *rescue, struct err *err)
{
    return add_routes(rescue, err) && add_rules(rescue, false, err) &&
           add_rules(rescue, true, err) && add_usual_rules(rescue, err);
}
