/*
 * plan_list: the operations of each change, from words.
 */
#include "tests/crash/plan_list.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/crash/networkd.h"
#include "tests/crash/plan.h"
#include "tests/crash/world.h"

static struct operation *add(struct plan_list *list, enum operation_kind kind)
{
    struct operation *operation = &list->operations[list->count++];

    if (list->count > PLAN_OPERATIONS_MAX)
        world_give_up("raise PLAN_OPERATIONS_MAX");
    memset(operation, 0, sizeof(*operation));
    operation->kind = kind;
    return operation;
}

/* ---- routes, rules, settings, preferences, files ---------------------------------------------
 */

static struct route *add_bare_route(struct plan_list *list, const char *prefix)
{
    struct route *route = &add(list, OPERATION_ROUTE)->route.route;

    if (!prefix_parse(prefix, &route->destination))
        world_give_up(prefix);
    route->table = RT_TABLE_MAIN;
    route->protocol = OCEANID_PROTOCOL;
    route->type = RTN_UNICAST;
    return route;
}

/* gateway "": on the network itself. */
static struct operation *add_route(struct plan_list *list, const char *prefix, const char *gateway)
{
    struct route *route = add_bare_route(list, prefix);
    struct operation *operation = &list->operations[list->count - 1];

    text_copy(operation->route.device, sizeof(operation->route.device), "eth0");
    if (*gateway != '\0' && !address_parse(gateway, &route->hop.gateway))
        world_give_up(gateway);
    route->scope = *gateway != '\0' ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route->hops_count = 1;
    return operation;
}

/* One of both prefixes may be "". */
static struct operation *add_rule(struct plan_list *list, uint32_t priority, const char *from,
                                  const char *to)
{
    struct operation *operation = add(list, OPERATION_RULE);
    struct rule *rule = &operation->rule.rule;

    if ((*from != '\0' && !prefix_parse(from, &rule->source)) ||
        (*to != '\0' && !prefix_parse(to, &rule->destination)))
        world_give_up(from);
    rule->family =
        rule->source.len > 0 ? rule->source.address.family : rule->destination.address.family;
    rule->action = FR_ACT_TO_TBL;
    rule->protocol = OCEANID_PROTOCOL;
    rule->priority = priority;
    rule->table = priority >= SHIELD_PRIORITY_FROM ? RT_TABLE_MAIN : 100;
    rule->uid_last = UINT32_MAX;
    rule->suppress_prefixlength = rule->suppress_ifgroup = -1;
    operation->shield = priority >= SHIELD_PRIORITY_FROM;
    return operation;
}

static void add_sysctl(struct plan_list *list, const char *name, const char *value)
{
    struct sysctl *setting = &add(list, OPERATION_SYSCTL)->sysctl.setting;

    text_copy(setting->name, sizeof(setting->name), name);
    text_copy(setting->value, sizeof(setting->value), value);
}

static void add_exit_node(struct plan_list *list)
{
    struct operation_tailscale *prefs = &add(list, OPERATION_TAILSCALE)->tailscale;

    prefs->set_exit_node = prefs->set_allow_lan_access = prefs->allow_lan_access = true;
    text_copy(prefs->exit_node_id, sizeof(prefs->exit_node_id), "nEXIT");
    text_copy(prefs->exit_node_name, sizeof(prefs->exit_node_name), "tethys");
}

static void add_file(struct plan_list *list, const char *path, const char *content)
{
    struct operation_file *file = &add(list, OPERATION_FILE)->file;

    text_copy(file->path, sizeof(file->path), path);
    text_copy(file->content, sizeof(file->content), content);
}

/* ---- addresses, links, nexthop objects --------------------------------------------------------
 */

static struct operation_address *add_address(struct plan_list *list, const char *device,
                                             const char *text)
{
    struct operation_address *own = &add(list, OPERATION_ADDRESS)->address;
    struct prefix prefix;
    char host[ADDRESS_TEXT_SIZE];

    text_copy(own->device, sizeof(own->device), device);
    text_copy(host, sizeof(host), text);
    host[strcspn(host, "/")] = '\0';
    if (!prefix_parse(text, &prefix) || !address_parse(host, &own->address))
        world_give_up(text);
    own->prefix_len = prefix.len;
    return own;
}

static struct operation_link *add_link(struct plan_list *list, const char *device, uint32_t mtu)
{
    struct operation_link *link = &add(list, OPERATION_LINK)->link;

    text_copy(link->device, sizeof(link->device), device);
    link->mtu = mtu;
    return link;
}

static struct operation_nexthop *add_nexthop(struct plan_list *list, uint32_t id)
{
    struct operation_nexthop *object = &add(list, OPERATION_NEXTHOP)->nexthop;

    object->nexthop.id = id;
    return object;
}

