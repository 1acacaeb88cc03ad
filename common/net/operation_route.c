/*
 * operation_route: puts or removes one route of Oceanid's own.
 */
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/net/operation_kind.h"
#include "common/net/render.h"

enum { IPV6_METRIC = 1024 }; /* IP6_RT_PRIO_USER: what the kernel makes of 0 */

uint32_t operation_route_metric(const struct route *route)
{
    return route->metric == 0 && route->destination.address.family == FAMILY_IPV6 ? IPV6_METRIC
                                                                                  : route->metric;
}

/* What makes two routes one object to the kernel. */
static bool same_key(const struct route *a, const struct route *b)
{
    return a->table == b->table && a->tos == b->tos &&
           operation_route_metric(a) == operation_route_metric(b) &&
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
    text_add(out, " metric %u", operation_route_metric(route));
}

static const char *name_of(const struct operation *operation, char *text, size_t size)
{
    struct text out;

    text_init(&out, text, size);
    add_object(operation, &out);
    return text;
}

/* Beside others', wherever it stands. */
static struct route *find_own(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        struct route *there = &snapshot->routes[i];

        if (!there->clone && there->protocol == OCEANID_PROTOCOL && same_key(there, route))
            return there;
    }
    return NULL;
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

static bool validate_hops(const struct operation_route *operation, struct err *err)
{
    uint8_t family = operation->route.destination.address.family;

    if (operation->hops_count < 2 || operation->hops_count > OPERATION_HOPS_MAX)
        return err_set(err, ERR_INPUT, "%u hops: accepted are 2 to %u", operation->hops_count,
                       OPERATION_HOPS_MAX);
    for (uint32_t i = 0; i < operation->hops_count; i++) {
        const struct operation_hop *hop = &operation->hops[i];
        const struct address *gateway = &hop->hop.gateway;

        if (hop->device[0] == '\0')
            return err_set(err, ERR_INPUT, "hop %u names no device; expected one, like eth0",
                           i + 1);
        if (hop->hop.weight == 0)
            return err_set(err, ERR_INPUT, "hop %u has weight 0: accepted is 1 to 255", i + 1);
        if (!operation_validate_hop(&hop->hop, err))
            return false;
        if (address_is_set(gateway) && gateway->family != family && gateway->family != FAMILY_IPV6)
            return err_set(err, ERR_INPUT, "an IPv6 route cannot have an IPv4 gateway");
        if (!address_is_set(gateway) && family == FAMILY_IPV6)
            return err_set(err, ERR_INPUT,
                           "hop %u has no gateway; the kernel takes no such hop among several of "
                           "an IPv6 route",
                           i + 1);
    }
    return true;
}

/* One device, several hops or a nexthop object. */
static bool validate_unicast(const struct operation_route *operation, struct err *err)
{
    bool by_device = operation->device[0] != '\0';
    bool several = operation->hops_count > 0;
    bool by_object = operation->route.nexthop_id != 0;

    if (by_device + several + by_object == 0)
        return err_set(err, ERR_INPUT, "it names no device; expected one, like eth0");
    if (by_device + several + by_object > 1)
        return err_set(err, ERR_INPUT,
                       "accepted is one of a device, several hops and a nexthop object");
    if (!by_device && address_is_set(&operation->route.hop.gateway))
        return err_set(err, ERR_INPUT, "it has a gateway, but names no device for it");
    return !several || validate_hops(operation, err);
}

