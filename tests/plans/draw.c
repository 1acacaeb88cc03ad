/*
 * draw: operations, half of them on what is there.
 *
 * What is there is chosen by a number that each object has of itself: leaving another one out does
 * not choose anew.
 */
#include "tests/plans/draw.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/apply_part.h"
#include "common/net/operation_kind.h"
#include "common/net/render.h"
#include "common/net/sever.h"
#include "tests/plans/dump.h"
#include "tests/plans/pool.h"

enum { TRIES = 8 };

/* ---- choosing what is there ----------------------------------------------------------------- */

static uint64_t weigh(uint64_t choice, const char *name)
{
    return pool_stream(choice, name, 0).state;
}

static const struct route *choose_route(struct chance *chance, const struct snapshot *now)
{
    uint64_t choice = chance_next(chance), least = UINT64_MAX;
    const struct route *chosen = NULL;

    for (size_t i = 0; i < now->routes_count; i++) {
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);
        uint64_t weight;

        if (now->routes[i].protocol != OCEANID_PROTOCOL)
            continue;
        render_route(&now->routes[i], now, &text);
        weight = weigh(choice, line);
        if (weight < least)
            chosen = &now->routes[i];
        least = weight < least ? weight : least;
    }
    return chosen;
}

static const struct rule *choose_rule(struct chance *chance, const struct snapshot *now)
{
    uint64_t choice = chance_next(chance), least = UINT64_MAX;
    const struct rule *chosen = NULL;

    for (size_t i = 0; i < now->rules_count; i++) {
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);
        uint64_t weight;

        if (now->rules[i].protocol != OCEANID_PROTOCOL)
            continue;
        render_rule(&now->rules[i], &text);
        weight = weigh(choice, line);
        if (weight < least)
            chosen = &now->rules[i];
        least = weight < least ? weight : least;
    }
    return chosen;
}

static const struct link_address *choose_address(struct chance *chance, const struct snapshot *now)
{
    uint64_t choice = chance_next(chance), least = UINT64_MAX;
    const struct link_address *chosen = NULL;

    for (size_t i = 0; i < now->addresses_count; i++) {
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);
        uint64_t weight;

        render_address(&now->addresses[i], now, &text);
        weight = weigh(choice, line);
        if (weight < least)
            chosen = &now->addresses[i];
        least = weight < least ? weight : least;
    }
    return chosen;
}

/* ---- operations ----------------------------------------------------------------------------- */

static void set_address(const char *text, struct address *ret_address)
{
    char own[POOL_TEXT];

    text_copy(own, sizeof(own), text);
    own[strcspn(own, "/")] = '\0';
    if (!address_parse(own, ret_address))
        dump_give_up(text);
}

static void draw_hop(struct chance *chance, bool ipv6, bool must_gateway, char *device,
                     struct hop *hop)
{
    char gateway[POOL_TEXT];
    unsigned number;

    text_copy(device, DEVICE_SIZE, pool_device(chance, &number));
    pool_gateway(chance, number, ipv6, gateway);
    if (!must_gateway && chance_permille(chance, 300))
        return;
    set_address(gateway, &hop->gateway);
    hop->onlink = chance_permille(chance, 250);
}

static void draw_way(struct chance *chance, bool ipv6, struct operation_route *own)
{
    if (chance_permille(chance, 150)) {
        own->route.nexthop_id =
            chance_permille(chance, 700) ? pool_object(chance) : pool_group(chance);
    } else if (chance_permille(chance, 200)) {
        own->hops_count = 2 + pool_pick(chance, 2);
        for (uint32_t i = 0; i < own->hops_count; i++) {
            draw_hop(chance, ipv6, ipv6, own->hops[i].device, &own->hops[i].hop);
            own->hops[i].hop.weight = (uint8_t)(1 + pool_pick(chance, 3));
        }
    } else {
        draw_hop(chance, ipv6, false, own->device, &own->route.hop);
    }
}

static void draw_route_key(struct chance *chance, bool ipv6, struct route *route)
{
    char to[POOL_TEXT];

    pool_destination(chance, ipv6, to);
    if (!prefix_parse(to, &route->destination))
        dump_give_up(to);
    route->table = pool_table(chance);
    route->metric = pool_metric(chance);
    if (!ipv6 && chance_permille(chance, 60))
        route->tos = 0x10;
}

static void take_route_key(const struct route *from, struct route *route)
{
    route->destination = from->destination;
    route->table = from->table;
    route->metric = from->metric;
    route->tos = from->tos;
}

static void draw_route(struct chance *chance, const struct snapshot *now,
                       struct operation *operation)
{
    static const uint8_t nowhere[] = {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW};
    struct operation_route *own = &operation->route;
    const struct route *there = choose_route(chance, now);
    bool known = chance_permille(chance, 500) && there != NULL, leads, ipv6;
    char source[POOL_TEXT];

