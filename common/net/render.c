/*
 * render: routes, rules and the rest as the lines that a person would write (ip-route(8)).
 */
#include "common/net/render.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

static const char *const route_types[] = {
    [RTN_LOCAL] = "local ",         [RTN_BROADCAST] = "broadcast ",
    [RTN_ANYCAST] = "anycast ",     [RTN_MULTICAST] = "multicast ",
    [RTN_BLACKHOLE] = "blackhole ", [RTN_UNREACHABLE] = "unreachable ",
    [RTN_PROHIBIT] = "prohibit ",   [RTN_THROW] = "throw ",
};

static void add_prefix(const struct prefix *prefix, struct text *out)
{
    char text[PREFIX_TEXT_SIZE];

    if (prefix->len == address_bits(prefix->address.family))
        text_add(out, "%s", address_format(&prefix->address, text));
    else
        text_add(out, "%s", prefix_format(prefix, text));
}

void render_destination(const struct prefix *destination, struct text *out)
{
    if (destination->len == 0 && destination->address.family != FAMILY_IPV6)
        text_add(out, "default");
    else
        add_prefix(destination, out);
}

static void add_device(uint32_t index, const struct snapshot *snapshot, struct text *out)
{
    const struct link *link = snapshot != NULL ? snapshot_find_link(snapshot, index) : NULL;

    if (link != NULL)
        text_add(out, " dev %s", link->name);
    else if (index != 0)
        text_add(out, " dev if%u", index);
}

void render_table(uint32_t table, struct text *out)
{
    if (table == RT_TABLE_MAIN)
        text_add(out, "main");
    else if (table == RT_TABLE_LOCAL)
        text_add(out, "local");
    else if (table == RT_TABLE_DEFAULT)
        text_add(out, "default");
    else
        text_add(out, "%u", table);
}

static void add_hop(const struct hop *hop, const struct snapshot *snapshot, struct text *out)
{
    char text[ADDRESS_TEXT_SIZE];

    if (address_is_set(&hop->gateway))
        text_add(out, " via %s", address_format(&hop->gateway, text));
    add_device(hop->link, snapshot, out);
    if (hop->onlink)
        text_add(out, " onlink");
}

static void add_route_details(const struct route *route, struct text *out)
{
    char text[ADDRESS_TEXT_SIZE];

    if (route->table != RT_TABLE_MAIN) {
        text_add(out, " table ");
        render_table(route->table, out);
    }
    if (address_is_set(&route->prefsrc))
        text_add(out, " src %s", address_format(&route->prefsrc, text));
    if (route->metric != 0)
        text_add(out, " metric %u", route->metric);
    if (route->tos != 0)
        text_add(out, " tos 0x%02x", route->tos);
    if (route->mtu != 0)
        text_add(out, " mtu %u", route->mtu);
}

/* Behind all else: ip(8) takes nothing after them. */
static void add_hops(const struct route *route, const struct snapshot *snapshot, struct text *out)
{
    for (uint32_t i = 0; i < route->hops_count; i++) {
        text_add(out, " nexthop");
        add_hop(&route->hops[i], snapshot, out);
        text_add(out, " weight %u", route->hops[i].weight);
    }
}

void render_route(const struct route *route, const struct snapshot *snapshot, struct text *out)
{
    if (route->type < sizeof(route_types) / sizeof(route_types[0]) && route_types[route->type])
        text_add(out, "%s", route_types[route->type]);
    render_destination(&route->destination, out);
    if (route->source.len > 0) {
        text_add(out, " from ");
        add_prefix(&route->source, out);
    }
    if (route->nexthop_id != 0)
        text_add(out, " nhid %u", route->nexthop_id);
    else if (route->hops_count == 1)
        add_hop(&route->hop, snapshot, out);
    add_route_details(route, out);
    if (route->nexthop_id == 0 && route->hops_count > 1)
        add_hops(route, snapshot, out);
}

static void add_selectors(const struct rule *rule, struct text *out)
{
    if (rule->source.len > 0)
        add_prefix(&rule->source, out);
    else
        text_add(out, "all");
    if (rule->destination.len > 0) {
        text_add(out, " to ");
        add_prefix(&rule->destination, out);
    }
    if (rule->mark != 0 || rule->mask != 0)
        text_add(out, " fwmark 0x%x/0x%x", rule->mark, rule->mask);
    if (rule->iif[0] != '\0')
        text_add(out, " iif %s", rule->iif);
    if (rule->oif[0] != '\0')
        text_add(out, " oif %s", rule->oif);
    if (rule->tos != 0)
        text_add(out, " tos 0x%02x", rule->tos);
    if (rule->uid_first != 0 || rule->uid_last != UINT32_MAX)
        text_add(out, " uidrange %u-%u", rule->uid_first, rule->uid_last);
    if (rule->tun_id != 0)
        text_add(out, " tun_id %llu", (unsigned long long)rule->tun_id);
    if (rule->ip_proto != 0)
        text_add(out, " ipproto %u", rule->ip_proto);
    if (rule->sport_first != 0)
        text_add(out, " sport %u-%u", rule->sport_first, rule->sport_last);
    if (rule->dport_first != 0)
        text_add(out, " dport %u-%u", rule->dport_first, rule->dport_last);
}

