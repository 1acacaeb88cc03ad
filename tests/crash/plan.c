/*
 * plan: the operations of both changes, from lines, and their manifests.
 */
#include "tests/crash/plan.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/change/manifest.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "tests/crash/networkd.h"
#include "tests/crash/world.h"

const char *const plan_witnesses[PLAN_WITNESSES] = {"office", "other"};

enum { OPERATIONS_ROOM = 16, VALID_S = 1000000 };

/* ---- operations ----------------------------------------------------------------------------- */

struct list {
    uint32_t count;
    struct operation operations[OPERATIONS_ROOM];
};

static struct operation *add(struct list *list, enum operation_kind kind)
{
    struct operation *operation = &list->operations[list->count++];

    memset(operation, 0, sizeof(*operation));
    operation->kind = kind;
    return operation;
}

/* gateway "": on the network itself. */
static struct operation *add_route(struct list *list, const char *prefix, const char *gateway)
{
    struct operation *operation = add(list, OPERATION_ROUTE);
    struct route *route = &operation->route.route;

    text_copy(operation->route.device, sizeof(operation->route.device), "eth0");
    if (!prefix_parse(prefix, &route->destination) ||
        (*gateway != '\0' && !address_parse(gateway, &route->hop.gateway)))
        world_give_up(prefix);
    route->table = RT_TABLE_MAIN;
    route->protocol = OCEANID_PROTOCOL;
    route->scope = *gateway != '\0' ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    route->type = RTN_UNICAST;
    route->hops_count = 1;
    return operation;
}

