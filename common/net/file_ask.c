/*
 * file_ask: what a configuration file asks networkd to make in the kernel: addresses, routes,
 * rules.
 */
#include "common/net/file_ask.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

enum { IPV6_METRIC = 1024 }; /* IP6_RT_PRIO_USER: what the kernel makes of 0 */

/* ---- values -----------------------------------------------------------------------------------
 */

static uint32_t number_of(const char *value)
{
    return (uint32_t)strtoul(value, NULL, 0);
}

static uint32_t table_of(const char *value)
{
    if (text_equal(value, "main"))
        return RT_TABLE_MAIN;
    return text_equal(value, "default") ? RT_TABLE_DEFAULT : number_of(value);
}

static uint8_t type_of(const char *value)
{
    static const struct {
        const char *name;
        uint8_t type;
    } types[] = {{"blackhole", RTN_BLACKHOLE},
                 {"unreachable", RTN_UNREACHABLE},
                 {"prohibit", RTN_PROHIBIT},
                 {"throw", RTN_THROW}};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (text_equal(value, types[i].name))
            return types[i].type;
    }
    return RTN_UNICAST;
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static void take_address(struct file_ask *ask, const char *value)
{
    char own[ADDRESS_TEXT_SIZE] = "";
    struct prefix network;
    size_t len = strcspn(value, "/");

    if (len >= sizeof(own) || !prefix_parse(value, &network))
        return;
    memcpy(own, value, len);
    address_parse(own, &ask->address.address);
    ask->address.prefix_len = network.len;
}

static void take_destination(struct file_ask *ask, const char *value)
{
    ask->route.is_default = text_equal(value, "default");
    if (!ask->route.is_default)
        prefix_parse(value, &ask->route.destination);
}

static void take_gateway(struct file_ask *ask, const char *value)
{
    address_parse(value, &ask->route.gateway);
}

static void take_source(struct file_ask *ask, const char *value)
{
    prefix_parse(value, &ask->route.source);
}

static void take_prefsrc(struct file_ask *ask, const char *value)
{
    address_parse(value, &ask->route.prefsrc);
}

static void take_metric(struct file_ask *ask, const char *value)
{
    ask->route.metric = number_of(value);
    ask->route.has_metric = true;
}

static void take_table(struct file_ask *ask, const char *value)
{
    ask->route.table = table_of(value);
}

static void take_mtu(struct file_ask *ask, const char *value)
{
    ask->route.mtu = number_of(value);
}

static void take_type(struct file_ask *ask, const char *value)
{
    ask->route.type = type_of(value);
}

static void take_from(struct file_ask *ask, const char *value)
{
    prefix_parse(value, &ask->rule.source);
}

static void take_to(struct file_ask *ask, const char *value)
{
    prefix_parse(value, &ask->rule.destination);
}

static void take_rule_table(struct file_ask *ask, const char *value)
{
    ask->rule.table = table_of(value);
}

static void take_priority(struct file_ask *ask, const char *value)
{
    ask->rule.priority = number_of(value);
    ask->rule.has_priority = true;
}

/* "7", "0x7/0xff" */
static void take_mark(struct file_ask *ask, const char *value)
{
    const char *slash = strchr(value, '/');

    ask->rule.mark = number_of(value);
    ask->rule.mask = slash != NULL ? number_of(slash + 1) : UINT32_MAX;
}

static void take_iif(struct file_ask *ask, const char *value)
{
    text_copy(ask->rule.iif, sizeof(ask->rule.iif), value);
}

static void take_oif(struct file_ask *ask, const char *value)
{
    text_copy(ask->rule.oif, sizeof(ask->rule.oif), value);
}

static void take_suppress(struct file_ask *ask, const char *value)
{
    ask->rule.suppress_prefixlength = (int32_t)number_of(value);
}

#define DEVICE "network/ethernets/*"
#define ROUTES DEVICE "/routes/-"
#define RULES DEVICE "/routing-policy/-"

