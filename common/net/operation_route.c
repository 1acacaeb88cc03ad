/*
 * operation_route: puts or removes one route of Oceanid's own.
 */
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/net/operation_kind.h"
#include "common/net/render.h"

enum { IPV6_METRIC = 1024 }; /* IP6_RT_PRIO_USER: what the kernel makes of 0 */

static uint32_t metric_of(const struct route *route)
{
    return route->metric == 0 && route->destination.address.family == FAMILY_IPV6 ? IPV6_METRIC
                                                                                  : route->metric;
}

/* What makes two routes one object to the kernel. */
static bool same_key(const struct route *a, const struct route *b)
{
    return a->table == b->table && a->tos == b->tos && metric_of(a) == metric_of(b) &&
           prefix_equal(&a->destination, &b->destination) && a->source.len == b->source.len &&
           (a->source.len == 0 || prefix_equal(&a->source, &b->source));
}

static struct route *find_key(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (!snapshot->routes[i].clone && same_key(&snapshot->routes[i], route))
            return &snapshot->routes[i];
    }
    return NULL;
}

static void add_object(const struct operation *operation, struct text *out)
{
    const struct route *route = &operation->route.route;
    char text[PREFIX_TEXT_SIZE];

    text_add(out, "route %s%s table ",
             route->destination.len > 0 ? prefix_format(&route->destination, text) : "default",
             route->destination.len == 0 && route->destination.address.family == FAMILY_IPV6
                 ? " (IPv6)"
                 : "");
    render_table(route->table, out);
    text_add(out, " metric %u", metric_of(route));
}

static const char *name_of(const struct operation *operation, char *text, size_t size)
{
    struct text out;

    text_init(&out, text, size);
    add_object(operation, &out);
    return text;
}

/* ---- what needs no node -----------------------------------------------------------------------
 */

static bool validate_table(const struct route *route, struct err *err)
{
    if (route->table == TAILSCALE_TABLE)
        return err_set(err, ERR_CONFLICT,
                       "table 52 is tailscaled's own; accepted is any but 0, 52 and 255");
    if (route->table == 0 || route->table == RT_TABLE_LOCAL)
        return err_set(err, ERR_INPUT, "table %u: accepted is any but 0, 52 and 255", route->table);
    return true;
}

static bool validate_way(const struct operation_route *operation, struct err *err)
{
    const struct route *route = &operation->route;

    switch (route->type) {
    case RTN_UNICAST:
        if (operation->device[0] == '\0')
            return err_set(err, ERR_INPUT, "it names no device; expected one, like eth0");
        return true;
    case RTN_THROW:
    case RTN_BLACKHOLE:
    case RTN_UNREACHABLE:
    case RTN_PROHIBIT:
        if (operation->device[0] != '\0' || address_is_set(&route->hop.gateway))
            return err_set(err, ERR_INPUT,
                           "a route of type %u goes nowhere; expected no device and no gateway",
                           route->type);
        return true;
    default:
        return err_set(err, ERR_INPUT,
                       "route type %u: accepted are unicast, throw, blackhole, unreachable and "
                       "prohibit",
                       route->type);
    }
}

static bool validate_families(const struct route *route, struct err *err)
{
    uint8_t family = route->destination.address.family;
    const struct address *gateway = &route->hop.gateway;

    if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
        return err_set(err, ERR_INPUT, "its destination is not set; expected a prefix");
    if (address_is_set(gateway) && gateway->family != family && gateway->family != FAMILY_IPV6)
        return err_set(err, ERR_INPUT, "an IPv6 route cannot have an IPv4 gateway");
    if (address_is_set(&route->prefsrc) && route->prefsrc.family != family)
        return err_set(err, ERR_INPUT, "src and destination are of two families");
    if (route->source.len > 0 && family != FAMILY_IPV6)
        return err_set(err, ERR_INPUT, "only IPv6 routes have a source; use a rule with `from`");
    if (route->tos != 0 && family != FAMILY_IPV4)
        return err_set(err, ERR_INPUT, "only IPv4 routes have a tos");
    return true;
}

static bool validate_shape(const struct route *route, struct err *err)
{
    if (route->hops_count > 1 || route->hops != NULL || route->nexthop_id != 0)
        return err_set(err, ERR_INPUT, "%u hops, nexthop object %u: accepted is one hop",
                       route->hops_count, route->nexthop_id);
    if (route->protocol != 0 && route->protocol != OCEANID_PROTOCOL)
        return err_set(err, ERR_INPUT, "protocol %u: accepted is %u, Oceanid's own",
                       route->protocol, OCEANID_PROTOCOL);
    if (route->mtu != 0 && (route->mtu < 1280 || route->mtu > 65535))
        return err_set(err, ERR_INPUT, "mtu %u: accepted is 1280 to 65535", route->mtu);
    return true;
}

static bool validate(const struct operation *operation, struct err *err)
{
    const struct route *route = &operation->route.route;
    char name[SENTENCE_SIZE];

    if (validate_families(route, err) && validate_table(route, err) && validate_shape(route, err) &&
        (operation->route.absent || validate_way(&operation->route, err)))
        return true;
    return err_wrap(err, "%s", name_of(operation, name, sizeof(name)));
}

/* ---- on a snapshot ----------------------------------------------------------------------------
 */

static bool check_device(const struct operation_route *operation, const struct snapshot *snapshot,
                         struct err *err)
{
    const struct link *link = snapshot_find_device(snapshot, operation->device);