static void add_action(const struct rule *rule, struct text *out)
{
    switch (rule->action) {
    case FR_ACT_TO_TBL:
        text_add(out, rule->l3mdev ? " l3mdev" : " lookup ");
        if (!rule->l3mdev)
            render_table(rule->table, out);
        break;
    case FR_ACT_GOTO:
        text_add(out, " goto %u", rule->goto_priority);
        break;
    case FR_ACT_NOP:
        text_add(out, " nop");
        break;
    case FR_ACT_BLACKHOLE:
        text_add(out, " blackhole");
        break;
    case FR_ACT_UNREACHABLE:
        text_add(out, " unreachable");
        break;
    case FR_ACT_PROHIBIT:
        text_add(out, " prohibit");
        break;
    default:
        text_add(out, " action %u", rule->action);
        break;
    }
}

void render_rule(const struct rule *rule, struct text *out)
{
    text_add(out, "%u: %sfrom ", rule->priority, rule->invert ? "not " : "");
    add_selectors(rule, out);
    add_action(rule, out);
    if (rule->suppress_prefixlength >= 0)
        text_add(out, " suppress_prefixlength %d", rule->suppress_prefixlength);
    if (rule->suppress_ifgroup >= 0)
        text_add(out, " suppress_ifgroup %d", rule->suppress_ifgroup);
    if (rule->unknown != 0)
        text_add(out, " and what this program does not know (attribute %u)", rule->unknown);
    if (rule->family == FAMILY_IPV6)
        text_add(out, " (IPv6)");
}

/* As ip(8) takes it: members by "/", a weight of more than one behind ",". */
static void add_members(const struct nexthop *nexthop, struct text *out)
{
    for (uint32_t i = 0; i < nexthop->members_count; i++) {
        text_add(out, "%s%u", i == 0 ? " group " : "/", nexthop->members[i].id);
        if (nexthop->members[i].weight > 1)
            text_add(out, ",%u", nexthop->members[i].weight);
    }
}

void render_nexthop(const struct nexthop *nexthop, const struct snapshot *snapshot,
                    struct text *out)
{
    text_add(out, "nexthop id %u", nexthop->id);
    if (nexthop->group)
        add_members(nexthop, out);
    else if (nexthop->blackhole)
        text_add(out, " blackhole");
    else
        add_hop(&nexthop->hop, snapshot, out);
}

void render_address(const struct link_address *address, const struct snapshot *snapshot,
                    struct text *out)
{
    char text[ADDRESS_TEXT_SIZE];

    const struct link *link = snapshot != NULL ? snapshot_find_link(snapshot, address->link) : NULL;

    text_add(out, "address %s/%u on ", address_format(&address->address, text),
             address->prefix_len);
    if (link != NULL)
        text_add(out, "%s", link->name);
    else
        text_add(out, "if%u", address->link);
    if (address->secondary)
        text_add(out, " secondary");
}

void render_link(const struct link *link, struct text *out)
{
    text_add(out, "link %s mtu %u %s%s", link->name, link->mtu, link->up ? "up" : "down",
             link->up && !link->carrier ? " no carrier" : "");
}

void render_tailscale(const struct tailscale *tailscale, struct text *out)
{
    if (tailscale->presence != TAILSCALE_ANSWERS) {
        text_add(out, "tailscale does not answer");
        return;
    }
    text_add(out, "tailscale %s exit-node=%s", tailscale->backend_state,
             tailscale->exit_node_id[0] != '\0' ? tailscale->exit_node_id : "none");
    text_add(out, " exit-node-allow-lan-access=%s",
             tailscale->exit_node_allow_lan_access ? "true" : "false");
    text_add(out, " accept-routes=%s", tailscale->accept_routes ? "true" : "false");
    for (uint32_t i = 0; i < tailscale->advertise_routes_count; i++) {
        text_add(out, "%s", i == 0 ? " advertise-routes=" : ",");
        add_prefix(&tailscale->advertise_routes[i], out);
    }
}