    ipv6 = known ? there->destination.address.family == FAMILY_IPV6 : chance_permille(chance, 400);
    if (known)
        take_route_key(there, &own->route);
    else
        draw_route_key(chance, ipv6, &own->route);
    own->route.type = RTN_UNICAST;
    own->absent = chance_permille(chance, known ? 600 : 100);
    if (own->absent)
        return;
    leads = chance_permille(chance, 850);
    if (!leads) {
        own->route.type = nowhere[pool_pick(chance, 4)];
        return;
    }
    draw_way(chance, ipv6, own);
    if (chance_permille(chance, 150))
        own->route.mtu = 1280 + 20 * pool_pick(chance, 12);
    pool_address(chance, pool_pick(chance, 3), ipv6, source);
    if (chance_permille(chance, 150))
        set_address(source, &own->route.prefsrc);
}

static void draw_selectors(struct chance *chance, struct rule *rule, bool from)
{
    bool ipv6 = rule->family == FAMILY_IPV6;
    char text[POOL_TEXT];
    unsigned number;

    pool_destination(chance, ipv6, text);
    if (chance_permille(chance, 400))
        prefix_parse(text, &rule->destination);
    pool_address(chance, pool_pick(chance, 3), ipv6, text);
    text[strcspn(text, "/")] = '\0';
    if (from || chance_permille(chance, 400))
        prefix_parse(text, &rule->source);
    if (chance_permille(chance, 200)) {
        rule->mask = 3;
        rule->mark = pool_pick(chance, 4);
    }
    if (chance_permille(chance, 150))
        text_copy(rule->iif, DEVICE_SIZE, pool_device(chance, &number));
    if (chance_permille(chance, 100))
        text_copy(rule->oif, DEVICE_SIZE, pool_device(chance, &number));
    if (chance_permille(chance, 100)) {
        rule->ip_proto = 6;
        rule->dport_first = rule->dport_last = (uint16_t)(80 + pool_pick(chance, 2));
    }
    if (chance_permille(chance, 80))
        rule->uid_last = 100 + pool_pick(chance, 2);
    if (chance_permille(chance, 80))
        rule->tos = 0x10;
    rule->invert = !from && chance_permille(chance, 80);
}

static void draw_action(struct chance *chance, struct rule *rule)
{
    static const uint8_t actions[] = {FR_ACT_GOTO, FR_ACT_NOP, FR_ACT_BLACKHOLE, FR_ACT_PROHIBIT,
                                      FR_ACT_UNREACHABLE};

    rule->action = actions[pool_pick(chance, 5)];
    rule->table = 0;
    rule->suppress_prefixlength = -1;
    rule->goto_priority = rule->action == FR_ACT_GOTO ? 6000 + pool_pick(chance, 2) : 0;
}

static void draw_rule(struct chance *chance, const struct snapshot *now,
                      struct operation *operation)
{
    const struct rule *there = choose_rule(chance, now);
    struct rule *rule = &operation->rule.rule;
    bool leads;

    operation->rule.absent = there != NULL && chance_permille(chance, 450);
    if (operation->rule.absent) {
        *rule = *there;
        rule->raw = NULL;
        rule->raw_len = 0;
        return;
    }
    rule->family = chance_permille(chance, 400) ? FAMILY_IPV6 : FAMILY_IPV4;
    rule->priority = pool_priority(chance);
    rule->uid_last = UINT32_MAX;
    rule->suppress_prefixlength = chance_permille(chance, 80) ? 0 : -1;
    rule->suppress_ifgroup = -1;
    leads = chance_permille(chance, 800);
    draw_selectors(chance, rule, !leads); /* as host.c has it */
    rule->action = FR_ACT_TO_TBL;
    rule->table = pool_table(chance);
    if (!leads)
        draw_action(chance, rule);
}

static void draw_address(struct chance *chance, const struct snapshot *now,
                         struct operation *operation)
{
    struct operation_address *own = &operation->address;
    const struct link_address *there = choose_address(chance, now);
    char text[POOL_TEXT];
    struct prefix network;
    unsigned number;

    text_copy(own->device, DEVICE_SIZE, pool_device(chance, &number));
    pool_address(chance, number, chance_permille(chance, 400), text);
    own->absent = chance_permille(chance, 550);
    if (own->absent && there != NULL) {
        const struct link *link = snapshot_find_link(now, there->link);

        text_copy(own->device, DEVICE_SIZE, link != NULL ? link->name : "?");
        own->address = there->address;
        own->prefix_len = there->prefix_len;
        return;
    }
    if (!prefix_parse(text, &network))
        dump_give_up(text);
    set_address(text, &own->address);
    own->prefix_len = network.len;
}

