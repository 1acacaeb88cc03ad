/*
 * fib: a model of the kernel's routing decision, on a snapshot.
 *
 * Follows net/core/fib_rules.c (fib_rules_lookup), net/ipv4/fib_trie.c (fib_table_lookup) and
 * net/ipv4/fib_rules.c (fib4_rule_match, fib4_rule_suppress).
 */
#include "common/net/fib.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/net/fib_table.h"

struct fib {
    const struct snapshot *snapshot;
    struct fib_table *tables;
    size_t tables_count, tables_capacity;
};

static struct fib_table *find_table(const struct fib *fib, uint8_t family, uint32_t id)
{
    for (size_t i = 0; i < fib->tables_count; i++) {
        if (fib->tables[i].id == id && fib->tables[i].family == family)
            return &fib->tables[i];
    }
    return NULL;
}

static struct fib_table *need_table(struct fib *fib, uint8_t family, uint32_t id)
{
    struct fib_table *table = find_table(fib, family, id);

    if (table != NULL)
        return table;
    fib->tables = mem_grow(fib->tables, fib->tables_count, &fib->tables_capacity, sizeof(*table));
    table = &fib->tables[fib->tables_count++];
    *table = (struct fib_table){.family = family, .id = id};
    return table;
}

struct fib *fib_new(const struct snapshot *snapshot)
{
    struct fib *fib = mem_alloc(1, sizeof(*fib));

    fib->snapshot = snapshot;
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];
        struct fib_table *table;

        if (route->clone)
            continue;
        table = need_table(fib, route->destination.address.family, route->table);
        table->routes = mem_grow(table->routes, table->routes_count, &table->routes_capacity,
                                 sizeof(const struct route *));
        table->routes[table->routes_count++] = route;
    }
    for (size_t i = 0; i < fib->tables_count; i++)
        fib_table_index(&fib->tables[i]);
    return fib;
}

void fib_free(struct fib *fib)
{
    if (fib == NULL)
        return;
    for (size_t i = 0; i < fib->tables_count; i++)
        fib_table_done(&fib->tables[i]);
    free(fib->tables);
    free(fib);
}

/* ---- rules ------------------------------------------------------------------------------------ */

static bool in_range(uint16_t first, uint16_t last, uint16_t port)
{
    return (first == 0 && last == 0) || (port >= first && port <= last);
}

/* A selector of length 0 takes all; an address that is not set compares as zero. */
static bool prefix_takes(const struct prefix *selector, const struct address *address,
                         uint8_t family)
{
    struct address zero = {.family = family};

    if (selector->len == 0)
        return true;
    return prefix_contains(selector, address_is_set(address) ? address : &zero);
}

static bool selectors_match(const struct rule *rule, const struct flow *flow)
{
    const char *iif = flow->iif[0] != '\0' ? flow->iif : "lo"; /* local output: loopback */
    uint8_t family = rule->family;

    if (rule->iif[0] != '\0' && !text_equal(rule->iif, iif))
        return false;
    if (rule->oif[0] != '\0' && !text_equal(rule->oif, flow->oif))
        return false;
    if (((rule->mark ^ flow->mark) & rule->mask) != 0)
        return false;
    if (flow->uid < rule->uid_first || flow->uid > rule->uid_last)
        return false;
    if (rule->tos != 0 && rule->tos != flow->tos)
        return false;
    if (rule->ip_proto != 0 && rule->ip_proto != flow->ip_proto)
        return false;
    return in_range(rule->sport_first, rule->sport_last, flow->sport) &&
           in_range(rule->dport_first, rule->dport_last, flow->dport) &&
           prefix_takes(&rule->source, &flow->source, family) &&
           prefix_takes(&rule->destination, &flow->destination, family);
}

static bool rule_matches(const struct rule *rule, const struct flow *flow)
{
    return selectors_match(rule, flow) != rule->invert;
}

/* ---- routes ----------------------------------------------------------------------------------- */