static bool validate_way(const struct operation_route *operation, struct err *err)
{
    const struct route *route = &operation->route;

    switch (route->type) {
    case RTN_UNICAST:
        return validate_unicast(operation, err);
    case RTN_THROW:
    case RTN_BLACKHOLE:
    case RTN_UNREACHABLE:
    case RTN_PROHIBIT:
        if (operation->device[0] != '\0' || operation->hops_count > 0 || route->nexthop_id != 0 ||
            address_is_set(&route->hop.gateway))
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
    if (route->hops_count > 1 || route->hops != NULL)
        return err_set(err, ERR_INPUT, "%u hops of the kernel's: accepted is one",
                       route->hops_count);
    if (route->protocol != 0 && route->protocol != OCEANID_PROTOCOL)
        return err_set(err, ERR_INPUT, "protocol %u: accepted is %u, Oceanid's own",
                       route->protocol, OCEANID_PROTOCOL);
    if (route->clone || route->expires || route->preference != 0)
        return err_set(err, ERR_INPUT,
                       "a clone, a lifetime or a router's preference: accepted is none of them");
    if (!operation_validate_hop(&route->hop, err))
        return false;
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

static bool check_hops(const struct operation_route *operation, const struct snapshot *snapshot,
                       struct err *err)
{
    for (uint32_t i = 0; i < operation->hops_count; i++) {
        const struct operation_hop *hop = &operation->hops[i];

        if (!operation_check_hop(hop->device, &hop->hop, snapshot, err))
            return false;
    }
    return operation->device[0] == '\0' ||
           operation_check_hop(operation->device, &operation->route.hop, snapshot, err);
}

/* Of an object, or of a group's member: an IPv6 route takes only IPv6 ones (nexthop_is_ipv6). */
static bool check_object(const struct route *route, uint32_t id, const struct snapshot *snapshot,
                         struct err *err)
{
    const struct nexthop *object = snapshot_find_nexthop(snapshot, id);

    if (object == NULL)
        return err_set(err, ERR_MISSING, "nexthop id %u is not there", id);
    if (route->destination.address.family == FAMILY_IPV6 && !object->group &&
        object->family != FAMILY_IPV6)
        return err_set(err, ERR_INPUT, "nexthop id %u is of IPv4; an IPv6 route takes none", id);
    for (uint32_t i = 0; object->group && i < object->members_count; i++) {
        if (!check_object(route, object->members[i].id, snapshot, err))
            return false;
    }
    return true;
}

static bool check_source(const struct route *route, const struct snapshot *snapshot,
                         struct err *err)
{
    char text[ADDRESS_TEXT_SIZE];

    if (!address_is_set(&route->prefsrc) || operation_has_address(snapshot, &route->prefsrc))
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

    if (good && !route->absent)
        good = check_hops(route, snapshot, err) && check_source(&route->route, snapshot, err) &&
               (route->route.nexthop_id == 0 ||
                check_object(&route->route, route->route.nexthop_id, snapshot, err));
    return good || err_wrap(err, "%s", name_of(operation, name, sizeof(name)));
}

static bool is_scope_link(const struct route *route)
{
    return route->type == RTN_UNICAST && route->hops_count == 1 &&
           !address_is_set(&route->hop.gateway) && route->destination.address.family == FAMILY_IPV4;
}

void operation_resolve_route(const struct operation_route *operation, operation_link_fn link_fn,
                             void *context, struct route *ret_route)
{
    struct route route = operation->route;
    uint32_t count = operation->hops_count;

    route.protocol = OCEANID_PROTOCOL;
    route.metric = operation_route_metric(&route);
    route.raw = NULL;
    route.raw_len = 0;
    route.hops = count > 1 ? mem_alloc(count, sizeof(*route.hops)) : NULL;
    route.hops_count = count > 1 ? count : operation->device[0] != '\0';
    route.hop.link = route.hops_count == 1 ? link_fn(context, operation->device) : 0;
    for (uint32_t i = 0; count > 1 && i < count; i++) {
        route.hops[i] = operation->hops[i].hop;
        route.hops[i].link = link_fn(context, operation->hops[i].device);
    }
    if (is_scope_link(&route))
        route.scope = RT_SCOPE_LINK;
    *ret_route = route;
}

static uint32_t link_of(void *context, const char *device)
{
    const struct link *link = snapshot_find_device(context, device);

    return link != NULL ? link->index : 0;
}

/* As the kernel would list it. */
static struct route resolve(const struct operation_route *operation, struct snapshot *snapshot)
{
    struct route route;

    operation_resolve_route(operation, link_of, snapshot, &route);
    return route;
}

static bool same_hop(const struct hop *a, const struct hop *b)
{
    return a->link == b->link && a->onlink == b->onlink && address_equal(&a->gateway, &b->gateway);
}

/* The kernel lists more than was asked of a route that goes nowhere, or by an object. */
static bool same_hops(const struct route *there, const struct route *wanted)
{
    if (there->nexthop_id != wanted->nexthop_id)
        return false;
    if (wanted->nexthop_id != 0 || wanted->hops_count == 0)
        return true;
    if (there->hops_count != wanted->hops_count)
        return false;
    if (wanted->hops_count == 1)
        return same_hop(&there->hop, &wanted->hop);
    for (uint32_t i = 0; i < wanted->hops_count; i++) {
        if (!same_hop(&there->hops[i], &wanted->hops[i]) ||
            there->hops[i].weight != wanted->hops[i].weight)
            return false;
    }
    return true;
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    struct snapshot borrowed = *snapshot;
    const struct route *there = find_key(snapshot, &operation->route.route);
    struct route wanted = resolve(&operation->route, &borrowed);
    bool same = there != NULL && there->protocol == wanted.protocol && there->type == wanted.type &&
                there->mtu == wanted.mtu && address_equal(&there->prefsrc, &wanted.prefsrc) &&
                same_hops(there, &wanted);

    free(wanted.hops);
    return operation->route.absent ? find_own(snapshot, &operation->route.route) == NULL : same;
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    struct route *there;
    struct route wanted;

    if (operation->route.absent) {
        there = find_own(snapshot, &operation->route.route);
        if (there != NULL)
            snapshot_remove_route(snapshot, (size_t)(there - snapshot->routes));
        return;
    }
    there = find_key(snapshot, &operation->route.route);
    wanted = resolve(&operation->route, snapshot);
    if (there == NULL)
        there = snapshot_add_route(snapshot);
    free(there->hops);
    free(there->raw);
    *there = wanted;
}

/* ---- for people -------------------------------------------------------------------------------
 */

/* Numbers each device as it comes. */
static uint32_t name_link(void *context, const char *device)
{
    struct snapshot *named = context;
    struct link *link = &named->links[named->links_count++];

    text_copy(link->name, sizeof(link->name), device);
    return link->index = (uint32_t)named->links_count;
}

static void render(const struct operation *operation, struct text *out)
{
    struct link links[OPERATION_HOPS_MAX] = {{.index = 0}};
    struct snapshot named = {.links = links};
    struct route route;

    operation_resolve_route(&operation->route, name_link, &named, &route);
    route.metric = operation->route.route.metric;
    text_add(out, operation->route.absent ? "remove route: " : "route: ");
    render_route(&route, &named, out);
    free(route.hops);
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
