/*
 * drive_plan: the change that a trial makes, as a manifest.
 */
#include "tests/drive/drive.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

const char *const drive_witness_names[DRIVE_WITNESSES] = {"office", "other"};
const char *const drive_own_check = "database";

/* A host route in the benchmark range (RFC 2544) a number. */
static void fill_route(struct operation *operation, const char *device, unsigned number)
{
    struct route *route = &operation->route.route;
    uint32_t address = htonl(0xc6120000u + number);

    operation->kind = OPERATION_ROUTE;
    text_copy(operation->route.device, sizeof(operation->route.device), device);
    route->destination.address = address_from_bytes(FAMILY_IPV4, (const uint8_t *)&address);
    route->destination.len = 32;
    route->table = RT_TABLE_MAIN;
    route->protocol = OCEANID_PROTOCOL;
    route->scope = RT_SCOPE_LINK;
    route->type = RTN_UNICAST;
    route->hops_count = 1;
}

static void fill_rule(struct operation *operation, uint32_t priority, uint32_t table)
{
    struct rule *rule = &operation->rule.rule;

    operation->kind = OPERATION_RULE;
    operation->shield = true;
    rule->action = FR_ACT_TO_TBL;
    rule->protocol = OCEANID_PROTOCOL;
    rule->priority = priority;
    rule->table = table;
    rule->uid_last = UINT32_MAX;
    rule->suppress_prefixlength = rule->suppress_ifgroup = -1;
}

/* What `protect: [ssh]` compiles to, as far as it matters here. */
static void fill_shield(struct operation *operation, const char *address)
{
    struct rule *rule = &operation->rule.rule;

    fill_rule(operation, SHIELD_PRIORITY_FROM, RT_TABLE_MAIN);
    rule->family = FAMILY_IPV4;
    rule->source.len = 32;
    address_parse(address, &rule->source.address);
}

/* And what a whole `protect` does: replies and ways to, of both families, and each again behind
 * main. */
static const char *const protected[] = {"from 203.0.113.10", "to 10.42.0.0/16",
                                        "from 2001:db8:1::10", "to 2001:db8:42::/56"};
enum { PROTECTED_COUNT = sizeof(protected) / sizeof(protected[0]) };

static uint32_t fill_protected(struct operation *operations)
{
    for (uint32_t i = 0; i < 2 * PROTECTED_COUNT; i++) {
        const char *selector = protected[i % PROTECTED_COUNT];
        bool from = text_starts(selector, "from "), last = i >= PROTECTED_COUNT;
        struct rule *rule = &operations[i].rule.rule;
        struct prefix prefix;

        fill_rule(&operations[i],
                  last   ? SHIELD_PRIORITY_RESCUE
                  : from ? SHIELD_PRIORITY_FROM
                         : SHIELD_PRIORITY_TO,
                  last ? RESCUE_TABLE : RT_TABLE_MAIN);
        if (!prefix_parse(strchr(selector, ' ') + 1, &prefix))
            abort();
        rule->family = prefix.address.family;
        *(from ? &rule->source : &rule->destination) = prefix;
    }
    return 2 * PROTECTED_COUNT;
}

static void fill_exit_node(struct operation *operation, const char *id)
{
    struct operation_tailscale *prefs = &operation->tailscale;

    operation->kind = OPERATION_TAILSCALE;
    prefs->set_exit_node = prefs->set_allow_lan_access = prefs->allow_lan_access = true;
    text_copy(prefs->exit_node_id, sizeof(prefs->exit_node_id), id);
    text_copy(prefs->exit_node_name, sizeof(prefs->exit_node_name), "exit");
}

static void fill_routes(struct manifest_plan *plan, const struct drive_options *options)
{
    for (unsigned i = 0; i < options->routes_count; i++) {
        struct operation *operation = &plan->operations[plan->operations_count++];

        fill_route(operation, options->device, i);
        operation->route.absent = options->removes;
        operation->shield = options->shield;
    }
}