/* The hop that would be used: the first that is alive and on the device that is asked for. */
static const struct hop *choose_hop(const struct fib *fib, const struct route *route, uint32_t oif)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;
    uint32_t count = route->hops_count;

    if (route->nexthop_id != 0) {
        const struct nexthop *nexthop = snapshot_find_nexthop(fib->snapshot, route->nexthop_id);

        if (nexthop != NULL && nexthop->group && nexthop->members_count > 0)
            nexthop = snapshot_find_nexthop(fib->snapshot, nexthop->members[0].id);
        if (nexthop != NULL) {
            hops = &nexthop->hop;
            count = 1;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!hops[i].dead && (oif == 0 || hops[i].link == oif))
            return &hops[i];
    }
    return NULL;
}

static bool needs_hop(uint8_t type)
{
    return type == RTN_UNICAST || type == RTN_MULTICAST || type == RTN_ANYCAST;
}

/* The first usable route of the longest prefix, else of the prefixes around it. */
static const struct route *find_route(const struct fib *fib, const struct fib_table *table,
                                      const struct flow *flow, uint32_t oif,
                                      const struct hop **ret_hop)
{
    int64_t at = fib_table_find(table, &flow->destination);

    for (; at >= 0; at = table->entries[at].parent) {
        const struct fib_entry *entry = &table->entries[at];

        for (uint32_t i = 0; i < entry->count; i++) {
            const struct route *route = table->routes[entry->first + i];

            if (route->tos != 0 && route->tos != flow->tos)
                continue;
            if (!prefix_takes(&route->source, &flow->source, table->family))
                continue;
            *ret_hop = choose_hop(fib, route, oif);
            if (*ret_hop != NULL || !needs_hop(route->type))
                return route;
        }
    }
    return NULL;
}

static enum fib_outcome outcome_of(uint8_t type)
{
    switch (type) {
    case RTN_LOCAL:
    case RTN_BROADCAST:
        return FIB_LOCAL;
    case RTN_BLACKHOLE:
        return FIB_BLACKHOLE;
    case RTN_UNREACHABLE:
        return FIB_UNREACHABLE;
    case RTN_PROHIBIT:
        return FIB_PROHIBIT;
    default:
        return FIB_FORWARD;
    }
}

/* The route's own, else the link's first address of the family, in the gateway's network first. */
static struct address choose_source(const struct fib *fib, const struct flow *flow,
                                    const struct route *route, const struct hop *hop)
{
    struct address best = {.family = FAMILY_NONE};

    if (address_is_set(&flow->source))
        return flow->source;
    if (route == NULL || address_is_set(&route->prefsrc) || hop == NULL)
        return route == NULL ? best : route->prefsrc;
    for (size_t i = 0; i < fib->snapshot->addresses_count; i++) {
        const struct link_address *own = &fib->snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);

        if (own->link != hop->link || own->secondary ||
            own->address.family != flow->destination.family)
            continue;
        if (address_is_set(&hop->gateway) && prefix_contains(&network, &hop->gateway))
            return own->address;
        if (!address_is_set(&best))
            best = own->address;
    }
    return best;
}

/* ---- the decision ----------------------------------------------------------------------------- */

/* One rule that looks a table up. True when it decided. */
static bool look_up_table(const struct fib *fib, const struct rule *rule, const struct flow *flow,
                          uint32_t oif, struct fib_decision *ret_decision)
{
    const struct fib_table *table = find_table(fib, rule->family, rule->table);
    const struct hop *hop = NULL;
    const struct route *route = table ? find_route(fib, table, flow, oif, &hop) : NULL;

    if (route == NULL)
        return false;
    if (route->destination.len > 0)
        ret_decision->special = true; /* also by a throw: others go another way */
    if (route->type == RTN_THROW)
        return false;
    if (rule->suppress_prefixlength >= 0 && route->destination.len <= rule->suppress_prefixlength)
        return false;
    ret_decision->outcome = outcome_of(route->type);
    ret_decision->route = route;
    ret_decision->hop = hop;
    return true;
}

