/*
 * fib: a model of the kernel's routing decision, on a snapshot.
 *
 * Follows net/core/fib_rules.c (fib_rules_lookup), net/ipv4/fib_trie.c (fib_table_lookup) and
 * net/ipv4/fib_rules.c (fib4_rule_match).
 */
#include "common/net/fib.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/net/fib_hop.h"
#include "common/net/fib_match.h"
#include "common/net/fib_table.h"
#include "common/net/fib_usable.h"

struct fib {
    const struct snapshot *snapshot;
    struct fib_table *tables;
    size_t tables_count, tables_capacity;
    const struct rule **rules; /* by family and priority, then as listed */
    size_t rules_count;
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

static int compare_rules(const void *a, const void *b)
{
    const struct rule *left = *(const struct rule *const *)a;
    const struct rule *right = *(const struct rule *const *)b;
    int order = snapshot_compare_rules(left, right);

    return order != 0 ? order : left < right ? -1 : left > right;
}

static void index_rules(struct fib *fib)
{
    fib->rules_count = fib->snapshot->rules_count;
    fib->rules = mem_alloc(fib->rules_count, sizeof(*fib->rules));
    for (size_t i = 0; i < fib->rules_count; i++)
        fib->rules[i] = &fib->snapshot->rules[i];
    if (fib->rules_count > 0)
        qsort(fib->rules, fib->rules_count, sizeof(*fib->rules), compare_rules);
}

struct fib *fib_new(const struct snapshot *snapshot)
{
    struct fib *fib = mem_alloc(1, sizeof(*fib));

