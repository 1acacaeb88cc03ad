/*
 * undo_touch: which objects of a snapshot an operation touches, its side effects included.
 */
#include "agent/guard/core/undo_touch.h"

#include <assert.h>
#include <linux/rtnetlink.h>

#include "agent/guard/core/undo_beside.h"
#include "agent/guard/core/undo_made.h"
#include "agent/guard/core/undo_nexthop.h"
#include "agent/guard/core/undo_prefix.h"
#include "agent/guard/core/undo_sysctl.h"
#include "common/core/mem.h"
#include "common/net/file_form.h"
#include "common/net/owner.h"
#include "common/net/render.h"

/* ---- sameness ---------------------------------------------------------------------------------
 */

bool undo_touch_same_key(const struct route *a, const struct route *b)
{
    return a->table == b->table && a->tos == b->tos &&
           operation_route_metric(a) == operation_route_metric(b) &&
           prefix_equal(&a->destination, &b->destination) && a->source.len == b->source.len &&
           (a->source.len == 0 || prefix_equal(&a->source, &b->source));
}

/* The kernel shows IPv6 routes that lead nowhere with `dev lo`. */
static struct route normal(const struct route *route)
{
    struct route copy = *route;

    copy.metric = operation_route_metric(route);
    if (copy.source.len == 0)
        copy.source = (struct prefix){.len = 0};
    if (copy.type == RTN_BLACKHOLE || copy.type == RTN_UNREACHABLE || copy.type == RTN_PROHIBIT ||
        copy.type == RTN_THROW)
        copy.hops_count = 0;
    return copy;
}

bool undo_touch_same_route(const struct route *a, const struct route *b)
{
    struct route one = normal(a);
    struct route other = normal(b);

    return render_same_route(&one, &other);
}

bool undo_touch_same_rule(const struct rule *a, const struct rule *b)
{
    struct rule one = *a;

    one.protocol = b->protocol;
    return render_same_rule(&one, b);
}

bool undo_touch_same_address(const struct link_address *a, const struct link_address *b)
{
    return a->link == b->link && a->prefix_len == b->prefix_len &&
           address_equal(&a->address, &b->address);
}

bool undo_touch_is_as_put(const struct link_address *there, const struct link_address *was)
{
    return there->protocol == was->protocol && there->scope == was->scope &&
           there->permanent == was->permanent && there->deprecated == was->deprecated &&
           there->noprefixroute == was->noprefixroute && there->metric == was->metric &&
           address_equal(&there->peer, &was->peer) &&
           address_equal(&there->broadcast, &was->broadcast) &&
           text_equal(there->label, was->label);
}

bool undo_touch_may_restore(const struct route *route, const struct snapshot *snapshot)
{
    return !route->clone && !route->expires && route->table != RT_TABLE_LOCAL &&
           route->table != TAILSCALE_TABLE && owner_row(owner_of_route(route, snapshot))->undo;
}

/* ---- taking copies ----------------------------------------------------------------------------
 */

void undo_touch_take_route(const struct snapshot *from, const struct route *route,
                           struct snapshot *to)
{
    struct route *copy = snapshot_add_route(to);

    *copy = *route;
    if (route->hops != NULL)
        copy->hops = mem_copy(route->hops, route->hops_count * sizeof(*route->hops));
    assert(route->hops != NULL || route->hops_count <= 1);
    copy->raw = route->raw != NULL ? mem_copy(route->raw, route->raw_len) : NULL;
    for (uint32_t i = 0; i < route->hops_count; i++) {
        const struct hop *hop = route->hops_count == 1 ? &route->hop : &route->hops[i];

        snapshot_take_link(to, snapshot_find_link(from, hop->link));
    }
}

static void take_routes(const struct operation_route *operation, const struct snapshot *from,
                        struct snapshot *to)
{
    for (size_t i = 0; i < from->routes_count; i++) {
        const struct route *there = &from->routes[i];

        if (!there->clone && (undo_touch_same_key(there, &operation->route) ||
                              undo_beside_fits(there, &operation->route)))
            undo_touch_take_route(from, there, to);
    }
    snapshot_take_link(to, snapshot_find_device(from, operation->device));
    for (uint32_t i = 0; i < operation->hops_count; i++)
        snapshot_take_link(to, snapshot_find_device(from, operation->hops[i].device));
}