/* True when the rule decided. */
static bool follow_rule(const struct fib *fib, const struct rule *rule, const struct flow *flow,
                        uint32_t oif, struct fib_decision *ret_decision)
{
    switch (rule->action) {
    case FR_ACT_TO_TBL:
        return look_up_table(fib, rule, flow, oif, ret_decision);
    case FR_ACT_BLACKHOLE:
        ret_decision->outcome = FIB_BLACKHOLE;
        return true;
    case FR_ACT_UNREACHABLE:
        ret_decision->outcome = FIB_UNREACHABLE;
        return true;
    case FR_ACT_PROHIBIT:
        ret_decision->outcome = FIB_PROHIBIT;
        return true;
    default:
        return false;
    }
}

void fib_lookup(const struct fib *fib, const struct flow *flow, struct fib_decision *ret_decision)
{
    const struct snapshot *snapshot = fib->snapshot;
    const struct link *device = snapshot_find_device(snapshot, flow->oif);
    uint32_t oif = device != NULL ? device->index : 0;
    uint32_t skip_to = 0;

    *ret_decision = (struct fib_decision){.outcome = FIB_UNREACHABLE};
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        const struct rule *rule = &snapshot->rules[i];

        if (rule->family != flow->destination.family || rule->priority < skip_to ||
            !rule_matches(rule, flow))
            continue;
        if (rule->action == FR_ACT_GOTO) {
            if (rule->goto_priority > rule->priority)
                skip_to = rule->goto_priority; /* the kernel allows forward jumps only */
            continue;
        }
        if (rule->destination.len > 0 && !rule->invert)
            ret_decision->special = true;
        if (follow_rule(fib, rule, flow, oif, ret_decision)) {
            ret_decision->rule = rule;
            break;
        }
    }
    ret_decision->source =
        choose_source(fib, flow, ret_decision->route, ret_decision->hop);
}

static void explain_route(const struct fib *fib, const struct fib_decision *decision,
                          struct text *out)
{
    static const char *const types[] = {
        [RTN_LOCAL] = "local ",           [RTN_BROADCAST] = "broadcast ",
        [RTN_BLACKHOLE] = "blackhole ",   [RTN_UNREACHABLE] = "unreachable ",
        [RTN_PROHIBIT] = "prohibit ",     [RTN_THROW] = "throw ",
    };
    const struct route *route = decision->route;
    char destination[PREFIX_TEXT_SIZE];
    char gateway[ADDRESS_TEXT_SIZE];

    if (route->type < sizeof(types) / sizeof(types[0]) && types[route->type] != NULL)
        text_add(out, "%s", types[route->type]);
    text_add(out, "%s",
             route->destination.len > 0 ? prefix_format(&route->destination, destination)
                                        : "default");
    if (decision->hop != NULL) {
        const struct link *link = snapshot_find_link(fib->snapshot, decision->hop->link);

        if (address_is_set(&decision->hop->gateway))
            text_add(out, " via %s", address_format(&decision->hop->gateway, gateway));
        if (link != NULL)
            text_add(out, " dev %s", link->name);
        else
            text_add(out, " dev if%u", decision->hop->link);
    }
}

void fib_explain(const struct fib *fib, const struct fib_decision *decision, struct text *out)
{
    static const char *const outcomes[] = {
        [FIB_FORWARD] = "forward",         [FIB_LOCAL] = "local",
        [FIB_UNREACHABLE] = "unreachable", [FIB_PROHIBIT] = "prohibit",
        [FIB_BLACKHOLE] = "blackhole",
    };
    _Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == FIB_OUTCOME_COUNT, "name each");

    if (decision->rule == NULL) {
        text_add(out, "no rule and no route: unreachable");
        return;
    }
    text_add(out, "rule %u", decision->rule->priority);
    if (decision->route == NULL) {
        text_add(out, ": %s", outcomes[decision->outcome]);
        return;
    }
    text_add(out, ", table %u, ", decision->route->table);
    explain_route(fib, decision, out);
}

const struct snapshot *fib_snapshot(const struct fib *fib)
{
    return fib->snapshot;
}