/* alone: each value asks for an object of its own. */
static const struct row {
    const char *section, *key;
    enum file_ask_kind kind;
    bool alone;
    void (*take_fn)(struct file_ask *ask, const char *value);
} rows[] = {
    {"Network", "Address", FILE_ASK_ADDRESS, true, take_address},
    {"Address", "Address", FILE_ASK_ADDRESS, true, take_address},
    {"Network", "Gateway", FILE_ASK_ROUTE, true, take_gateway},
    {"Route", "Destination", FILE_ASK_ROUTE, false, take_destination},
    {"Route", "Gateway", FILE_ASK_ROUTE, false, take_gateway},
    {"Route", "Source", FILE_ASK_ROUTE, false, take_source},
    {"Route", "PreferredSource", FILE_ASK_ROUTE, false, take_prefsrc},
    {"Route", "Metric", FILE_ASK_ROUTE, false, take_metric},
    {"Route", "Table", FILE_ASK_ROUTE, false, take_table},
    {"Route", "Type", FILE_ASK_ROUTE, false, take_type},
    {"Route", "MTUBytes", FILE_ASK_ROUTE, false, take_mtu},
    {"RoutingPolicyRule", "From", FILE_ASK_RULE, false, take_from},
    {"RoutingPolicyRule", "To", FILE_ASK_RULE, false, take_to},
    {"RoutingPolicyRule", "Table", FILE_ASK_RULE, false, take_rule_table},
    {"RoutingPolicyRule", "Priority", FILE_ASK_RULE, false, take_priority},
    {"RoutingPolicyRule", "FirewallMark", FILE_ASK_RULE, false, take_mark},
    {"RoutingPolicyRule", "IncomingInterface", FILE_ASK_RULE, false, take_iif},
    {"RoutingPolicyRule", "OutgoingInterface", FILE_ASK_RULE, false, take_oif},
    {"RoutingPolicyRule", "SuppressPrefixLength", FILE_ASK_RULE, false, take_suppress},
    {DEVICE "/addresses", "-", FILE_ASK_ADDRESS, true, take_address},
    {DEVICE, "gateway4", FILE_ASK_ROUTE, true, take_gateway},
    {DEVICE, "gateway6", FILE_ASK_ROUTE, true, take_gateway},
    {ROUTES, "to", FILE_ASK_ROUTE, false, take_destination},
    {ROUTES, "via", FILE_ASK_ROUTE, false, take_gateway},
    {ROUTES, "from", FILE_ASK_ROUTE, false, take_prefsrc},
    {ROUTES, "metric", FILE_ASK_ROUTE, false, take_metric},
    {ROUTES, "table", FILE_ASK_ROUTE, false, take_table},
    {ROUTES, "type", FILE_ASK_ROUTE, false, take_type},
    {ROUTES, "mtu", FILE_ASK_ROUTE, false, take_mtu},
    {RULES, "from", FILE_ASK_RULE, false, take_from},
    {RULES, "to", FILE_ASK_RULE, false, take_to},
    {RULES, "table", FILE_ASK_RULE, false, take_rule_table},
    {RULES, "priority", FILE_ASK_RULE, false, take_priority},
    {RULES, "mark", FILE_ASK_RULE, false, take_mark},
};

static const struct row *find_row(const struct file_said *said)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (text_equal(rows[i].section, said->section) && text_equal(rows[i].key, said->key))
            return &rows[i];
    }
    return NULL;
}

static struct file_ask *ask_of(struct file_asks *asks, const struct row *row, unsigned entry)
{
    struct file_ask *ask = asks->count > 0 ? &asks->items[asks->count - 1] : NULL;

    if (ask != NULL && !row->alone && ask->kind == row->kind && ask->entry == entry)
        return ask;
    asks->items = mem_grow(asks->items, asks->count, &asks->capacity, sizeof(*asks->items));
    ask = &asks->items[asks->count++];
    memset(ask, 0, sizeof(*ask));
    ask->kind = row->kind;
    ask->entry = entry;
    if (row->kind == FILE_ASK_ROUTE) {
        ask->route.table = RT_TABLE_MAIN;
        ask->route.type = RTN_UNICAST;
    } else if (row->kind == FILE_ASK_RULE) {
        ask->rule.table = RT_TABLE_MAIN;
        ask->rule.suppress_prefixlength = -1;
    }
    return ask;
}

static void take_said(void *context, const struct file_said *said)
{
    struct file_asks *asks = context;
    const struct row *row = find_row(said);

    if (row != NULL)
        row->take_fn(ask_of(asks, row, said->entry), said->value);
}

bool file_asks_add(struct file_asks *asks, enum file_form form, const char *content)
{
    return file_form_read(form, content, take_said, asks);
}