    if (link == NULL)
        return err_set(err, ERR_MISSING, "device %s is not there", operation->device);
    if (!link->up)
        return err_set(err, ERR_MISSING, "device %s is down; the kernel refuses routes by it",
                       operation->device);
    return true;
}

/* On a network of the device: the kernel accepts no other gateway, unless `onlink`. */
static bool is_neighbour(const struct snapshot *snapshot, uint32_t link,
                         const struct address *gateway)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST && route->hops_count == 1 &&
            route->hop.link == link && !address_is_set(&route->hop.gateway) &&
            prefix_contains(&route->destination, gateway))
            return true;
    }
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);

        if (own->link == link && prefix_contains(&network, gateway))
            return true;
    }
    return gateway->family == FAMILY_IPV6 && gateway->bytes[0] == 0xfe &&
           (gateway->bytes[1] & 0xc0) == 0x80;
}

static bool has_address(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, address))
            return true;
    }
    return false;
}

static bool check_gateway(const struct operation_route *operation, const struct snapshot *snapshot,
                          struct err *err)
{
    const struct link *link = snapshot_find_device(snapshot, operation->device);
    const struct hop *hop = &operation->route.hop;
    char text[ADDRESS_TEXT_SIZE];

    if (!address_is_set(&hop->gateway))
        return true;
    if (has_address(snapshot, &hop->gateway))
        return err_set(err, ERR_INPUT, "gateway %s is an address of this node itself",
                       address_format(&hop->gateway, text));
    if (!hop->onlink && !is_neighbour(snapshot, link->index, &hop->gateway))
        return err_set(err, ERR_MISSING,
                       "gateway %s is on no network of %s, so the kernel refuses it; expected a "
                       "neighbour, or `onlink`",
                       address_format(&hop->gateway, text), operation->device);
    return true;
}

static bool check_source(const struct route *route, const struct snapshot *snapshot,
                         struct err *err)
{
    char text[ADDRESS_TEXT_SIZE];

    if (!address_is_set(&route->prefsrc) || has_address(snapshot, &route->prefsrc))
        return true;
    return err_set(err, ERR_MISSING, "src %s is no address of this node",
                   address_format(&route->prefsrc, text));
}

static bool check_owner(const struct operation_route *operation, const struct snapshot *snapshot,
                        struct err *err)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *there = &snapshot->routes[i];
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        if (there->clone || there->protocol == OCEANID_PROTOCOL ||
            !same_key(there, &operation->route))
            continue;
        render_route(there, snapshot, &text);
        return err_set(err, ERR_CONFLICT,
                       "'%s' is there already and belongs to protocol %u; Oceanid %s only its own "
                       "(%u)",
                       line, there->protocol, operation->absent ? "removes" : "replaces",
                       OCEANID_PROTOCOL);
    }
    return true;
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct operation_route *route = &operation->route;
    char name[SENTENCE_SIZE];
    bool good = check_owner(route, snapshot, err);

    if (good && !route->absent && route->device[0] != '\0')
        good = check_device(route, snapshot, err) && check_gateway(route, snapshot, err) &&
               check_source(&route->route, snapshot, err);
    return good || err_wrap(err, "%s", name_of(operation, name, sizeof(name)));
}

/* As the kernel would list it. */
static struct route resolve(const struct operation_route *operation,
                            const struct snapshot *snapshot)
{
    const struct link *link = snapshot_find_device(snapshot, operation->device);
    struct route route = operation->route;

    route.protocol = OCEANID_PROTOCOL;
    route.metric = metric_of(&route);
    route.hops = NULL;
    route.raw = NULL;
    route.raw_len = 0;
    route.hops_count = link != NULL ? 1 : 0;
    route.hop.link = link != NULL ? link->index : 0;
    if (route.type == RTN_UNICAST && !address_is_set(&route.hop.gateway) &&
        route.destination.address.family == FAMILY_IPV4)
        route.scope = RT_SCOPE_LINK;
    return route;
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    const struct route *there = find_key(snapshot, &operation->route.route);
    struct route wanted = resolve(&operation->route, snapshot);

    if (operation->route.absent)
        return there == NULL || there->protocol != OCEANID_PROTOCOL;
    return there != NULL && there->protocol == wanted.protocol && there->type == wanted.type &&
           there->mtu == wanted.mtu && address_equal(&there->prefsrc, &wanted.prefsrc) &&
           (wanted.hops_count == 0 ||
            (there->hops_count == 1 && there->hop.link == wanted.hop.link &&
             there->hop.onlink == wanted.hop.onlink &&
             address_equal(&there->hop.gateway, &wanted.hop.gateway)));
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    struct route wanted = resolve(&operation->route, snapshot);
    struct route *there = find_key(snapshot, &wanted);

    if (operation->route.absent) {
        if (there != NULL && there->protocol == OCEANID_PROTOCOL)
            snapshot_remove_route(snapshot, (size_t)(there - snapshot->routes));
        return;
    }
    if (there == NULL)
        there = snapshot_add_route(snapshot);
    free(there->hops);
    free(there->raw);
    *there = wanted;
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void render(const struct operation *operation, struct text *out)
{
    struct link link = {.index = 1};
    struct snapshot named = {.links = &link, .links_count = 1};
    struct route route = operation->route.route;

    text_copy(link.name, sizeof(link.name), operation->route.device);
    route.hop.link = 1;
    route.hops_count = operation->route.device[0] != '\0' ? 1 : 0;
    text_add(out, operation->route.absent ? "remove route: " : "route: ");
    render_route(&route, &named, out);
}

const struct operation_row operation_route_row = {
    .name = "route",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
};
