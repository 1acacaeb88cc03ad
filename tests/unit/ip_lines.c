/*
 * ip_lines: a snapshot from lines that read like the arguments of ip(8).
 */
#include "tests/unit/ip_lines.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

static const struct {
    const char *word;
    uint8_t type;
} types[] = {
    {"unicast", RTN_UNICAST},     {"local", RTN_LOCAL},       {"broadcast", RTN_BROADCAST},
    {"anycast", RTN_ANYCAST},     {"throw", RTN_THROW},       {"unreachable", RTN_UNREACHABLE},
    {"blackhole", RTN_BLACKHOLE}, {"prohibit", RTN_PROHIBIT},
};

static const struct {
    const char *word;
    uint8_t action;
} actions[] = {
    {"unreachable", FR_ACT_UNREACHABLE},
    {"blackhole", FR_ACT_BLACKHOLE},
    {"prohibit", FR_ACT_PROHIBIT},
    {"nop", FR_ACT_NOP},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The words of one line, from left to right. */
struct words {
    char line[512];
    char *rest;
};

static char *next_word(struct words *words)
{
    return strtok_r(NULL, " \t", &words->rest);
}

_Noreturn static void refuse(const char *what, const char *word)
{
    fprintf(stderr, "ip_lines: %s '%s' is not understood\n", what, word != NULL ? word : "");
    abort();
}

static uint32_t next_number(struct words *words)
{
    const char *word = next_word(words);
    char *end = NULL;
    unsigned long value = word != NULL ? strtoul(word, &end, 0) : 0;

    if (end == NULL || *end != '\0')
        refuse("number", word);
    return (uint32_t)value;
}

static struct address next_address(struct words *words)
{
    const char *word = next_word(words);
    struct address address;

    if (word == NULL || !address_parse(word, &address))
        refuse("address", word);
    return address;
}

static struct prefix read_prefix(const char *word)
{
    struct prefix prefix;

    if (word == NULL || !prefix_parse(word, &prefix))
        refuse("prefix", word);
    return prefix;
}

static uint32_t next_table(struct words *words)
{
    const char *word = next_word(words);
    unsigned long long table;

    if (word != NULL && text_equal(word, "main"))
        return RT_TABLE_MAIN;
    if (word != NULL && text_equal(word, "local"))
        return RT_TABLE_LOCAL;
    if (word != NULL && text_equal(word, "default"))
        return RT_TABLE_DEFAULT;
    if (word == NULL || !text_parse_u64(word, UINT32_MAX, &table))
        refuse("table", word);
    return (uint32_t)table;
}

static uint32_t next_device(struct words *words, const struct snapshot *snapshot)
{
    const char *word = next_word(words);
    const struct link *link = word != NULL ? snapshot_find_device(snapshot, word) : NULL;

    if (link == NULL)
        refuse("device", word);
    return link->index;
}

static void add_link(struct snapshot *snapshot, struct words *words)
{
    struct link *link = snapshot_add_link(snapshot);
    const char *word = next_word(words);

    *link = (struct link){.mtu = 1500, .up = true, .carrier = true, .group_known = true};
    text_copy(link->name, sizeof(link->name), word);
    link->index = next_number(words);
    while ((word = next_word(words)) != NULL) {
        if (text_equal(word, "down"))
            link->up = link->carrier = false;
        else if (text_equal(word, "loopback"))
            link->loopback = true;
        else if (text_equal(word, "group"))
            link->group = next_number(words);
        else if (text_equal(word, "group-untold"))
            link->group_known = false;
        else
            refuse("link", word);
    }
}

static void add_kernel_route(struct snapshot *snapshot, const struct link_address *own,
                             uint8_t type, uint8_t len)
{
    struct route *route = snapshot_add_route(snapshot);

    route->destination = prefix_make(&own->address, len);
    route->table = type == RTN_LOCAL ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
    route->type = type;
    route->protocol = RTPROT_KERNEL;
    route->scope = type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK;
    route->hops_count = 1;
    route->hop.link = own->link;
    if (own->address.family == FAMILY_IPV4)
        route->prefsrc = own->address;
    else
        route->metric = type == RTN_LOCAL ? 0 : 256;
}

/* With what the kernel makes of it: the host itself in local, its network in main. */
static void add_address(struct snapshot *snapshot, struct words *words)
{
    struct link_address *own = snapshot_add_address(snapshot);
    char *word = next_word(words);
    struct prefix network = read_prefix(word);
    struct link_address copy;

    *strchr(word, '/') = '\0';
    address_parse(word, &own->address);
    own->prefix_len = network.len;
    own->permanent = true;
    word = next_word(words);
    if (word == NULL || !text_equal(word, "dev"))
        refuse("address", word);
    own->link = next_device(words, snapshot);
    own->scope = network.address.bytes[0] == 0xfe ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    copy = *own;
    add_kernel_route(snapshot, &copy, RTN_LOCAL, (uint8_t)address_bits(copy.address.family));
    if (copy.prefix_len < address_bits(copy.address.family))
        add_kernel_route(snapshot, &copy, RTN_UNICAST, copy.prefix_len);
}

/* "nexthop" begins one more; what follows is its own. */
static struct hop *begin_hop(struct route *route)
{
    if (route->hops == NULL)
        route->hops = mem_alloc(OPERATION_HOPS_MAX, sizeof(*route->hops));
    route->hops[route->hops_count].weight = 1;
    return &route->hops[route->hops_count++];
}

static void read_hop(struct route *route, struct words *words, const char *word,
                     const struct snapshot *snapshot)
{
    struct hop *hop = route->hops != NULL ? &route->hops[route->hops_count - 1] : &route->hop;

    if (text_equal(word, "nexthop")) {
        begin_hop(route);
        return;
    }
    if (route->hops == NULL)
        route->hops_count = 1;
    if (text_equal(word, "via"))
        hop->gateway = next_address(words);
    else if (text_equal(word, "dev"))
        hop->link = next_device(words, snapshot);
    else if (text_equal(word, "weight"))
        hop->weight = (uint8_t)next_number(words);
    else if (text_equal(word, "onlink"))
        hop->onlink = true;
    else if (text_equal(word, "dead"))
        hop->dead = true;
    else
        refuse("route", word);
}

static uint8_t next_preference(struct words *words)
{
    const char *word = next_word(words);

    return text_equal(word, "high")  ? ROUTE_PREFERENCE_HIGH
           : text_equal(word, "low") ? ROUTE_PREFERENCE_LOW
                                     : ROUTE_PREFERENCE_MEDIUM;
}

static void read_route_word(struct route *route, struct words *words, const char *word,
                            const struct snapshot *snapshot)
{
    if (text_equal(word, "table"))
        route->table = next_table(words);
    else if (text_equal(word, "metric"))
        route->metric = next_number(words);
    else if (text_equal(word, "pref"))
        route->preference = next_preference(words);
    else if (text_equal(word, "mtu"))
        route->mtu = next_number(words);
    else if (text_equal(word, "tos"))
        route->tos = (uint8_t)next_number(words);
    else if (text_equal(word, "protocol"))
        route->protocol = (uint8_t)next_number(words);
    else if (text_equal(word, "nhid"))
        route->nexthop_id = next_number(words);
    else if (text_equal(word, "src"))
        route->prefsrc = next_address(words);
    else if (text_equal(word, "from"))
        route->source = read_prefix(next_word(words));
    else
        read_hop(route, words, word, snapshot);
}

static void add_route(struct snapshot *snapshot, struct words *words)
{
    struct route *route = snapshot_add_route(snapshot);
    const char *word = next_word(words);
    bool ipv6 = word != NULL && text_equal(word, "-6");

    if (ipv6)
        word = next_word(words);
    route->type = RTN_UNICAST;
    route->table = RT_TABLE_MAIN;
    route->protocol = RTPROT_STATIC;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (word != NULL && text_equal(word, types[i].word)) {
            route->type = types[i].type;
            word = next_word(words);
        }
    }
    route->destination = read_prefix(word);
    if (ipv6 && route->destination.len == 0)
        route->destination = prefix_default(FAMILY_IPV6);
    while ((word = next_word(words)) != NULL)
        read_route_word(route, words, word, snapshot);
}