    fib->snapshot = snapshot;
    index_rules(fib);
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
    free(fib->rules);
    free(fib);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

/* The first rule of the family that has this priority or a later one. */
static size_t find_rule(const struct fib *fib, uint8_t family, uint32_t priority)
{
    struct rule wanted = {.family = family, .priority = priority};
    size_t low = 0;
    size_t high = fib->rules_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (snapshot_compare_rules(fib->rules[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where a goto leads: forward only; without a rule of that priority it is passed over. */
static size_t follow_goto(const struct fib *fib, const struct rule *rule, size_t next)
{
    size_t target = find_rule(fib, rule->family, rule->goto_priority);
    bool resolved = target < fib->rules_count && fib->rules[target]->family == rule->family &&
                    fib->rules[target]->priority == rule->goto_priority;

    return resolved && target >= next ? target : next;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static bool is_asked_for(const struct route *route, const struct flow *flow)
{
    return (route->tos == 0 || route->tos == flow->tos) &&
           fib_match_prefix(&route->source, &flow->source, flow->destination.family);
}

/* What is asked: a flow, and the links of its devices. */
struct question {
    const struct flow *flow;
    uint32_t oif; /* 0: bound to none */
    uint32_t iif; /* 0: locally generated */
};

/* Where the search is, and what it may not look at any more. */
struct search {
    const struct fib *fib;
    const struct fib_table *table;
    const struct question *question;
    bool landed;  /* a prefix was looked into */
    bool passing; /* all of one leaf: entries that begin at `passed` */
    struct address passed;
};

/* IPv6 source routes stand in a tree of their own below the prefix: when none of them takes the
 * packet, the kernel leaves the prefix, also its routes without a source (fib6_node_lookup_1). Not
 * at ::/0, and not on the way back from a longer one (fib6_backtrack). */
static bool is_left(const struct search *search, const struct fib_entry *entry)
{
    const struct route *first = search->table->routes[entry->first];
    bool taken = search->landed || first->source.len == 0 || entry->destination.len == 0;

    for (uint32_t i = 0; i < entry->count && !taken; i++) {
        const struct route *route = search->table->routes[entry->first + i];

        taken = route->source.len > 0 && is_asked_for(route, search->question->flow);
    }
    return !taken;
}

/* The first usable route of one prefix. A nexthop object without a usable hop ends the whole leaf
 * of the trie (fib_table_lookup, `goto miss`): all prefixes that begin at the same address. */
static const struct route *search_ipv4(struct search *search, const struct fib_entry *entry,
                                       const struct hop **ret_hop)
{
    for (uint32_t i = 0; i < entry->count; i++) {
        const struct route *route = search->table->routes[entry->first + i];

        if (!is_asked_for(route, search->question->flow))
            continue;
        *ret_hop = fib_usable_hop(search->fib->snapshot, route, search->question->oif);
        if (fib_usable(search->fib->snapshot, route, search->question->oif, *ret_hop))
            return route;
        if (route->nexthop_id != 0) {
            search->passing = true;
            search->passed = entry->destination.address;
            break;
        }
    }
    return NULL;
}

/* Of usable routes of one source, find_rr_leaf takes the one that rt6_score_route likes best, and
 * of equal ones the first: of those of the lowest metric, and when none of them is usable, of all
 * others, whichever their metric. That a neighbour does not answer is not seen here. */
static const struct route *search_ipv6(struct search *search, const struct fib_entry *entry,
                                       const struct hop **ret_hop)
{
    const struct snapshot *snapshot = search->fib->snapshot;
    const struct route *first = NULL;
    const struct route *best = NULL;
    int liked = -1;

    for (uint32_t i = 0; i < entry->count; i++) {
        const struct route *route = search->table->routes[entry->first + i];
        const struct hop *hop = fib_usable_hop(snapshot, route, search->question->oif);
        int score = fib_usable_score(snapshot, route, search->question->iif);

        if (!is_asked_for(route, search->question->flow))
            continue;
        if (first == NULL || (best == NULL && route->source.len != first->source.len))
            first = route;
        if (route->source.len != first->source.len ||
            (best != NULL && best->metric == first->metric && route->metric != best->metric))
            break;
        if (fib_usable_is_blackhole(snapshot, route)) {
            *ret_hop = NULL;
            return route; /* whatever was found before: __find_rr_leaf */
        }
        if (score > liked && fib_usable(snapshot, route, search->question->oif, hop)) {
            liked = score;
            best = route;
            *ret_hop = hop;
        }
    }
    return best;
}

/* The first usable route of the longest prefix, else of the prefixes around it. */
static const struct route *find_route(struct search *search, const struct hop **ret_hop)
{
    const struct fib_table *table = search->table;
    int64_t at = fib_table_find(table, &search->question->flow->destination);

    for (; at >= 0; at = table->entries[at].parent) {
        const struct fib_entry *entry = &table->entries[at];
        const struct route *route;

        if ((search->passing && address_equal(&entry->destination.address, &search->passed)) ||
            is_left(search, entry))
            continue;
        search->landed = true;
        route = table->family == FAMILY_IPV4 ? search_ipv4(search, entry, ret_hop)
                                             : search_ipv6(search, entry, ret_hop);
        if (route != NULL)
            return route;
    }
    return NULL;
}

static enum fib_outcome outcome_of(const struct fib *fib, const struct route *route)
{
    switch (route->type) {
    case RTN_LOCAL:
    case RTN_BROADCAST:
    case RTN_ANYCAST:
        return FIB_LOCAL;
    case RTN_BLACKHOLE:
        return FIB_BLACKHOLE;
    case RTN_UNREACHABLE:
        return FIB_UNREACHABLE;
    case RTN_PROHIBIT:
        return FIB_PROHIBIT;
    default:
        return fib_usable_is_blackhole(fib->snapshot, route) ? FIB_BLACKHOLE : FIB_FORWARD;
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

/* ---- the decision -----------------------------------------------------------------------------
 */

static bool leave_unknown(struct fib_decision *ret_decision)
{
    ret_decision->outcome = FIB_UNKNOWN;
    ret_decision->special = true;
    return true;
}

/* One rule that looks a table up. True when it decided. */
static bool look_up_table(const struct fib *fib, const struct rule *rule,
                          const struct question *question, struct fib_decision *ret_decision)
{
    struct search search = {
        .fib = fib, .table = find_table(fib, rule->family, rule->table), .question = question};
    const struct hop *hop = NULL;
    const struct route *route = search.table != NULL ? find_route(&search, &hop) : NULL;
    enum fib_suppressed suppressed = FIB_SUPPRESSED_NO;
    enum fib_outcome outcome;

    if (route == NULL)
        return false;
    if (route->destination.len > 0)
        ret_decision->special = true; /* also by a throw: others go another way */
    if (route->type == RTN_THROW)
        return false;
    outcome = outcome_of(fib, route);
    if (outcome == FIB_FORWARD || outcome == FIB_LOCAL) /* a refusal is never suppressed */
        suppressed = fib_hop_suppressed(fib->snapshot, rule, route, hop);
    if (suppressed == FIB_SUPPRESSED_UNKNOWN)
        return leave_unknown(ret_decision);
    if (suppressed == FIB_SUPPRESSED_YES)
        return false;
    ret_decision->outcome = outcome;
    ret_decision->route = route;
    ret_decision->hop = hop;
    return true;
}

/* True when the rule decided. */
static bool follow_rule(const struct fib *fib, const struct rule *rule,
                        const struct question *question, struct fib_decision *ret_decision)
{
    switch (rule->action) {
    case FR_ACT_TO_TBL:
        return look_up_table(fib, rule, question, ret_decision);
    case FR_ACT_BLACKHOLE:
        ret_decision->outcome = FIB_BLACKHOLE;
        return true;
    case FR_ACT_UNREACHABLE:
        ret_decision->outcome = FIB_UNREACHABLE;
        return true;
    case FR_ACT_PROHIBIT:
        ret_decision->outcome = FIB_PROHIBIT;
        return true;
    case FR_ACT_NOP:
        return false;
    default:
        return leave_unknown(ret_decision);
    }
}

/* 0 for none, and an index that nobody has for a device that is not there. */
static uint32_t find_link(const struct snapshot *snapshot, const char *name)
{
    const struct link *device = name[0] != '\0' ? snapshot_find_device(snapshot, name) : NULL;

    if (name[0] == '\0')
        return 0;
    return device != NULL ? device->index : UINT32_MAX;
}

/* Bound to a device that is down, IPv4 finds nothing, nor its own addresses
 * (ip_route_output_key_hash_rcu). */
static uint32_t find_oif(const struct snapshot *snapshot, const struct flow *flow)
{
    uint32_t index = find_link(snapshot, flow->oif);
    const struct link *device = index != 0 ? snapshot_find_link(snapshot, index) : NULL;
    bool is_down = device != NULL && !device->up && flow->destination.family == FAMILY_IPV4;

    return is_down ? UINT32_MAX : index;
}

static uint32_t find_iif(const struct snapshot *snapshot, const struct flow *flow)
{
    return text_equal(flow->iif, "lo") ? 0 : find_link(snapshot, flow->iif);
}

/* A lookup on its way through the rules. */
struct walk {
    const struct fib *fib;
    struct question question;
    size_t next;
    struct fib_decision perhaps; /* by the first rule that may or may not take the packet */
};

static bool leads_the_same(const struct fib_decision *a, const struct fib_decision *b)
{
    return a->outcome == b->outcome && a->route == b->route && a->hop == b->hop;
}

/* A rule with an attribute that we do not know, whose other selectors take the packet. True when it
 * decided: nobody can say where it goes. */
static bool may_follow_rule(struct walk *walk, const struct rule *rule,
                            struct fib_decision *ret_decision)
{
    struct fib_decision would = {.rule = rule};
    bool jumps =
        rule->action == FR_ACT_GOTO && follow_goto(walk->fib, rule, walk->next) != walk->next;
    bool decides =
        rule->action != FR_ACT_GOTO && follow_rule(walk->fib, rule, &walk->question, &would);

    ret_decision->special |= would.special;
    if (!jumps && !decides)
        return false; /* the next one it is, both ways */
    if (decides && walk->perhaps.rule == NULL) {
        walk->perhaps = would;
        return false;
    }
    if (decides && leads_the_same(&walk->perhaps, &would))
        return false;
    *ret_decision = (struct fib_decision){.outcome = FIB_UNKNOWN, .rule = rule, .special = true};
    return true;
}

/* True when it decided. */
static bool take_rule(struct walk *walk, const struct rule *rule, struct fib_decision *ret_decision)
{
    bool selected = fib_match_rule(rule, walk->question.flow);

    if (selected && rule->destination.len > 0)
        ret_decision->special = true; /* also under "not": others take this rule */
    if (selected && rule->unknown != 0)
        return may_follow_rule(walk, rule, ret_decision);
    if (selected == rule->invert)
        return false;
    if (rule->action == FR_ACT_GOTO) {
        walk->next = follow_goto(walk->fib, rule, walk->next);
        return false;
    }
    ret_decision->rule = rule;
    return follow_rule(walk->fib, rule, &walk->question, ret_decision);
}

/* What may be and what is have to be one. */
static void join(const struct fib_decision *perhaps, struct fib_decision *decision)
{
    if (perhaps->rule != NULL && !leads_the_same(perhaps, decision))
        *decision =
            (struct fib_decision){.outcome = FIB_UNKNOWN, .rule = perhaps->rule, .special = true};
}

void fib_lookup(const struct fib *fib, const struct flow *flow, struct fib_decision *ret_decision)
{
    uint8_t family = flow->destination.family;
    struct walk walk = {.fib = fib,
                        .question = {.flow = flow,
                                     .oif = find_oif(fib->snapshot, flow),
                                     .iif = find_iif(fib->snapshot, flow)},
                        .next = find_rule(fib, family, 0)};
    bool decided = false;

    *ret_decision = (struct fib_decision){.outcome = FIB_UNREACHABLE};
    while (!decided && walk.next < fib->rules_count && fib->rules[walk.next]->family == family) {
        const struct rule *rule = fib->rules[walk.next++];

        decided = take_rule(&walk, rule, ret_decision);
    }
    if (!decided)
        ret_decision->rule = NULL;
    join(&walk.perhaps, ret_decision);
    ret_decision->source = choose_source(fib, flow, ret_decision->route, ret_decision->hop);
}

const struct snapshot *fib_snapshot(const struct fib *fib)
{
    return fib->snapshot;
}