static void fill_file(struct operation *operation, const struct drive_options *options)
{
    struct err err = ERR_INIT;
    uint8_t *content = NULL;
    size_t len;

    operation->kind = OPERATION_FILE;
    operation->file.absent = options->content == NULL;
    text_copy(operation->file.path, sizeof(operation->file.path), options->file);
    if (options->content == NULL)
        return;
    if (file_read(options->content, FILE_CONTENT_SIZE - 1, &content, &len, &err))
        text_copy(operation->file.content, sizeof(operation->file.content), (const char *)content);
    else
        drive_say("refused", err.text); /* and the guard refuses an empty file */
    free(content);
}

static bool fill_address(struct operation_address *to, char *text)
{
    char *slash = strchr(text, '/');
    unsigned long long len;

    if (slash == NULL || !text_parse_u64(slash + 1, 128, &len))
        return false;
    *slash = '\0';
    to->prefix_len = (uint8_t)len;
    return address_parse(text, &to->address);
}

/* "add 192.0.2.9/24 eth1", "remove ...", "link eth1 1400 down", "sysctl NAME VALUE". */
static bool fill_step(struct operation *operation, const char *step, size_t len)
{
    char words[128], first[16], second[64], third[32], fourth[16] = "";
    int count;

    if (len >= sizeof(words))
        return false;
    memcpy(words, step, len);
    words[len] = '\0';
    count = sscanf(words, "%15s %63s %31s %15s", first, second, third, fourth);
    if (count >= 3 && text_equal(first, "link")) {
        operation->kind = OPERATION_LINK;
        text_copy(operation->link.device, DEVICE_SIZE, second);
        operation->link.mtu = (uint32_t)strtoul(third, NULL, 10);
        operation->link.set_up = count == 4;
        operation->link.up = text_equal(fourth, "up");
        return true;
    }
    if (count == 3 && text_equal(first, "sysctl")) {
        operation->kind = OPERATION_SYSCTL;
        text_copy(operation->sysctl.setting.name, sizeof(operation->sysctl.setting.name), second);
        text_copy(operation->sysctl.setting.value, sizeof(operation->sysctl.setting.value), third);
        return true;
    }
    if (count == 3 && text_equal(first, "prefs") && text_equal(second, "accept-routes")) {
        operation->kind = OPERATION_TAILSCALE;
        operation->tailscale.set_accept_routes = true;
        operation->tailscale.accept_routes = text_equal(third, "1");
        return true;
    }
    operation->kind = OPERATION_ADDRESS;
    operation->address.absent = text_equal(first, "remove");
    text_copy(operation->address.device, DEVICE_SIZE, count == 3 ? third : "");
    return count == 3 && fill_address(&operation->address, second);
}

enum { STEPS_MAX = 16 };

/* Returns their number. */
static uint32_t fill_steps(struct operation *operations, const char *also)
{
    uint32_t count = 0;

    while (also != NULL && *also != '\0' && count < STEPS_MAX) {
        size_t len = strcspn(also, ",");

        if (!fill_step(&operations[count++], also, len))
            drive_say("refused", also); /* and the guard refuses half a step */
        also += len + (also[len] == ',');
    }
    return count;
}

static const char *subject_of(const struct drive_options *options)
{
    return options->renames != NULL ? options->renames : "subject";
}

static void fill_flow(struct manifest_plan *plan, const struct drive_options *options)
{
    struct protected_flow *flow = &plan->flows[plan->flows_count++];

    text_copy(flow->name, sizeof(flow->name), "office");
    text_copy(flow->device, sizeof(flow->device), options->device);
    if (!prefix_parse("203.0.113.0/24", &flow->destination))
        abort();
}

/* Critical, and of the node itself. */
static void fill_check(struct manifest_plan *plan)
{
    struct check *check = mem_alloc(1, sizeof(*check));

    plan->checks = check;
    plan->checks_count = 1;
    text_copy(check->name, sizeof(check->name), drive_own_check);
    check->kind = CHECK_TCP;
    check->severity = SEVERITY_CRITICAL;
    text_copy(check->to, sizeof(check->to), "192.0.2.2");
    check->port = 5432;
    check_set_defaults(check);
}