static void read_action(struct rule *rule, struct words *words, const char *word)
{
    if (text_equal(word, "lookup")) {
        rule->action = FR_ACT_TO_TBL;
        rule->table = next_table(words);
        return;
    }
    if (text_equal(word, "l3mdev")) {
        rule->action = FR_ACT_TO_TBL;
        rule->l3mdev = true;
        return;
    }
    if (text_equal(word, "action")) {
        rule->action = (uint8_t)next_number(words);
        return;
    }
    if (text_equal(word, "goto")) {
        rule->action = FR_ACT_GOTO;
        rule->goto_priority = next_number(words);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (text_equal(word, actions[i].word)) {
            rule->action = actions[i].action;
            return;
        }
    }
    refuse("rule", word);
}

static void read_mark(struct rule *rule, const char *word)
{
    char *slash = NULL;

    rule->mark = (uint32_t)strtoul(word, &slash, 0);
    rule->mask = *slash == '/' ? (uint32_t)strtoul(slash + 1, NULL, 0) : UINT32_MAX;
}

/* "443" or "6000-6010" */
static void read_ports(struct words *words, uint16_t *ret_first, uint16_t *ret_last)
{
    const char *word = next_word(words);
    char *end = NULL;

    *ret_first = *ret_last = (uint16_t)(word != NULL ? strtoul(word, &end, 10) : 0);
    if (end != NULL && *end == '-')
        *ret_last = (uint16_t)strtoul(end + 1, &end, 10);
    if (end == NULL || *end != '\0')
        refuse("port", word);
}

