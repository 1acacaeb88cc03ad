/*
 * wire_route: routes, rules and nexthop objects.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_values.h"

static ProtobufCBinaryData put_raw(const uint8_t *raw, uint32_t len, bool wanted)
{
    return wire_put_bytes(raw, wanted && raw != NULL ? len : 0);
}

static bool take_raw(uint8_t **to, uint32_t *ret_len, const ProtobufCBinaryData *from,
                     struct err *err)
{
    if (!wire_take_count(from->len, RAW_SIZE_MAX, "bytes of a kernel message", err))
        return false;
    *to = mem_copy(from->data, from->len);
    *ret_len = (uint32_t)from->len;
    return true;
}

/* ---- hops -------------------------------------------------------------------------------------
 */

void wire_put_hop(Oceanid__Hop *to, const struct hop *hop)
{
    to->link = hop->link;
    to->gateway = wire_put_address(&hop->gateway);
    to->weight = hop->weight;
    to->onlink = hop->onlink;
    to->dead = hop->dead;
}

bool wire_take_hop(struct hop *to, const Oceanid__Hop *from, struct err *err)
{
    to->link = from->link;
    to->onlink = from->onlink;
    to->dead = from->dead;
    return wire_take_address(&to->gateway, &from->gateway, err) &&
           wire_take_u8(&to->weight, from->weight, "weight", err);
}

/* A route of an operation says its gateway before it has a link. */
static size_t count_hops(const struct route *route)
{
    bool said = address_is_set(&route->hop.gateway) || route->hop.onlink;

    return route->hops_count == 0 && said ? 1 : route->hops_count;
}

static void put_hops(struct arena *arena, Oceanid__Route *to, const struct route *route)
{
    to->n_hops = count_hops(route);
    to->hops = wire_new_list(arena, Oceanid__Hop, oceanid__hop__init, to->n_hops);
    for (size_t i = 0; i < to->n_hops; i++)
        wire_put_hop(to->hops[i], route->hops_count > 1 ? &route->hops[i] : &route->hop);
}