static void draw_link(struct chance *chance, const struct snapshot *now,
                      struct operation *operation)
{
    struct operation_link *own = &operation->link;
    unsigned number;

    (void)now;
    text_copy(own->device, DEVICE_SIZE, pool_device(chance, &number));
    if (chance_permille(chance, 600))
        own->mtu = pool_mtu(chance);
    own->set_up = own->mtu == 0 || chance_permille(chance, 150);
    own->up = own->set_up && chance_permille(chance, 500);
}

static void draw_nexthop(struct chance *chance, const struct snapshot *now,
                         struct operation *operation)
{
    struct operation_nexthop *own = &operation->nexthop;
    bool ipv6 = chance_permille(chance, 300);

    (void)now;
    own->nexthop.id = pool_object(chance);
    own->absent = chance_permille(chance, 350);
    own->nexthop.family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
    if (chance_permille(chance, 300)) {
        own->nexthop.id = pool_group(chance);
        own->nexthop.group = !own->absent;
        own->nexthop.family = FAMILY_NONE;
        own->members_count = own->absent ? 0 : 1 + pool_pick(chance, 2);
        for (uint32_t i = 0; i < own->members_count; i++) {
            own->members[i].id = pool_object(chance);
            own->members[i].weight = 1 + pool_pick(chance, 3);
        }
    } else if (chance_permille(chance, 150)) {
        own->nexthop.blackhole = true;
    } else {
        draw_hop(chance, ipv6, false, own->device, &own->nexthop.hop);
    }
}

static void draw_sysctl(struct chance *chance, const struct snapshot *now,
                        struct operation *operation)
{
    struct sysctl *own = &operation->sysctl.setting;
    const char *group, *key;
    uint32_t count = 0;
    unsigned number, most;
    const char *device = pool_device(chance, &number);
    struct text name = TEXT_IN(own->name), value = TEXT_IN(own->value);

    (void)now;
    while (operation_sysctl_setting(count, &group, &key))
        count++;
    operation_sysctl_setting(pool_pick(chance, count), &group, &key);
    most = text_equal(key, "rp_filter") || text_equal(key, "arp_ignore") ||
                   text_equal(key, "arp_announce") || text_equal(key, "accept_ra") ||
                   text_equal(key, "use_tempaddr")
               ? 2
               : 1;
    if (chance_permille(chance, 250))
        device = chance_permille(chance, 500) ? "all" : "default";
    text_add(&name, "%s", group);
    if (key[0] != '\0')
        text_add(&name, "%s.%s", device, key);
    text_add(&value, "%u", pool_pick(chance, most + 1));
}

static void draw_operation(struct chance *chance, const struct snapshot *now,
                           struct operation *ret_operation)
{
    static const struct {
        enum operation_kind kind;
        unsigned weight;
        void (*draw)(struct chance *chance, const struct snapshot *now,
                     struct operation *operation);
    } kinds[] = {
        {OPERATION_ROUTE, 30, draw_route},     {OPERATION_RULE, 12, draw_rule},
        {OPERATION_ADDRESS, 22, draw_address}, {OPERATION_LINK, 14, draw_link},
        {OPERATION_NEXTHOP, 10, draw_nexthop}, {OPERATION_SYSCTL, 12, draw_sysctl},
    };
    unsigned at = pool_pick(chance, 100), i = 0;

    while (at >= kinds[i].weight)
        at -= kinds[i++].weight;
    memset(ret_operation, 0, sizeof(*ret_operation));
    ret_operation->kind = kinds[i].kind;
    kinds[i].draw(chance, now, ret_operation);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static bool is_accepted(const struct operation *operation, struct snapshot *now)
{
    struct err err = ERR_INIT;

    return operation_validate(operation, &err) && sever_check(operation, now, NULL, 0, &err) &&
           operation_check(operation, now, &err) && apply_part_add(operation, now, &err);
}

void draw_plan(uint64_t seed, uint64_t without, struct snapshot *now, struct drawn *ret_drawn)
{
    struct chance chance = pool_stream(seed, "plan", 0);
    uint32_t wanted = 1 + pool_pick(&chance, DRAW_MAX);

    memset(ret_drawn, 0, sizeof(*ret_drawn));
    for (uint32_t i = 0; i < wanted; i++) {
        struct chance own = pool_stream(seed, "operation", i);
        struct operation *operation = &ret_drawn->operations[ret_drawn->count];
        bool found = false;

        if ((without >> i & 1) != 0)
            continue;
        for (unsigned tries = 0; tries < TRIES && !found; tries++) {
            draw_operation(&own, now, operation);
            ret_drawn->tried++;
            found = is_accepted(operation, now);
        }
        if (!found)
            continue;
        ret_drawn->numbers[ret_drawn->count++] = i;
        operation_predict(operation, now);
    }
}
