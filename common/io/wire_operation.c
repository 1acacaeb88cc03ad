/*
 * wire_operation: the literal steps of a change.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_values.h"
#include "common/net/file_form.h"

/* ---- putting ----------------------------------------------------------------------------------
 */

static Oceanid__RouteOperation *put_route(struct arena *arena, const struct operation_route *from)
{
    Oceanid__RouteOperation *to =
        wire_new(arena, Oceanid__RouteOperation, oceanid__route_operation__init);

    to->device = wire_put_text(arena, from->device);
    to->route = wire_put_route(arena, &from->route, false);
    to->n_hops = from->hops_count;
    to->hops =
        wire_new_list(arena, Oceanid__OperationHop, oceanid__operation_hop__init, to->n_hops);
    for (uint32_t i = 0; i < from->hops_count; i++) {
        to->hops[i]->device = wire_put_text(arena, from->hops[i].device);
        to->hops[i]->hop = wire_new(arena, Oceanid__Hop, oceanid__hop__init);
        wire_put_hop(to->hops[i]->hop, &from->hops[i].hop);
    }
    return to;
}

static Oceanid__NexthopOperation *put_nexthop(struct arena *arena,
                                              const struct operation_nexthop *from)
{
    Oceanid__NexthopOperation *to =
        wire_new(arena, Oceanid__NexthopOperation, oceanid__nexthop_operation__init);

    to->device = wire_put_text(arena, from->device);
    to->nexthop = wire_put_nexthop(arena, &from->nexthop, false);
    wire_put_members(arena, to->nexthop, from->members, from->members_count);
    return to;
}

static Oceanid__TailscaleOperation *put_tailscale(struct arena *arena,
                                                  const struct operation_tailscale *from)
{
    Oceanid__TailscaleOperation *to =
        wire_new(arena, Oceanid__TailscaleOperation, oceanid__tailscale_operation__init);

    to->set_exit_node = from->set_exit_node;
    to->exit_node_id = wire_put_text(arena, from->exit_node_id);
    to->exit_node_name = wire_put_text(arena, from->exit_node_name);
    to->set_allow_lan_access = from->set_allow_lan_access;
    to->allow_lan_access = from->allow_lan_access;
    to->set_accept_routes = from->set_accept_routes;
    to->accept_routes = from->accept_routes;
    to->set_advertise_routes = from->set_advertise_routes;
    to->n_advertise_routes = from->advertise_routes_count;
    to->advertise_routes =
        wire_put_prefixes(arena, from->advertise_routes, from->advertise_routes_count);
    return to;
}

static Oceanid__FileOperation *put_file(struct arena *arena, const struct operation_file *from)
{
    Oceanid__FileOperation *to =
        wire_new(arena, Oceanid__FileOperation, oceanid__file_operation__init);

    to->path = wire_put_text(arena, from->path);
    to->content = wire_put_bytes(from->content, strlen(from->content));
    return to;
}

static Oceanid__AddressOperation *put_address(struct arena *arena,
                                              const struct operation_address *from)
{
    Oceanid__AddressOperation *to =
        wire_new(arena, Oceanid__AddressOperation, oceanid__address_operation__init);

    to->device = wire_put_text(arena, from->device);
    to->address = wire_put_address(&from->address);
    to->prefix_len = from->prefix_len;
    return to;
}

static Oceanid__LinkOperation *put_link(struct arena *arena, const struct operation_link *from)
{
    Oceanid__LinkOperation *to =
        wire_new(arena, Oceanid__LinkOperation, oceanid__link_operation__init);

    to->device = wire_put_text(arena, from->device);
    to->mtu = from->mtu;
    to->set_up = from->set_up;
    to->up = from->up;
    return to;
}