/* One of both prefixes may be "". */
static struct operation *add_rule(struct list *list, uint32_t priority, const char *from,
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

static void add_sysctl(struct list *list, const char *name, const char *value)
{
    struct sysctl *setting = &add(list, OPERATION_SYSCTL)->sysctl.setting;

    text_copy(setting->name, sizeof(setting->name), name);
    text_copy(setting->value, sizeof(setting->value), value);
}

static void add_exit_node(struct list *list)
{
    struct operation_tailscale *prefs = &add(list, OPERATION_TAILSCALE)->tailscale;

    prefs->set_exit_node = prefs->set_allow_lan_access = prefs->allow_lan_access = true;
    text_copy(prefs->exit_node_id, sizeof(prefs->exit_node_id), "nEXIT");
    text_copy(prefs->exit_node_name, sizeof(prefs->exit_node_name), "tethys");
}

static void add_file(struct list *list, const char *path, const char *content)
{
    struct operation_file *file = &add(list, OPERATION_FILE)->file;

    text_copy(file->path, sizeof(file->path), path);
    text_copy(file->content, sizeof(file->content), content);
}

static void fill_first(struct list *list)
{
    add_rule(list, SHIELD_PRIORITY_TO, "", "198.51.100.7/32");
    add_route(list, "198.18.2.0/24", "203.0.113.2");
    add_route(list, "198.18.3.0/24", "");
    add_rule(list, 4000, "", "198.18.9.0/24");
    add_sysctl(list, "net.ipv4.conf.eth0.rp_filter", "2");
}

static void fill_second(struct list *list)
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

/* ---- manifests ------------------------------------------------------------------------------ */

static void fill_roster(struct manifest *manifest, const struct plans *plans)
{
    struct roster_entry *entry = mem_alloc(1 + PLAN_WITNESSES, sizeof(*entry));

    manifest->roster = entry;
    manifest->roster_count = 1 + PLAN_WITNESSES;
    text_copy(entry[0].name, sizeof(entry[0].name), "subject");
    sign_key_public(plans->guard, &entry[0].guard_key);
    sign_key_public(plans->agent, &entry[0].agent_key);
    for (int i = 0; i < PLAN_WITNESSES; i++) {
        text_copy(entry[1 + i].name, sizeof(entry[1 + i].name), plan_witnesses[i]);
        entry[1 + i].witness_only = true;
        sign_key_public(plans->witness[i], &entry[1 + i].agent_key);
    }
}

static void fill_plan(struct manifest_plan *plan, const struct list *list)
{
    text_copy(plan->node, sizeof(plan->node), "subject");
    plan->operations_count = list->count;
    plan->operations = mem_copy(list->operations, list->count * sizeof(list->operations[0]));
    plan->witnesses_count = plan->quorum = PLAN_WITNESSES;
    for (int i = 0; i < PLAN_WITNESSES; i++)
        text_copy(plan->witnesses[i], sizeof(plan->witnesses[i]), plan_witnesses[i]);
    if (!address_parse("203.0.113.10", &plan->ssh.address))
        world_give_up("address");
    plan->ssh.port = 22;
}

static void make_body(struct plan *plan, const struct plans *plans, const char *name,
                      const struct list *list)
{
    struct manifest manifest = {.soak_s = 1,
                                .lease_s = 10,
                                .period_s = 1,
                                .path_s = 1,
                                .dial_s = 1,
                                .apply_s = 30,
                                .settle_s = 1,
                                .grace_s = 1,
                                .revert_budget_s = 30,
                                .pause_after = PAUSE_FIRST,
                                .stages_count = 1,
                                .plans_count = 1};

    text_copy(manifest.change, sizeof(manifest.change), name);
    text_copy(manifest.reason, sizeof(manifest.reason), "a crash test");
    text_copy(manifest.reference, sizeof(manifest.reference), "test");
    manifest.stages = mem_alloc(1, sizeof(*manifest.stages));
    manifest.stages[0].nodes_count = 1;
    text_copy(manifest.stages[0].nodes[0], NAME_SIZE, "subject");
    manifest.plans = mem_alloc(1, sizeof(*manifest.plans));
    fill_plan(&manifest.plans[0], list);
    fill_roster(&manifest, plans);
    plan->body = wire_encode_manifest(&manifest);
    sign_hash(plan->body.data, plan->body.len, &plan->attempt.body);
    manifest_done(&manifest);
}

static void approve(struct plan *plan, const struct plans *plans)
{
    struct approval approval = {.attempt = plan->attempt, .not_after = clock_unix() + VALID_S};
    struct wire_bytes bare = wire_encode_approval(&approval);

    plan->approval = wire_sign_approval(wire_lend(&bare), plans->approver);
    wire_bytes_done(&bare);
}

static void write_trust(const struct plans *plans, const char *directory)
{
    struct public_key approver;
    char hex[2 * KEY_SIZE + 1];
    char text[1024], path[256];
    struct err err = ERR_INIT;

    sign_key_public(plans->approver, &approver);
    bytes_format_hex(approver.bytes, KEY_SIZE, hex);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 10m\nkeys:\n"
             "  - { name: tester, roles: [approver, operator], key: \"%s\" }\n",
             hex);
    if (!file_join(path, sizeof(path), directory, "trust.yaml", &err) ||
        !file_write(path, text, strlen(text), 0644, &err) ||
        !file_join(path, sizeof(path), directory, "key.pem", &err) ||
        !sign_key_save(plans->guard, path, &err))
        world_give_up(err.text);
}

void plans_make(struct plans *plans, const char *directory)
{
    static const struct {
        const char *name;
        void (*fill_fn)(struct list *list);
    } changes[PLANS] = {{"first", fill_first}, {"second", fill_second}};

    plans->guard = sign_key_generate();
    plans->approver = sign_key_generate();
    plans->agent = sign_key_generate();
    for (int i = 0; i < PLAN_WITNESSES; i++)
        plans->witness[i] = sign_key_generate();
    for (int i = 0; i < PLANS; i++) {
        struct list list = {.count = 0};

        changes[i].fill_fn(&list);
        plans->plan[i].attempt.sequence = (uint64_t)i + 1;
        make_body(&plans->plan[i], plans, changes[i].name, &list);
        approve(&plans->plan[i], plans);
    }
    write_trust(plans, directory);
}