static bool read_port_word(struct rule *rule, struct words *words, const char *word)
{
    if (text_equal(word, "dport"))
        read_ports(words, &rule->dport_first, &rule->dport_last);
    else if (text_equal(word, "sport"))
        read_ports(words, &rule->sport_first, &rule->sport_last);
    else if (text_equal(word, "ipproto"))
        rule->ip_proto = (uint8_t)next_number(words);
    else if (text_equal(word, "tos"))
        rule->tos = (uint8_t)next_number(words);
    else if (text_equal(word, "tun_id"))
        rule->tun_id = next_number(words);
    else if (text_equal(word, "attribute"))
        rule->unknown = (uint16_t)next_number(words);
    else if (text_equal(word, "suppress_ifgroup"))
        rule->suppress_ifgroup = (int32_t)next_number(words);
    else if (text_equal(word, "uid"))
        rule->uid_first = rule->uid_last = next_number(words);
    else
        return false;
    return true;
}

static void read_rule_word(struct rule *rule, struct words *words, const char *word)
{
    if (text_equal(word, "not"))
        rule->invert = true;
    else if (text_equal(word, "from"))
        rule->source = read_prefix(next_word(words));
    else if (text_equal(word, "to"))
        rule->destination = read_prefix(next_word(words));
    else if (text_equal(word, "fwmark"))
        read_mark(rule, next_word(words));
    else if (text_equal(word, "iif"))
        text_copy(rule->iif, sizeof(rule->iif), next_word(words));
    else if (text_equal(word, "oif"))
        text_copy(rule->oif, sizeof(rule->oif), next_word(words));
    else if (text_equal(word, "protocol"))
        rule->protocol = (uint8_t)next_number(words);
    else if (text_equal(word, "suppress_prefixlength"))
        rule->suppress_prefixlength = (int32_t)next_number(words);
    else if (!read_port_word(rule, words, word))
        read_action(rule, words, word);
}

static void add_rule(struct snapshot *snapshot, struct words *words)
{
    struct rule *rule = snapshot_add_rule(snapshot);
    const char *word;

    rule->family = FAMILY_IPV4;
    rule->priority = next_number(words);
    while ((word = next_word(words)) != NULL) {
        if (text_equal(word, "-6"))
            rule->family = FAMILY_IPV6;
        else
            read_rule_word(rule, words, word);
    }
    if (rule->source.address.family == FAMILY_IPV6 ||
        rule->destination.address.family == FAMILY_IPV6)
        rule->family = FAMILY_IPV6;
    if (rule->source.len == 0)
        rule->source = prefix_default(rule->family);
    if (rule->destination.len == 0)
        rule->destination = prefix_default(rule->family);
}

static void read_members(struct nexthop *nexthop, char *list)
{
    char *rest = NULL;

    nexthop->group = true;
    for (char *id = strtok_r(list, ",", &rest); id != NULL; id = strtok_r(NULL, ",", &rest)) {
        char *weight = strchr(id, '*');

        nexthop->members =
            mem_resize(nexthop->members, nexthop->members_count + 1, sizeof(*nexthop->members));
        nexthop->members[nexthop->members_count++] =
            (struct nexthop_member){(uint32_t)strtoul(id, NULL, 10),
                                    weight != NULL ? (uint32_t)strtoul(weight + 1, NULL, 10) : 1};
    }
}

static void read_gateway(struct nexthop *nexthop, struct words *words)
{
    nexthop->hop.gateway = next_address(words);
    nexthop->family = nexthop->hop.gateway.family;
}