void file_asks_done(struct file_asks *asks)
{
    free(asks->items);
    *asks = (struct file_asks){.items = NULL};
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static bool is_address(const struct file_ask *ask, const struct link_address *own)
{
    return ask->address.prefix_len == own->prefix_len &&
           address_equal(&ask->address.address, &own->address);
}

/* Without a destination it is the default route of the gateway's family. */
static struct prefix destination_of(const struct file_ask *ask)
{
    uint8_t family = ask->route.gateway.family;

    if (ask->route.destination.address.family != FAMILY_NONE)
        return ask->route.destination;
    if (family == FAMILY_NONE && ask->route.is_default)
        family = FAMILY_IPV4;
    return prefix_default(family);
}

static uint32_t metric_of(const struct file_ask *ask, uint8_t family)
{
    if (ask->route.has_metric && (ask->route.metric != 0 || family == FAMILY_IPV4))
        return ask->route.metric;
    return family == FAMILY_IPV6 ? IPV6_METRIC : 0;
}

static bool has_key(const struct file_ask *ask, const struct route *route)
{
    struct prefix destination = destination_of(ask);

    return route->table == ask->route.table && route->type == ask->route.type && route->tos == 0 &&
           prefix_equal(&route->destination, &destination) &&
           route->metric == metric_of(ask, destination.address.family) &&
           route->source.len == ask->route.source.len &&
           (route->source.len == 0 || prefix_equal(&route->source, &ask->route.source)) &&
           address_equal(&route->prefsrc, &ask->route.prefsrc);
}

/* Several hops are one's own of IPv4, and of IPv6 what the kernel made of several routes. */
static bool find_hop(const struct file_ask *ask, const struct route *route,
                     const struct hop **ret_hop)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;
    uint32_t count = route->hops_count;

    *ret_hop = NULL;
    if (ask->route.type != RTN_UNICAST)
        return true;
    if (count > 1 && route->destination.address.family == FAMILY_IPV4)
        return false;
    for (uint32_t i = 0; i < count && *ret_hop == NULL; i++) {
        if (address_equal(&hops[i].gateway, &ask->route.gateway))
            *ret_hop = &hops[i];
    }
    return *ret_hop != NULL;
}

static bool is_route(const struct file_ask *ask, const struct route *route,
                     const struct hop **ret_hop)
{
    return route->protocol == RTPROT_STATIC && !route->clone && !route->expires &&
           route->nexthop_id == 0 && has_key(ask, route) && find_hop(ask, route, ret_hop);
}

static bool has_mtu(const struct file_asks *asks, const struct file_ask *ask,
                    const struct route *route)
{
    return asks->any_mtu || route->mtu == ask->route.mtu;
}

static bool may_be_moved(const struct file_ask *ask, const struct route *route)
{
    return route->destination.address.family == FAMILY_IPV6 && route->mtu != 0 &&
           ask->route.mtu != 0;
}

static bool same_or_any(const struct prefix *asked, const struct prefix *there)
{
    return asked->len == there->len && (asked->len == 0 || prefix_equal(asked, there));
}

/* What no file can ask for. */
static bool is_plain(const struct rule *rule)
{
    return rule->action == FR_ACT_TO_TBL && rule->protocol == RTPROT_STATIC && rule->tos == 0 &&
           rule->ip_proto == 0 && !rule->invert && !rule->l3mdev && rule->tun_id == 0 &&
           rule->uid_first == 0 && rule->uid_last == UINT32_MAX && rule->sport_first == 0 &&
           rule->dport_first == 0 && rule->suppress_ifgroup < 0 && rule->unknown == 0;
}

static bool has_family(const struct file_ask *ask, const struct rule *rule)
{
    const struct prefix *named =
        ask->rule.source.address.family != FAMILY_NONE ? &ask->rule.source : &ask->rule.destination;

    return named->address.family == FAMILY_NONE || named->address.family == rule->family;
}

static bool is_rule(const struct file_ask *ask, const struct rule *rule)
{
    return is_plain(rule) && has_family(ask, rule) && rule->table == ask->rule.table &&
           (!ask->rule.has_priority || rule->priority == ask->rule.priority) &&
           rule->mark == ask->rule.mark && rule->mask == ask->rule.mask &&
           rule->suppress_prefixlength == ask->rule.suppress_prefixlength &&
           text_equal(rule->iif, ask->rule.iif) && text_equal(rule->oif, ask->rule.oif) &&
           same_or_any(&ask->rule.source, &rule->source) &&
           same_or_any(&ask->rule.destination, &rule->destination);
}