static void fill_operations(struct manifest_plan *plan, const struct drive_options *options)
{
    bool exits = options->exit_node != NULL && options->address != NULL;
    uint32_t *count = &plan->operations_count;

    plan->operations = mem_alloc(options->routes_count + 3 + STEPS_MAX + 2 * PROTECTED_COUNT,
                                 sizeof(*plan->operations));
    if (options->protects)
        *count += fill_protected(plan->operations);
    if (options->address != NULL)
        fill_shield(&plan->operations[(*count)++], options->address);
    if (!exits)
        fill_routes(plan, options);
    *count += fill_steps(&plan->operations[*count], options->also);
    if (exits)
        fill_exit_node(&plan->operations[(*count)++], options->exit_node);
    if (options->file != NULL)
        fill_file(&plan->operations[(*count)++], options);
}

static void fill_plan(struct manifest_plan *plan, const struct drive_options *options)
{
    text_copy(plan->node, sizeof(plan->node), subject_of(options));
    fill_operations(plan, options);
    plan->witnesses_count = DRIVE_WITNESSES;
    for (int i = 0; i < DRIVE_WITNESSES; i++)
        text_copy(plan->witnesses[i], sizeof(plan->witnesses[i]), drive_witness_names[i]);
    plan->quorum = DRIVE_WITNESSES;
    if (options->own_failing)
        fill_check(plan);
    if (options->flows)
        fill_flow(plan, options);
    address_parse("192.0.2.1", &plan->ssh.address);
    plan->ssh.port = 22;
}

static void fill_roster(struct manifest *manifest, const struct drive_keys *keys,
                        const struct drive_options *options)
{
    struct roster_entry *entry = mem_alloc(1 + DRIVE_WITNESSES, sizeof(*entry));

    manifest->roster = entry;
    manifest->roster_count = 1 + DRIVE_WITNESSES;
    text_copy(entry[0].name, sizeof(entry[0].name), subject_of(options));
    entry[0].guard_key = keys->guard;
    sign_key_public(keys->agent, &entry[0].agent_key);
    for (int i = 0; i < DRIVE_WITNESSES; i++) {
        text_copy(entry[1 + i].name, sizeof(entry[1 + i].name), drive_witness_names[i]);
        entry[1 + i].witness_only = true;
        sign_key_public(keys->witness[i], &entry[1 + i].agent_key);
    }
}

void drive_make_manifest(const struct drive_keys *keys, const struct drive_options *options,
                         struct wire_bytes *ret_manifest, struct hash *ret_body)
{
    struct manifest manifest = {.soak_s = options->soak_s,
                                .lease_s = options->lease_s,
                                .period_s = options->period_s,
                                .path_s = 1,
                                .dial_s = 1,
                                .apply_s = 5,
                                .settle_s = 1,
                                .grace_s = 1,
                                .revert_budget_s = 30,
                                .pause_after = PAUSE_FIRST,
                                .stages_count = 1,
                                .plans_count = 1};

    snprintf(manifest.change, sizeof(manifest.change), "drive-%u",
             options->named != 0 ? options->named : options->sequence);
    text_copy(manifest.reason, sizeof(manifest.reason), "a test of the guard alone");
    text_copy(manifest.reference, sizeof(manifest.reference), "test");
    manifest.stages = mem_alloc(1, sizeof(*manifest.stages));
    manifest.stages[0].nodes_count = 1;
    text_copy(manifest.stages[0].nodes[0], NAME_SIZE, subject_of(options));
    manifest.plans = mem_alloc(1, sizeof(*manifest.plans));
    fill_plan(&manifest.plans[0], options);
    fill_roster(&manifest, keys, options);
    *ret_manifest = wire_encode_manifest(&manifest);
    sign_hash(ret_manifest->data, ret_manifest->len, ret_body);
    manifest_done(&manifest);
}
