/*
 * config_fleet: fleet.yaml: nodes, witnesses, cluster, checks and policy.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config_yaml.h"

enum {
    TIME_MAX_S = 7 * 24 * 3600,
    SSH_PORT = 22,
    ENDPOINTS_MAX =
        sizeof(((struct protect_cluster *)0)->api_servers) / sizeof(struct protect_endpoint),
};

/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; port 0 when it has none. */
static bool parse_endpoint(const yaml_node_t *node, struct protect_endpoint *ret_endpoint)
{
    char host[ADDRESS_TEXT_SIZE];

    return yaml_is_text(node) &&
           yaml_split_port(yaml_text(node), host, sizeof(host), &ret_endpoint->port) &&
           address_parse(host, &ret_endpoint->address);
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

static const struct yaml_key ssh_keys[] = {
    {.name = "address",
     .take_fn = yaml_take_address,
     YAML_FIELD(struct ssh_target, address),
     .needed = true},
    {.name = "port", .take_fn = yaml_take_number, YAML_FIELD(struct ssh_target, port), .min = 1},
    {.name = "host_key",
     .take_fn = yaml_take_line,
     YAML_FIELD(struct ssh_target, host_key),
     .min = 1},
};

/* What reaches it would be somebody else, or the one who looks. NULL: it may be given. */
static const char *why_not_ssh(const struct address *address)
{
    static const struct {
        const char *prefix, *why;
    } rows[] = {
        {"127.0.0.0/8", "loopback, where each reaches itself"},
        {"::1/128", "loopback, where each reaches itself"},
        {"0.0.0.0/8", "nobody's address"},
        {"::/128", "nobody's address"},
        {"224.0.0.0/4", "multicast"},
        {"ff00::/8", "multicast"},
        {"240.0.0.0/4", "reserved"},
        {"169.254.0.0/16", "link-local, another host on each device"},
        {"fe80::/10", "link-local, another host on each device"},
        {"::ffff:0:0/96", "an IPv4 address written as IPv6"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct prefix prefix;

        if (prefix_parse(rows[i].prefix, &prefix) && prefix_contains(&prefix, address))
            return rows[i].why;
    }
    return NULL;
}

static bool check_ssh(struct yaml_file *file, const yaml_node_t *node, const struct ssh_target *ssh)
{
    const char *why = why_not_ssh(&ssh->address);
    char text[ADDRESS_TEXT_SIZE];

    if (why == NULL)
        return true;
    return yaml_refuse(file, node, "`ssh` '%s': %s; accepted is an address that others reach it at",
                       address_format(&ssh->address, text), why);
}

static bool take_ssh(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to)
{
    struct ssh_target *ssh = to;
    struct protect_endpoint endpoint = {.port = 0};

    if (yaml_is_mapping(node)) {
        if (!yaml_read_mapping(file, node, YAML_KEYS(ssh_keys), ssh))
            return false;
    } else if (!parse_endpoint(node, &endpoint)) {
        return yaml_refuse_value(file, key, node,
                                 "accepted is ADDRESS, ADDRESS:PORT or "
                                 "{ address, port, host_key }");
    } else {
        ssh->address = endpoint.address;
        ssh->port = endpoint.port;
    }
    if (ssh->port == 0)
        ssh->port = SSH_PORT;
    ssh->audience = fleet_file_audience(&ssh->address);
    return check_ssh(file, node, ssh);
}

static const struct yaml_key console_keys[] = {
    {.name = "provider",
     .take_fn = yaml_take_name,
     YAML_FIELD(struct fleet_node, console),
     .needed = true},
    {.name = "id", .take_fn = yaml_take_text, YAML_FIELD(struct fleet_node, console_id), .min = 1},
};

static bool take_console(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct fleet_node *entry = to;

    if (yaml_is_mapping(node))
        return yaml_read_mapping(file, node, YAML_KEYS(console_keys), entry);
    if (yaml_is_text(node) && text_equal(yaml_text(node), "physical"))
        return text_copy(entry->console, sizeof(entry->console), "physical");
    return yaml_refuse_value(file, key, node, "accepted are physical and { provider, id }");
}

#define NODE_BOOL(field) .take_fn = yaml_take_bool, YAML_FIELD(struct fleet_node, field)

static const struct yaml_key node_keys[] = {
    {.name = "ssh", .take_fn = take_ssh, YAML_FIELD(struct fleet_node, ssh)},
    {.name = "console", .take_fn = take_console},
    {.name = "first", NODE_BOOL(first)},
    {.name = "protected", NODE_BOOL(is_protected)},
    {.name = "exit-node", NODE_BOOL(exit_node)},
    {.name = "api-server", NODE_BOOL(api_server)},
};

/* Two at one place: who looks at the one may be the other, which reaches itself. */
static bool check_others(struct yaml_file *file, const yaml_node_t *mapping,
                         const struct fleet_file *fleet)
{
    const struct fleet_node *node = &fleet->nodes[fleet->nodes_count];
    char text[ADDRESS_TEXT_SIZE];

    for (uint32_t i = 0; i < fleet->nodes_count; i++) {
        const struct fleet_node *other = &fleet->nodes[i];

        if (address_is_set(&node->ssh.address) && node->ssh.port == other->ssh.port &&
            address_equal(&node->ssh.address, &other->ssh.address))
            return yaml_refuse(file, yaml_find(file, mapping, "ssh"),
                               "`ssh` of %s is that of %s, %s port %u: accepted is one node at an "
                               "address and port",
                               node->name, other->name, address_format(&node->ssh.address, text),
                               node->ssh.port);
        if (node->first && other->first)
            return yaml_refuse(file, yaml_find(file, mapping, "first"),
                               "`first` of %s: %s is first; accepted is one", node->name,
                               other->name);
    }
    return true;
}

/* NAME: { ... }; keys differ between nodes and witnesses. */
static bool add_node(struct yaml_file *file, const yaml_node_t *mapping, size_t i,
                     struct yaml_keys keys, struct fleet_file *fleet)
{
    yaml_node_t *name = yaml_pair_key(file, mapping, i);
    struct fleet_node *node = &fleet->nodes[fleet->nodes_count];
    const struct yaml_key named = {.name = "name"};
    char text[NAME_SIZE];

    if (!yaml_take_name(file, &named, name, text))
        return false;
    if (fleet_file_find(fleet, text) != NULL)
        return yaml_refuse(file, name, "'%s' is a node and a witness: accepted is one of the two",
                           text);
    if (fleet->nodes_count == NODES_MAX)
        return yaml_refuse(file, name, "'%s': accepted are at most %d nodes and witnesses", text,
                           NODES_MAX);
    text_copy(node->name, NAME_SIZE, text);
    if (!yaml_read_mapping(file, yaml_pair_value(file, mapping, i), keys, node) ||
        !check_others(file, yaml_pair_value(file, mapping, i), fleet))
        return false;
    node->is_protected = node->is_protected || node->exit_node || node->api_server;
    fleet->nodes_count++;
    return true;
}

static bool take_nodes(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    if (!yaml_expect_mapping(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        if (!add_node(file, node, i, YAML_KEYS(node_keys), to))
            return false;
    }
    return true;
}

static bool take_witnesses(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                           void *to)
{
    struct fleet_file *fleet = to;

    if (!yaml_expect_mapping(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        if (!add_node(file, node, i, (struct yaml_keys){NULL, 0}, fleet))
            return false;
        fleet->nodes[fleet->nodes_count - 1].witness_only = true;
    }
    return true;
}

/* ---- cluster ----------------------------------------------------------------------------------
 */

static bool read_endpoints(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                           struct protect_endpoint *endpoints, uint32_t *ret_count)
{
    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);

        if (!parse_endpoint(item, &endpoints[i]) || endpoints[i].port == 0)
            return yaml_refuse_value(file, key, item, "accepted is ADDRESS:PORT or [ADDRESS]:PORT");
        ++*ret_count;
    }
    return true;
}

static bool take_api_servers(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                             void *to)
{
    struct protect_cluster *cluster = to;

    return read_endpoints(file, key, node, cluster->api_servers, &cluster->api_servers_count);
}

static bool take_controllers(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                             void *to)
{
    struct protect_cluster *cluster = to;

    return read_endpoints(file, key, node, cluster->controllers, &cluster->controllers_count);
}

/* Length 0 would mean "none" further on. */
static bool take_network(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    const struct prefix *prefix = to;

    if (!yaml_take_prefix(file, key, node, to))
        return false;
    if (prefix->len > 0)
        return true;
    return yaml_refuse_value(file, key, node, "accepted is a network, like 10.42.0.0/16");
}

static const struct yaml_key cluster_keys[] = {
    {.name = "pods", .take_fn = take_network, YAML_FIELD(struct protect_cluster, pods)},
    {.name = "services", .take_fn = take_network, YAML_FIELD(struct protect_cluster, services)},
    {.name = "api-server", .take_fn = take_api_servers, .max = ENDPOINTS_MAX},
    {.name = "controllers", .take_fn = take_controllers, .max = ENDPOINTS_MAX},
};

static bool take_cluster(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    const struct protect_cluster *cluster = to;
    char services[PREFIX_TEXT_SIZE], pods[PREFIX_TEXT_SIZE];

    (void)key;
    if (!yaml_read_mapping(file, node, YAML_KEYS(cluster_keys), to))
        return false;
    if (cluster->pods.len == 0 || cluster->services.len == 0 ||
        (!prefix_covers(&cluster->pods, &cluster->services) &&
         !prefix_covers(&cluster->services, &cluster->pods)))
        return true;
    return yaml_refuse(file, yaml_find(file, node, "services"),
                       "`services` %s and `pods` %s: accepted are networks without an address in "
                       "common",
                       prefix_format(&cluster->services, services),
                       prefix_format(&cluster->pods, pods));
}

/* ---- checks and policy ------------------------------------------------------------------------
 */

static bool take_checks(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct fleet_file *fleet = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);
        struct fleet_check *check = &fleet->checks[i];

        if (!config_read_check(file, item, check, true))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (text_equal(fleet->checks[k].check.name, check->check.name))
                return yaml_refuse(file, item, "check '%s' again: accepted is once",
                                   check->check.name);
        }
        fleet->checks_count++;
    }
    return true;
}