static void add_nexthop(struct snapshot *snapshot, struct words *words)
{
    struct nexthop *nexthop = snapshot_add_nexthop(snapshot);
    const char *word;

    nexthop->id = next_number(words);
    nexthop->family = FAMILY_IPV4;
    nexthop->hop.weight = 1;
    while ((word = next_word(words)) != NULL) {
        if (text_equal(word, "blackhole"))
            nexthop->blackhole = true;
        else if (text_equal(word, "group"))
            read_members(nexthop, next_word(words));
        else if (text_equal(word, "dev"))
            nexthop->hop.link = next_device(words, snapshot);
        else if (text_equal(word, "via"))
            read_gateway(nexthop, words);
        else if (text_equal(word, "onlink"))
            nexthop->hop.onlink = true;
        else if (text_equal(word, "protocol"))
            nexthop->protocol = (uint8_t)next_number(words);
        else if (text_equal(word, "dead"))
            nexthop->hop.dead = true;
        else
            refuse("nexthop", word);
    }
}

static void add_line(struct snapshot *snapshot, struct words *words)
{
    const char *kind = strtok_r(words->line, " \t", &words->rest);

    if (kind == NULL || kind[0] == '#')
        return;
    if (text_equal(kind, "link"))
        add_link(snapshot, words);
    else if (text_equal(kind, "address"))
        add_address(snapshot, words);
    else if (text_equal(kind, "route"))
        add_route(snapshot, words);
    else if (text_equal(kind, "rule"))
        add_rule(snapshot, words);
    else if (text_equal(kind, "nexthop"))
        add_nexthop(snapshot, words);
    else
        refuse("line", kind);
}

void ip_lines_add(struct snapshot *snapshot, const char *lines)
{
    while (*lines != '\0') {
        struct words words = {.rest = NULL};
        size_t len = strcspn(lines, "\n");

        if (len >= sizeof(words.line))
            refuse("long line", lines);
        memcpy(words.line, lines, len);
        add_line(snapshot, &words);
        lines += len + (lines[len] == '\n');
    }
    snapshot_sort(snapshot);
}

static void copy_device(char *to, const struct snapshot *snapshot, uint32_t index)
{
    const struct link *link = snapshot_find_link(snapshot, index);

    if (link != NULL)
        text_copy(to, DEVICE_SIZE, link->name);
}

static void make_route(struct operation *operation, const struct snapshot *snapshot)
{
    const struct route *route = &snapshot->routes[0];

    operation->kind = OPERATION_ROUTE;
    operation->route.route = *route;
    operation->route.route.protocol = 0;
    if (route->hops == NULL) {
        copy_device(operation->route.device, snapshot, route->hop.link);
        return;
    }
    operation->route.hops_count = route->hops_count;
    operation->route.route.hops_count = 0;
    operation->route.route.hops = NULL;
    for (uint32_t i = 0; i < route->hops_count; i++) {
        operation->route.hops[i].hop = route->hops[i];
        copy_device(operation->route.hops[i].device, snapshot, route->hops[i].link);
    }
}

static void make_nexthop(struct operation_nexthop *operation, const struct nexthop *nexthop)
{
    operation->nexthop = *nexthop;
    operation->nexthop.members = NULL;
    operation->nexthop.members_count = 0;
    operation->members_count = nexthop->members_count;
    for (uint32_t i = 0; i < nexthop->members_count && i < OPERATION_MEMBERS_MAX; i++)
        operation->members[i] = nexthop->members[i];
}

struct operation ip_lines_operation(const char *links, const char *line)
{
    struct operation operation = {.kind = OPERATION_RULE};
    struct snapshot snapshot;

    snapshot_init(&snapshot);
    ip_lines_add(&snapshot, links);
    ip_lines_add(&snapshot, line);
    if (snapshot.rules_count > 0) {
        operation.rule.rule = snapshot.rules[0];
    } else if (snapshot.nexthops_count > 0) {
        operation.kind = OPERATION_NEXTHOP;
        make_nexthop(&operation.nexthop, &snapshot.nexthops[0]);
        copy_device(operation.nexthop.device, &snapshot, snapshot.nexthops[0].hop.link);
    } else {
        make_route(&operation, &snapshot);
    }
    snapshot_done(&snapshot);
    return operation;
}

void ip_lines_add_usual_rules(struct snapshot *snapshot)
{
    ip_lines_add(snapshot, "rule 0 lookup local\n"
                           "rule 32766 lookup main\n"
                           "rule 32767 lookup default\n"
                           "rule 0 -6 lookup local\n"
                           "rule 32766 -6 lookup main\n");
}