static void add_hop(struct plan_list *list, uint32_t id, const char *device, const char *gateway)
{
    struct operation_nexthop *object = add_nexthop(list, id);

    text_copy(object->device, sizeof(object->device), device);
    object->nexthop.family = FAMILY_IPV4;
    if (!address_parse(gateway, &object->nexthop.hop.gateway))
        world_give_up(gateway);
}

static void add_group(struct plan_list *list, uint32_t id, uint32_t one, uint32_t other)
{
    struct operation_nexthop *group = add_nexthop(list, id);

    group->nexthop.group = true;
    group->members_count = 2;
    group->members[0].id = one;
    group->members[1].id = other;
    group->members[0].weight = group->members[1].weight = 1;
}

static struct operation *add_route_by(struct plan_list *list, const char *prefix, uint32_t id)
{
    add_bare_route(list, prefix)->nexthop_id = id;
    return &list->operations[list->count - 1];
}

static void add_route_by_link(struct plan_list *list, const char *prefix, uint32_t mtu)
{
    struct operation *operation = add_route(list, prefix, "");

    text_copy(operation->route.device, sizeof(operation->route.device), "eth1");
    operation->route.route.mtu = mtu;
}

/* ---- the changes ------------------------------------------------------------------------------
 */

static void fill_first(struct plan_list *list)
{
    add_rule(list, SHIELD_PRIORITY_TO, "", "198.51.100.7/32");
    add_route(list, "198.18.2.0/24", "203.0.113.2");
    add_route(list, "198.18.3.0/24", "");
    add_rule(list, 4000, "", "198.18.9.0/24");
    add_sysctl(list, "net.ipv4.conf.eth0.rp_filter", "2");
}

static void fill_second(struct plan_list *list)
{
    add_rule(list, SHIELD_PRIORITY_FROM, "203.0.113.10/32", "");
    add_rule(list, SHIELD_PRIORITY_FROM, "2001:db8:1::10/128", "");
    add_file(list, NETWORKD_PATH, NETWORKD_CONTENT);
    add_file(list, NETWORKD_OLD_PATH,
             NETWORKD_NEW_CONTENT); /* there is one, with another content */
    add_route(list, "198.18.1.0/24", "203.0.113.1");
    add_route(list, "198.18.2.0/24", "203.0.113.3"); /* the first has it by another gateway */
    add_route(list, "198.18.3.0/24", "")->route.absent = true;
    add_route(list, "2001:db8:9::/48", "2001:db8:1::1");
    add_rule(list, 4000, "", "198.18.9.0/24")->rule.absent = true;
    add_rule(list, 4001, "198.18.8.0/24", "");
    add_sysctl(list, "net.ipv4.ip_forward", "1"); /* and that of every device */
    add_exit_node(list);
}

static void fill_links_first(struct plan_list *list)
{
    add_hop(list, 20, "eth0", "203.0.113.7");
    add_hop(list, 21, "eth0", "203.0.113.8");
    add_group(list, 22, 20, 21);
    add_route_by(list, "198.18.4.0/24", 22);
    add_route_by_link(list, "2001:db8:e::/48", 1300);
    add_route_by_link(list, "2001:db8:f::/48", 1450);
    add_address(list, "eth1", "198.51.100.5/24");
    add_link(list, "eth2", 1400);
}

/* The primary address of eth1 takes its secondary and others' routes along, its mtu the MTU of IPv6
 * routes; the last address of eth2, its mtu and its going down take others' routes, IPv6 and
 * nexthop objects. */
static void fill_links_second(struct plan_list *list)
{
    add_address(list, "eth1", "192.0.2.10/24")->absent = true;
    add_address(list, "eth1", "198.51.100.9/24");
    add_address(list, "eth1", "2001:db8:9::1/64");
    add_link(list, "eth1", 1400);
    add_route_by_link(list, "2001:db8:e::/48", 1350);
    add_route_by(list, "198.18.4.0/24", 22)->route.absent = true;
    add_nexthop(list, 22)->absent = true;
    add_hop(list, 20, "eth0", "203.0.113.9"); /* the first has it by another gateway */
    add_hop(list, 23, "eth1", "198.51.100.1");
    add_route_by(list, "198.18.5.0/24", 23);
    add_address(list, "eth2", "10.9.0.1/24")->absent = true;
    add_link(list, "eth2", 1200);
    add_link(list, "eth2", 0)->set_up = true; /* down */
}

typedef void fill_fn(struct plan_list *list);

void plan_list_fill(int plan, struct plan_list *ret_list)
{
    static fill_fn *const fill_fns[PLANS] = {
        [PLAN_FIRST] = fill_first,
        [PLAN_SECOND] = fill_second,
        [PLAN_LINKS_FIRST] = fill_links_first,
        [PLAN_LINKS_SECOND] = fill_links_second,
    };

    ret_list->count = 0;
    fill_fns[plan](ret_list);
}
