/*
 * fleet_file: what fleet.yaml says of one node: its entry, its checks, who its SSH is open to.
 */
#include "common/change/change.h"

#include <stdio.h>

#include "common/core/text.h"

const struct fleet_node *fleet_file_find(const struct fleet_file *fleet, const char *name)
{
    for (uint32_t i = 0; i < fleet->nodes_count; i++) {
        if (text_equal(fleet->nodes[i].name, name))
            return &fleet->nodes[i];
    }
    return NULL;
}

enum audience fleet_file_audience(const struct address *address)
{
    static const struct {
        const char *prefix;
        enum audience audience;
    } table[] = {
        {"100.64.0.0/10", AUDIENCE_TAILNET},    {"fd7a:115c:a1e0::/48", AUDIENCE_TAILNET},
        {"10.0.0.0/8", AUDIENCE_CONNECTED},     {"172.16.0.0/12", AUDIENCE_CONNECTED},
        {"192.168.0.0/16", AUDIENCE_CONNECTED}, {"169.254.0.0/16", AUDIENCE_CONNECTED},
        {"fc00::/7", AUDIENCE_CONNECTED},       {"fe80::/10", AUDIENCE_CONNECTED},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct prefix prefix;

        if (prefix_parse(table[i].prefix, &prefix) && prefix_contains(&prefix, address))
            return table[i].audience;
    }
    return AUDIENCE_EVERYWHERE;
}

/* Where fleet_file_checks writes. */
struct check_list {
    struct check *checks;
    size_t count, max;
};

static void add_check(struct check_list *list, const struct check *check)
{
    if (list->count < list->max) {
        list->checks[list->count] = *check;
        check_set_defaults(&list->checks[list->count]);
    }
    list->count++;
}

static void add_built_in(struct check_list *list, const char *name, enum check_kind kind,
                         const struct protect_endpoint *to)
{
    struct check check = {.kind = kind, .severity = SEVERITY_CRITICAL, .built_in = true};

    text_copy(check.name, sizeof(check.name), name);
    if (to != NULL) {
        char text[ADDRESS_TEXT_SIZE];

        text_copy(check.to, sizeof(check.to), address_format(&to->address, text));
        check.port = to->port;
    }
    add_check(list, &check);
}

/* Everywhere, an uplink answers; behind NAT the node does not even have that address. */
static void add_reply_path(const struct fleet_node *node, struct check_list *list)
{
    struct check check = {.name = "ssh-reply-path",
                          .kind = CHECK_REPLY_PATH,
                          .severity = SEVERITY_CRITICAL,
                          .built_in = true};

    if (address_is_set(&node->ssh.address) &&
        fleet_file_audience(&node->ssh.address) != AUDIENCE_EVERYWHERE)
        check.from = node->ssh.address;
    add_check(list, &check);
}

/* The API server's own host has no path to it that could be lost. */
static void add_built_ins(const struct fleet_file *fleet, const struct fleet_node *node,
                          struct check_list *list)
{
    char name[NAME_SIZE];

    add_reply_path(node, list);
    add_built_in(list, "controller", CHECK_CONTROLLER, NULL);
    for (uint32_t i = 0; i < fleet->cluster.api_servers_count && !node->api_server; i++) {
        snprintf(name, sizeof(name), i == 0 ? "api-server-path" : "api-server-path-%u", i + 1);
        add_built_in(list, name, CHECK_API_SERVER_PATH, &fleet->cluster.api_servers[i]);
    }
}

static bool is_for(const struct fleet_check *check, const char *node)
{
    for (uint32_t i = 0; i < check->nodes_count; i++) {
        if (text_equal(check->nodes[i], node))
            return true;
    }
    return check->nodes_count == 0;
}

size_t fleet_file_checks(const struct fleet_file *fleet, const char *node, struct check *ret_checks,
                         size_t max)
{
    const struct fleet_node *found = fleet_file_find(fleet, node);
    struct check_list list = {ret_checks, 0, max};

    if (found == NULL)
        return 0;
    if (!found->witness_only)
        add_built_ins(fleet, found, &list);
    for (uint32_t i = 0; i < fleet->checks_count; i++) {
        bool named = fleet->checks[i].nodes_count > 0;

        if (is_for(&fleet->checks[i], node) && (named || !found->witness_only))
            add_check(&list, &fleet->checks[i].check);
    }
    return list.count;
}

bool fleet_file_fits(const struct fleet_file *fleet, struct err *err)
{
    for (uint32_t i = 0; i < fleet->nodes_count; i++) {
        const char *node = fleet->nodes[i].name;
        size_t count = fleet_file_checks(fleet, node, NULL, 0);

        if (count > CHECKS_MAX)
            return err_set(err, ERR_LIMIT,
                           "%s has %zu checks with those that every node has: accepted are at most "
                           "%d",
                           node, count, CHECKS_MAX);
    }
    return true;
}