const char *const config_pause_names[] = {
    [PAUSE_FIRST] = "first", [PAUSE_EACH] = "each", [PAUSE_NONE] = "none", [PAUSE_COUNT] = NULL};

#define POLICY_TIME(field)                                                                         \
    .take_fn = yaml_take_seconds, YAML_FIELD(struct policy, field), .min = 1, .max = TIME_MAX_S

static const struct yaml_key policy_keys[] = {
    {.name = "soak", POLICY_TIME(soak_s)},
    {.name = "lease", POLICY_TIME(lease_s)},
    {.name = "approvals",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct policy, approvals),
     .min = 1,
     .max = SIGNATURES_MAX},
    {.name = "pause_after",
     .take_fn = yaml_take_choice,
     YAML_FIELD(struct policy, pause_after),
     .choices = config_pause_names},
    {.name = "soak-min", POLICY_TIME(soak_min_s)},
    {.name = "stage_size",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct policy, stage_size),
     .min = 1,
     .max = NODES_MAX},
};

static bool take_policy(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct policy *policy = to;

    (void)key;
    if (!yaml_read_mapping(file, node, YAML_KEYS(policy_keys), policy))
        return false;
    if (policy->soak_s >= policy->soak_min_s)
        return true;
    return yaml_refuse(file, node, "`soak` %us: accepted is at least `soak-min`, which is %us",
                       policy->soak_s, policy->soak_min_s);
}