bool file_asks_address(const struct file_asks *asks, const struct link_address *own)
{
    for (size_t i = 0; own->permanent && i < asks->count; i++) {
        if (asks->items[i].kind == FILE_ASK_ADDRESS && is_address(&asks->items[i], own))
            return true;
    }
    return false;
}

bool file_asks_route(const struct file_asks *asks, const struct route *route,
                     const struct hop **ret_hop)
{
    for (size_t i = 0; i < asks->count; i++) {
        const struct file_ask *ask = &asks->items[i];

        if (ask->kind == FILE_ASK_ROUTE && has_mtu(asks, ask, route) &&
            is_route(ask, route, ret_hop))
            return true;
    }
    return false;
}

const struct file_ask *file_asks_find_moved(const struct file_asks *asks, const struct route *route,
                                            const struct hop **ret_hop)
{
    for (size_t i = 0; i < asks->count; i++) {
        const struct file_ask *ask = &asks->items[i];

        if (ask->kind == FILE_ASK_ROUTE &&
            (has_mtu(asks, ask, route) || may_be_moved(ask, route)) &&
            is_route(ask, route, ret_hop))
            return ask;
    }
    return NULL;
}

bool file_asks_rule(const struct file_asks *asks, const struct rule *rule)
{
    for (size_t i = 0; i < asks->count; i++) {
        if (asks->items[i].kind == FILE_ASK_RULE && is_rule(&asks->items[i], rule))
            return true;
    }
    return false;
}

static bool is_made(const struct file_asks *asks, const struct file_ask *ask,
                    const struct snapshot *now)
{
    const struct hop *hop;
    bool made = false;

    for (size_t i = 0; ask->kind == FILE_ASK_ADDRESS && i < now->addresses_count; i++)
        made |= is_address(ask, &now->addresses[i]);
    for (size_t i = 0; ask->kind == FILE_ASK_ROUTE && i < now->routes_count; i++)
        made |= has_mtu(asks, ask, &now->routes[i]) && is_route(ask, &now->routes[i], &hop);
    for (size_t i = 0; ask->kind == FILE_ASK_RULE && i < now->rules_count; i++)
        made |= is_rule(ask, &now->rules[i]);
    return made;
}

bool file_asks_are_made(const struct file_asks *asks, const struct snapshot *now)
{
    for (size_t i = 0; i < asks->count; i++) {
        if (!is_made(asks, &asks->items[i], now))
            return false;
    }
    return true;
}

/* ---- the same as another ----------------------------------------------------------------------
 */

static bool is_same_route(const struct file_ask *a, const struct file_ask *b)
{
    return prefix_equal(&a->route.destination, &b->route.destination) &&
           prefix_equal(&a->route.source, &b->route.source) &&
           address_equal(&a->route.gateway, &b->route.gateway) &&
           address_equal(&a->route.prefsrc, &b->route.prefsrc) &&
           a->route.table == b->route.table && a->route.metric == b->route.metric &&
           a->route.has_metric == b->route.has_metric &&
           a->route.is_default == b->route.is_default && a->route.type == b->route.type &&
           a->route.mtu == b->route.mtu;
}

static bool is_same_rule(const struct file_ask *a, const struct file_ask *b)
{
    return prefix_equal(&a->rule.source, &b->rule.source) &&
           prefix_equal(&a->rule.destination, &b->rule.destination) &&
           a->rule.priority == b->rule.priority && a->rule.has_priority == b->rule.has_priority &&
           a->rule.table == b->rule.table && a->rule.mark == b->rule.mark &&
           a->rule.mask == b->rule.mask &&
           a->rule.suppress_prefixlength == b->rule.suppress_prefixlength &&
           text_equal(a->rule.iif, b->rule.iif) && text_equal(a->rule.oif, b->rule.oif);
}

static bool is_same(const struct file_ask *a, const struct file_ask *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case FILE_ASK_ADDRESS:
        return address_equal(&a->address.address, &b->address.address) &&
               a->address.prefix_len == b->address.prefix_len;
    case FILE_ASK_ROUTE:
        return is_same_route(a, b);
    case FILE_ASK_RULE:
        return is_same_rule(a, b);
    }
    return false;
}

bool file_asks_cover(const struct file_asks *had, const struct file_asks *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        size_t k = 0;

        while (k < had->count && !is_same(&had->items[k], &asked->items[i]))
            k++;
        if (k == had->count)
            return false;
    }
    return true;
}