static void take_rules(const struct operation_rule *operation, const struct snapshot *from,
                       struct snapshot *to)
{
    for (size_t i = 0; i < from->rules_count; i++) {
        const struct rule *rule = &from->rules[i];
        struct rule *copy;

        if (snapshot_compare_rules(rule, &operation->rule) != 0)
            continue;
        copy = snapshot_add_rule(to);
        *copy = *rule;
        copy->raw = rule->raw != NULL ? mem_copy(rule->raw, rule->raw_len) : NULL;
    }
}

/* ---- what the kernel takes along --------------------------------------------------------------
 */

static void take_addresses(const struct snapshot *from, const struct link *link, uint8_t family,
                           struct snapshot *to)
{
    for (size_t i = 0; i < from->addresses_count; i++) {
        const struct link_address *own = &from->addresses[i];

        if (own->link == link->index && own->address.family == family &&
            owner_row(owner_of_address(own, from))->undo)
            *snapshot_add_address(to) = *own;
    }
}

static void take_routes_by(const struct snapshot *from, uint32_t link, uint8_t family,
                           struct snapshot *to)
{
    for (size_t i = 0; i < from->routes_count; i++) {
        const struct route *route = &from->routes[i];

        if (route->destination.address.family == family &&
            (undo_beside_goes(route, link, to, from) || undo_beside_stands(route, link, to, from)))
            undo_touch_take_route(from, route, to);
    }
}

/* Addresses of that family, and routes by that device. */
static void take_lost(const struct snapshot *from, const struct link *link, uint8_t family,
                      struct snapshot *to)
{
    snapshot_take_link(to, link);
    take_addresses(from, link, family, to);
    take_routes_by(from, link->index, family, to);
}

/* An address of that device, or the one that comes or goes. */
static bool is_source_by(const struct route *route, const struct operation_address *operation,
                         const struct link *link, const struct snapshot *from)
{
    for (size_t i = 0; i < from->addresses_count; i++) {
        if (from->addresses[i].link == link->index &&
            route->prefsrc.family == operation->address.family &&
            address_equal(&from->addresses[i].address, &route->prefsrc))
            return true;
    }
    return address_equal(&route->prefsrc, &operation->address);
}

/* Routes with it as their source, by whatever device or object, go too (IPv6: lose it); and so with
 * those of the addresses that go along. */
static void take_address(const struct operation_address *operation, const struct snapshot *from,
                         struct snapshot *to)
{
    const struct link *link = snapshot_find_device(from, operation->device);

    if (link == NULL)
        return;
    take_lost(from, link, operation->address.family, to);
    undo_prefix_take(operation, from, to);
    for (size_t i = 0; i < from->routes_count; i++) {
        const struct route *route = &from->routes[i];

        if (address_is_set(&route->prefsrc) &&
            (route->nexthop_id != 0 || !undo_beside_leads_by(route, link->index)) &&
            !undo_beside_stands(route, link->index, to, from) &&
            is_source_by(route, operation, link, from) && undo_touch_may_restore(route, from))
            undo_touch_take_route(from, route, to);
    }
}

/* Down: routes of both families, IPv6 addresses. An mtu below 1280: all of IPv6, its settings
 * too. IPv4 addresses stay, whatever comes. */
static void take_link_losses(const struct operation_link *operation, const struct snapshot *from,
                             struct snapshot *to)
{
    const struct link *link = snapshot_find_device(from, operation->device);

    if (link == NULL)
        return;
    undo_nexthop_take_link(from, link->index, to);
    take_lost(from, link, FAMILY_IPV6, to);
    take_routes_by(from, link->index, FAMILY_IPV4, to);
    for (size_t i = 0; i < from->sysctls_count; i++) {
        if (undo_sysctl_goes_with_ipv6(&from->sysctls[i], link))
            *snapshot_add_sysctl(to) = from->sysctls[i];
    }
}

/* disable_ipv6 takes addresses and routes of the device with it. */
static void take_sysctls(const struct operation_sysctl *operation, const struct snapshot *from,
                         struct snapshot *to)
{
    undo_sysctl_take(&operation->setting, from, to);
    for (size_t i = 0; i < from->links_count; i++) {
        if (undo_sysctl_switches_ipv6(operation->setting.name, &from->links[i]))
            take_lost(from, &from->links[i], FAMILY_IPV6, to);
    }
}

/* ---- */