Oceanid__Operation *wire_put_operation(struct arena *arena, const struct operation *operation)
{
    Oceanid__Operation *to = wire_new(arena, Oceanid__Operation, oceanid__operation__init);

    to->shield = operation->shield;
    switch (operation->kind) {
    case OPERATION_ROUTE:
        to->kind_case = OCEANID__OPERATION__KIND_ROUTE;
        to->absent = operation->route.absent;
        to->route = put_route(arena, &operation->route);
        break;
    case OPERATION_RULE:
        to->kind_case = OCEANID__OPERATION__KIND_RULE;
        to->absent = operation->rule.absent;
        to->rule = wire_put_rule(arena, &operation->rule.rule, false);
        break;
    case OPERATION_SYSCTL:
        to->kind_case = OCEANID__OPERATION__KIND_SYSCTL;
        to->sysctl = wire_put_sysctl(arena, &operation->sysctl.setting);
        break;
    case OPERATION_TAILSCALE:
        to->kind_case = OCEANID__OPERATION__KIND_TAILSCALE;
        to->tailscale = put_tailscale(arena, &operation->tailscale);
        break;
    case OPERATION_NEXTHOP:
        to->kind_case = OCEANID__OPERATION__KIND_NEXTHOP;
        to->absent = operation->nexthop.absent;
        to->nexthop = put_nexthop(arena, &operation->nexthop);
        break;
    case OPERATION_FILE:
        to->kind_case = OCEANID__OPERATION__KIND_FILE;
        to->absent = operation->file.absent;
        to->file = put_file(arena, &operation->file);
        break;
    case OPERATION_ADDRESS:
        to->kind_case = OCEANID__OPERATION__KIND_ADDRESS;
        to->absent = operation->address.absent;
        to->address = put_address(arena, &operation->address);
        break;
    case OPERATION_LINK:
        to->kind_case = OCEANID__OPERATION__KIND_LINK;
        to->link = put_link(arena, &operation->link);
        break;
    case OPERATION_KIND_COUNT:
        break;
    }
    return to;
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_hops(struct operation_route *to, const Oceanid__RouteOperation *from,
                      struct err *err)
{
    if (!wire_take_count(from->n_hops, OPERATION_HOPS_MAX, "hops of a route operation", err))
        return false;
    to->hops_count = (uint32_t)from->n_hops;
    for (uint32_t i = 0; i < to->hops_count; i++) {
        struct operation_hop *hop = &to->hops[i];

        if (from->hops[i]->hop == NULL)
            return err_set(err, ERR_INPUT, "route operation: hop %u is missing", i + 1);
        if (!wire_take_word(hop->device, sizeof(hop->device), from->hops[i]->device, "device",
                            err) ||
            !wire_take_hop(&hop->hop, from->hops[i]->hop, err))
            return false;
    }
    return true;
}

/* One hop at most in the route itself, so that an operation owns nothing. */
static bool take_route(struct operation_route *to, const Oceanid__RouteOperation *from,
                       struct err *err)
{
    if (from->route == NULL || from->route->n_hops > 1)
        return err_set(err, ERR_INPUT,
                       "route operation: accepted is one route, its hops beside it");
    return wire_take_word(to->device, sizeof(to->device), from->device, "device", err) &&
           wire_take_route(&to->route, from->route, false, err) && take_hops(to, from, err);
}

/* Its members in its own storage: an operation owns nothing. */
static bool take_members(struct operation_nexthop *to, struct err *err)
{
    AUTO_FREE struct nexthop_member *members = to->nexthop.members;
    uint32_t count = to->nexthop.members_count;

    to->nexthop.members = NULL;
    to->nexthop.members_count = 0;
    if (!wire_take_count(count, OPERATION_MEMBERS_MAX, "members of a nexthop group", err))
        return false;
    to->members_count = count;
    if (count > 0)
        memcpy(to->members, members, count * sizeof(*members));
    return true;
}

static bool take_nexthop(struct operation_nexthop *to, const Oceanid__NexthopOperation *from,
                         struct err *err)
{
    if (from->nexthop == NULL)
        return err_set(err, ERR_INPUT, "nexthop operation: its object is missing");
    return wire_take_word(to->device, sizeof(to->device), from->device, "device", err) &&
           wire_take_nexthop(&to->nexthop, from->nexthop, false, err) && take_members(to, err);
}

static bool take_tailscale(struct operation_tailscale *to, const Oceanid__TailscaleOperation *from,
                           struct err *err)
{
    to->set_exit_node = from->set_exit_node;
    to->set_allow_lan_access = from->set_allow_lan_access;
    to->allow_lan_access = from->allow_lan_access;
    to->set_accept_routes = from->set_accept_routes;
    to->accept_routes = from->accept_routes;
    to->set_advertise_routes = from->set_advertise_routes;
    return wire_take_word(to->exit_node_id, sizeof(to->exit_node_id), from->exit_node_id,
                          "exit node", err) &&
           wire_take_word(to->exit_node_name, sizeof(to->exit_node_name), from->exit_node_name,
                          "exit node", err) &&
           wire_take_prefixes(to->advertise_routes, &to->advertise_routes_count,
                              from->advertise_routes, from->n_advertise_routes, err);
}

/* Its path is looked at here, so that whoever has an operation may ask where its content lies. */
static bool take_file(struct operation_file *to, const Oceanid__FileOperation *from,
                      struct err *err)
{
    enum file_form form;

    if (!wire_take_count(from->content.len, FILE_CONTENT_SIZE - 1, "bytes of a file", err) ||
        !wire_take_word(to->path, sizeof(to->path), from->path, "file", err) ||
        !file_form_of(to->path, &form, err))
        return false;
    if (from->content.len > 0 && memchr(from->content.data, '\0', from->content.len) != NULL)
        return err_set(err, ERR_INPUT, "file %s: accepted is a content without NUL", to->path);
    if (from->content.len > 0)
        memcpy(to->content, from->content.data, from->content.len);
    to->content[from->content.len] = '\0';
    return true;
}

static bool take_address(struct operation_address *to, const Oceanid__AddressOperation *from,
                         struct err *err)
{
    to->prefix_len = (uint8_t)from->prefix_len;
    return wire_take_word(to->device, sizeof(to->device), from->device, "device", err) &&
           wire_take_address(&to->address, &from->address, err) &&
           wire_take_range(from->prefix_len, 128, "prefix length", err);
}

static bool take_link(struct operation_link *to, const Oceanid__LinkOperation *from,
                      struct err *err)
{
    to->mtu = from->mtu;
    to->set_up = from->set_up;
    to->up = from->up;
    return wire_take_word(to->device, sizeof(to->device), from->device, "device", err);
}

bool wire_take_operation(struct operation *to, const Oceanid__Operation *from, struct err *err)
{
    if (from == NULL)
        return err_set(err, ERR_INPUT, "operation is missing");
    to->shield = from->shield;
    switch (from->kind_case) {
    case OCEANID__OPERATION__KIND_ROUTE:
        to->kind = OPERATION_ROUTE;
        to->route.absent = from->absent;
        return take_route(&to->route, from->route, err);
    case OCEANID__OPERATION__KIND_RULE:
        to->kind = OPERATION_RULE;
        to->rule.absent = from->absent;
        return wire_take_rule(&to->rule.rule, from->rule, false, err);
    case OCEANID__OPERATION__KIND_SYSCTL:
        to->kind = OPERATION_SYSCTL;
        return wire_take_sysctl(&to->sysctl.setting, from->sysctl, err);
    case OCEANID__OPERATION__KIND_TAILSCALE:
        to->kind = OPERATION_TAILSCALE;
        return take_tailscale(&to->tailscale, from->tailscale, err);
    case OCEANID__OPERATION__KIND_NEXTHOP:
        to->kind = OPERATION_NEXTHOP;
        to->nexthop.absent = from->absent;
        return take_nexthop(&to->nexthop, from->nexthop, err);
    case OCEANID__OPERATION__KIND_FILE:
        to->kind = OPERATION_FILE;
        to->file.absent = from->absent;
        return take_file(&to->file, from->file, err);
    case OCEANID__OPERATION__KIND_ADDRESS:
        to->kind = OPERATION_ADDRESS;
        to->address.absent = from->absent;
        return take_address(&to->address, from->address, err);
    case OCEANID__OPERATION__KIND_LINK:
        to->kind = OPERATION_LINK;
        return take_link(&to->link, from->link, err);
    case OCEANID__OPERATION__KIND__NOT_SET:
    case _OCEANID__OPERATION__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "an operation is of a kind that is not known");
    }
}