/* ---- the whole file ---------------------------------------------------------------------------
 */

static const struct yaml_key fleet_keys[] = {
    {.name = "nodes", .take_fn = take_nodes, .min = 1, .max = NODES_MAX, .needed = true},
    {.name = "witnesses", .take_fn = take_witnesses, .max = NODES_MAX},
    {.name = "cluster", .take_fn = take_cluster, YAML_FIELD(struct fleet_file, cluster)},
    {.name = "checks", .take_fn = take_checks, .max = CHECKS_MAX},
    {.name = "policy", .take_fn = take_policy, YAML_FIELD(struct fleet_file, policy)},
};

/* `for` may stand above the nodes, so it is looked at last. */
static bool check_subjects(struct yaml_file *file, const yaml_node_t *check,
                           const struct fleet_file *fleet)
{
    const yaml_node_t *names = yaml_find(file, check, "for");

    for (size_t i = 0; names != NULL && i < yaml_count(names); i++) {
        yaml_node_t *name = yaml_item(file, names, i);

        if (fleet_file_find(fleet, yaml_text(name)) == NULL)
            return yaml_refuse(file, name,
                               "`for` '%s': accepted are the names under `nodes` and `witnesses`",
                               yaml_text(name));
    }
    return true;
}

static bool read_fleet(struct yaml_file *file, struct fleet_file *fleet)
{
    yaml_node_t *root = yaml_file_root(file);
    const yaml_node_t *checks;

    if (!yaml_read_mapping(file, root, YAML_KEYS(fleet_keys), fleet))
        return false;
    checks = yaml_find(file, root, "checks");
    for (size_t i = 0; checks != NULL && i < yaml_count(checks); i++) {
        if (!check_subjects(file, yaml_item(file, checks, i), fleet))
            return false;
    }
    return true;
}

bool config_parse_fleet(const char *path, struct bytes text, struct fleet_file *ret_fleet,
                        struct err *err)
{
    AUTO_FREE struct fleet_file *fleet = mem_alloc(1, sizeof(*fleet));
    struct yaml_file file;
    bool good;

    fleet->policy = (struct policy){.soak_s = 300,
                                    .lease_s = 60,
                                    .approvals = 1,
                                    .pause_after = PAUSE_FIRST,
                                    .soak_min_s = 60,
                                    .stage_size = 1};
    if (!yaml_file_open(&file, path, text, err))
        return false;
    good = read_fleet(&file, fleet);
    yaml_file_close(&file);
    if (good)
        *ret_fleet = *fleet;
    return good;
}