/* Of the peers only the one that is the exit node, by address: it gives the StableID to restore. */
static void take_tailscale(const struct snapshot *from, struct snapshot *to)
{
    const struct tailscale *tailscale = &from->tailscale;

    to->tailscale = *tailscale;
    to->tailscale.peers = NULL;
    to->tailscale.peers_count = 0;
    for (uint32_t i = 0; i < tailscale->peers_count && to->tailscale.peers == NULL; i++) {
        const struct tailscale_peer *peer = &tailscale->peers[i];
        bool found =
            tailscale->exit_node_id[0] != '\0' && text_equal(peer->id, tailscale->exit_node_id);

        for (uint32_t k = 0; k < peer->addresses_count; k++)
            found |= address_is_set(&tailscale->exit_node_ip) &&
                     address_equal(&peer->addresses[k], &tailscale->exit_node_ip);
        if (!found)
            continue;
        to->tailscale.peers = mem_copy(peer, sizeof(*peer));
        to->tailscale.peers_count = 1;
    }
}

static void take_one_file(const char *path, const struct snapshot *from, struct snapshot *to)
{
    const struct snapshot_file *file = snapshot_find_file(from, path);
    struct snapshot_file *copy;

    if (file == NULL)
        return;
    copy = snapshot_add_file(to);
    *copy = *file;
    copy->data = file->data != NULL ? mem_copy(file->data, file->len) : NULL;
}

static void take_files(const struct operation_file *operation, const struct snapshot *from,
                       struct snapshot *to)
{
    char trial[FILE_PATH_SIZE];

    file_form_trial_path(operation->path, trial);
    take_one_file(operation->path, from, to);
    take_one_file(trial, from, to);
    undo_made_take(operation, from, to);
}

void undo_touch_take(const struct operation *operation, const struct snapshot *from,
                     struct snapshot *ret_touched)
{
    snapshot_init(ret_touched);
    switch (operation->kind) {
    case OPERATION_ROUTE:
        take_routes(&operation->route, from, ret_touched);
        break;
    case OPERATION_RULE:
        take_rules(&operation->rule, from, ret_touched);
        break;
    case OPERATION_SYSCTL:
        take_sysctls(&operation->sysctl, from, ret_touched);
        break;
    case OPERATION_TAILSCALE:
        take_tailscale(from, ret_touched);
        break;
    case OPERATION_NEXTHOP:
        undo_nexthop_take(&operation->nexthop, from, ret_touched);
        break;
    case OPERATION_FILE:
        take_files(&operation->file, from, ret_touched);
        break;
    case OPERATION_ADDRESS:
        take_address(&operation->address, from, ret_touched);
        break;
    case OPERATION_LINK:
        take_link_losses(&operation->link, from, ret_touched);
        break;
    case OPERATION_KIND_COUNT:
        break;
    }
}

bool undo_touch_has_losses(const struct operation *operation)
{
    return operation->kind == OPERATION_ADDRESS || operation->kind == OPERATION_LINK ||
           operation->kind == OPERATION_SYSCTL || operation->kind == OPERATION_NEXTHOP;
}

/* ---- leaving one out --------------------------------------------------------------------------
 */

static void drop_address(const struct operation_address *operation, struct snapshot *touched)
{
    size_t kept = 0;

    for (size_t i = 0; i < touched->addresses_count; i++) {
        const struct link_address *own = &touched->addresses[i];
        const struct link *link = snapshot_find_link(touched, own->link);

        if (!address_equal(&own->address, &operation->address) ||
            own->prefix_len != operation->prefix_len || link == NULL ||
            !text_equal(link->name, operation->device))
            touched->addresses[kept++] = *own;
    }
    touched->addresses_count = kept;
}

void undo_touch_drop(const struct operation *operation, struct snapshot *touched)
{
    switch (operation->kind) {
    case OPERATION_ROUTE:
        for (size_t i = touched->routes_count; i-- > 0;) {
            if (undo_touch_same_key(&touched->routes[i], &operation->route.route))
                snapshot_remove_route(touched, i);
        }
        break;
    case OPERATION_ADDRESS:
        drop_address(&operation->address, touched);
        break;
    case OPERATION_SYSCTL:
        undo_sysctl_drop(operation->sysctl.setting.name, touched);
        break;
    case OPERATION_NEXTHOP:
        undo_nexthop_drop(operation->nexthop.nexthop.id, touched);
        break;
    case OPERATION_RULE:
    case OPERATION_TAILSCALE:
    case OPERATION_LINK:
    case OPERATION_FILE:
    case OPERATION_KIND_COUNT:
        break;
    }
}

/* ---- expecting --------------------------------------------------------------------------------
 */

void undo_touch_predict(const struct operation *operation, const struct snapshot *before,
                        struct snapshot *ret_after)
{
    snapshot_copy(ret_after, before);
    operation_predict(operation, ret_after);
    if (operation->kind == OPERATION_SYSCTL)
        undo_sysctl_predict(&operation->sysctl.setting, ret_after);
}