static bool take_hops(struct route *to, const Oceanid__Route *from, struct err *err)
{
    if (!wire_take_count(from->n_hops, HOPS_MAX, "hops", err))
        return false;
    to->hops_count = (uint32_t)from->n_hops;
    if (from->n_hops > 1)
        to->hops = mem_alloc(from->n_hops, sizeof(*to->hops));
    for (size_t i = 0; i < from->n_hops; i++) {
        if (!wire_take_hop(to->hops != NULL ? &to->hops[i] : &to->hop, from->hops[i], err))
            return false;
    }
    return true;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

Oceanid__Route *wire_put_route(struct arena *arena, const struct route *route, bool raw)
{
    Oceanid__Route *to = wire_new(arena, Oceanid__Route, oceanid__route__init);

    to->destination = wire_put_prefix(arena, &route->destination);
    to->source = wire_put_prefix(arena, &route->source);
    to->table = route->table;
    to->metric = route->metric;
    to->tos = route->tos;
    to->protocol = route->protocol;
    to->scope = route->scope;
    to->type = route->type;
    to->preference = route->preference;
    to->clone = route->clone;
    to->expires = route->expires;
    to->prefsrc = wire_put_address(&route->prefsrc);
    to->nexthop_id = route->nexthop_id;
    to->mtu = route->mtu;
    to->raw = put_raw(route->raw, route->raw_len, raw);
    put_hops(arena, to, route);
    return to;
}

bool wire_take_route(struct route *to, const Oceanid__Route *from, bool raw, struct err *err)
{
    to->table = from->table;
    to->metric = from->metric;
    to->clone = from->clone;
    to->expires = from->expires;
    to->nexthop_id = from->nexthop_id;
    to->mtu = from->mtu;
    return wire_take_prefix(&to->destination, from->destination, err) &&
           wire_take_prefix(&to->source, from->source, err) &&
           wire_take_u8(&to->tos, from->tos, "tos", err) &&
           wire_take_u8(&to->protocol, from->protocol, "protocol", err) &&
           wire_take_u8(&to->scope, from->scope, "scope", err) &&
           wire_take_u8(&to->type, from->type, "route type", err) &&
           wire_take_u8(&to->preference, from->preference, "preference", err) &&
           wire_take_address(&to->prefsrc, &from->prefsrc, err) && take_hops(to, from, err) &&
           (!raw || take_raw(&to->raw, &to->raw_len, &from->raw, err));
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void put_selectors(struct arena *arena, Oceanid__Rule *to, const struct rule *rule)
{
    to->mark = rule->mark;
    to->mask = rule->mask;
    to->uid_first = rule->uid_first;
    to->uid_last = rule->uid_last;
    to->sport_first = rule->sport_first;
    to->sport_last = rule->sport_last;
    to->dport_first = rule->dport_first;
    to->dport_last = rule->dport_last;
    to->suppress_prefixlength = rule->suppress_prefixlength;
    to->suppress_ifgroup = rule->suppress_ifgroup;
    to->l3mdev = rule->l3mdev;
    to->tun_id = rule->tun_id;
    to->unknown = rule->unknown;
    to->unknown_sum = rule->unknown_sum;
    to->iif = wire_put_text(arena, rule->iif);
    to->oif = wire_put_text(arena, rule->oif);
    to->source = wire_put_prefix(arena, &rule->source);
    to->destination = wire_put_prefix(arena, &rule->destination);
}

Oceanid__Rule *wire_put_rule(struct arena *arena, const struct rule *rule, bool raw)
{
    Oceanid__Rule *to = wire_new(arena, Oceanid__Rule, oceanid__rule__init);

    to->family = rule->family;
    to->action = rule->action;
    to->tos = rule->tos;
    to->protocol = rule->protocol;
    to->ip_proto = rule->ip_proto;
    to->invert = rule->invert;
    to->priority = rule->priority;
    to->table = rule->table;
    to->goto_priority = rule->goto_priority;
    to->raw = put_raw(rule->raw, rule->raw_len, raw);
    put_selectors(arena, to, rule);
    return to;
}

static bool take_selectors(struct rule *to, const Oceanid__Rule *from, struct err *err)
{
    to->mark = from->mark;
    to->mask = from->mask;
    to->uid_first = from->uid_first;
    to->uid_last = from->uid_last;
    to->suppress_prefixlength = from->suppress_prefixlength;
    to->suppress_ifgroup = from->suppress_ifgroup;
    to->l3mdev = from->l3mdev;
    to->tun_id = from->tun_id;
    to->unknown_sum = from->unknown_sum;
    return wire_take_u16(&to->unknown, from->unknown, "attribute", err) &&
           wire_take_u16(&to->sport_first, from->sport_first, "port", err) &&
           wire_take_u16(&to->sport_last, from->sport_last, "port", err) &&
           wire_take_u16(&to->dport_first, from->dport_first, "port", err) &&
           wire_take_u16(&to->dport_last, from->dport_last, "port", err) &&
           wire_take_line(to->iif, sizeof(to->iif), from->iif, "iif", err) &&
           wire_take_line(to->oif, sizeof(to->oif), from->oif, "oif", err) &&
           wire_take_prefix(&to->source, from->source, err) &&
           wire_take_prefix(&to->destination, from->destination, err);
}

bool wire_take_rule(struct rule *to, const Oceanid__Rule *from, bool raw, struct err *err)
{
    to->invert = from->invert;
    to->priority = from->priority;
    to->table = from->table;
    to->goto_priority = from->goto_priority;
    return wire_take_u8(&to->family, from->family, "family", err) &&
           wire_take_u8(&to->action, from->action, "action", err) &&
           wire_take_u8(&to->tos, from->tos, "tos", err) &&
           wire_take_u8(&to->protocol, from->protocol, "protocol", err) &&
           wire_take_u8(&to->ip_proto, from->ip_proto, "protocol", err) &&
           take_selectors(to, from, err) &&
           (!raw || take_raw(&to->raw, &to->raw_len, &from->raw, err));
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

void wire_put_members(struct arena *arena, Oceanid__Nexthop *to,
                      const struct nexthop_member *members, uint32_t count)
{
    to->n_member_ids = to->n_member_weights = count;
    to->member_ids = arena_alloc(arena, count, sizeof(uint32_t));
    to->member_weights = arena_alloc(arena, count, sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++) {
        to->member_ids[i] = members[i].id;
        to->member_weights[i] = members[i].weight;
    }
}

Oceanid__Nexthop *wire_put_nexthop(struct arena *arena, const struct nexthop *nexthop, bool raw)
{
    Oceanid__Nexthop *to = wire_new(arena, Oceanid__Nexthop, oceanid__nexthop__init);

    to->id = nexthop->id;
    to->family = nexthop->family;
    to->protocol = nexthop->protocol;
    to->blackhole = nexthop->blackhole;
    to->group = nexthop->group;
    to->hop = wire_new(arena, Oceanid__Hop, oceanid__hop__init);
    wire_put_hop(to->hop, &nexthop->hop);
    wire_put_members(arena, to, nexthop->members, nexthop->members_count);
    to->raw = put_raw(nexthop->raw, nexthop->raw_len, raw);
    return to;
}

static bool take_members(struct nexthop *to, const Oceanid__Nexthop *from, struct err *err)
{
    if (!wire_take_count(from->n_member_ids, MEMBERS_MAX, "members of a nexthop group", err))
        return false;
    if (from->n_member_ids != from->n_member_weights)
        return err_set(err, ERR_INPUT, "%zu weights for %zu members of nexthop group %u",
                       from->n_member_weights, from->n_member_ids, from->id);
    to->members_count = (uint32_t)from->n_member_ids;
    to->members = to->members_count > 0 ? mem_alloc(to->members_count, sizeof(*to->members)) : NULL;
    for (uint32_t i = 0; i < to->members_count; i++)
        to->members[i] = (struct nexthop_member){from->member_ids[i], from->member_weights[i]};
    return true;
}

bool wire_take_nexthop(struct nexthop *to, const Oceanid__Nexthop *from, bool raw, struct err *err)
{
    to->id = from->id;
    to->blackhole = from->blackhole;
    to->group = from->group;
    return wire_take_u8(&to->family, from->family, "family", err) &&
           wire_take_u8(&to->protocol, from->protocol, "protocol", err) &&
           (from->hop == NULL || wire_take_hop(&to->hop, from->hop, err)) &&
           take_members(to, from, err) &&
           (!raw || take_raw(&to->raw, &to->raw_len, &from->raw, err));
}
