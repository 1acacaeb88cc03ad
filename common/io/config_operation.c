/*
 * config_operation: one step of a change: `protect`, `route`, `rule`, `nexthop`, `sysctl`,
 * `tailscale`, `address`, `link` or `file`.
 */
#include <string.h>

#include "common/core/text.h"
#include "common/io/config_yaml.h"

static bool take_protect(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct change_step *step = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    step->kind = STEP_PROTECT;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);
        enum protect_what what;

        if (!yaml_is_text(item) || !protect_what_parse(yaml_text(item), &what))
            return yaml_refuse_value(file, key, item,
                                     "accepted are ssh, api-server, pods, services and controller");
        if (step->protect & what)
            return yaml_refuse_value(file, key, item, "it is named twice; accepted is once");
        step->protect |= what;
    }
    return true;
}

/* ---- sysctl -----------------------------------------------------------------------------------
 */

struct sysctl_words {
    struct sysctl setting;
    char interface[DEVICE_SIZE];
};

static const struct yaml_key sysctl_keys[] = {
    {.name = "name",
     .take_fn = yaml_take_text,
     YAML_FIELD(struct sysctl_words, setting.name),
     .min = 1,
     .needed = true},
    {.name = "interface", .take_fn = yaml_take_device, YAML_FIELD(struct sysctl_words, interface)},
    {.name = "value",
     .take_fn = yaml_take_text,
     YAML_FIELD(struct sysctl_words, setting.value),
     .min = 1,
     .needed = true},
};

/* net.ipv4.conf.rp_filter of eth0.100 is net.ipv4.conf.eth0/100.rp_filter: before the last word,
 * with a / for a dot, as sysctl(8) has it. False: it is too long. */
static bool name_interface(struct sysctl_words *words)
{
    char whole[SYSCTL_NAME_SIZE] = "", key[SYSCTL_NAME_SIZE];
    struct text text = TEXT_IN(whole);
    char *last = strrchr(words->setting.name, '.');

    if (last == NULL || words->interface[0] == '\0')
        return true;
    for (char *at = words->interface; *at != '\0'; at++)
        *at = *at == '.' ? '/' : *at;
    text_copy(key, sizeof(key), last);
    *last = '\0';
    if (strlen(words->setting.name) + strlen(words->interface) + strlen(key) + 1 >= sizeof(whole))
        return false;
    text_add(&text, "%s.%s%s", words->setting.name, words->interface, key);
    text_copy(words->setting.name, sizeof(words->setting.name), whole);
    return true;
}

static bool take_sysctl(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct sysctl_words words = {.interface = ""};
    struct change_step *step = to;

    step->operation.kind = OPERATION_SYSCTL;
    if (!yaml_read_mapping(file, node, YAML_KEYS(sysctl_keys), &words))
        return false;
    if (!name_interface(&words))
        return yaml_refuse_value(file, key, node, "with its interface that name is too long");
    step->operation.sysctl.setting = words.setting;
    return true;
}

/* ---- tailscale --------------------------------------------------------------------------------
 */

/* "" clears the exit node; nothing written at all would be a slip. */
static bool take_exit_node(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                           void *to)
{
    struct operation_tailscale *prefs = to;
    const struct yaml_key name = {.name = key->name, .size = sizeof(prefs->exit_node_name)};

    if (yaml_is_empty(node) || !yaml_is_text(node) || strpbrk(yaml_text(node), " \t\n") != NULL)
        return yaml_refuse_value(
            file, key, node,
            "accepted is a peer's name or Tailscale address, or \"\" for no exit node");
    prefs->set_exit_node = true;
    return yaml_take_text(file, &name, node, prefs->exit_node_name);
}

static bool take_allow_lan_access(struct yaml_file *file, const struct yaml_key *key,
                                  yaml_node_t *node, void *to)
{
    struct operation_tailscale *prefs = to;

    prefs->set_allow_lan_access = true;
    return yaml_take_bool(file, key, node, &prefs->allow_lan_access);
}

static bool take_accept_routes(struct yaml_file *file, const struct yaml_key *key,
                               yaml_node_t *node, void *to)
{
    struct operation_tailscale *prefs = to;

    prefs->set_accept_routes = true;
    return yaml_take_bool(file, key, node, &prefs->accept_routes);
}

static bool take_advertise_routes(struct yaml_file *file, const struct yaml_key *key,
                                  yaml_node_t *node, void *to)
{
    struct operation_tailscale *prefs = to;
    struct prefix *routes = prefs->advertise_routes;

    if (!yaml_expect_list(file, key, node))
        return false;
    prefs->set_advertise_routes = true;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);

        if (!yaml_take_prefix(file, key, item, &routes[i]))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (prefix_equal(&routes[k], &routes[i]))
                return yaml_refuse_value(file, key, item, "it is named twice; accepted is once");
        }
        prefs->advertise_routes_count++;
    }
    return true;
}

static const struct yaml_key tailscale_keys[] = {
    {.name = "exit_node", .take_fn = take_exit_node},
    {.name = "exit_node_allow_lan_access", .take_fn = take_allow_lan_access},
    {.name = "accept_routes", .take_fn = take_accept_routes},
    {.name = "advertise_routes", .take_fn = take_advertise_routes, .max = TAILSCALE_ROUTES_MAX},
};

static bool take_tailscale(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                           void *to)
{
    struct change_step *step = to;

    (void)key;
    step->operation.kind = OPERATION_TAILSCALE;
    return yaml_read_mapping(file, node, YAML_KEYS(tailscale_keys), &step->operation.tailscale);
}

/* ---- file -------------------------------------------------------------------------------------
 */

static const struct yaml_key file_keys[] = {
    {.name = "path",
     .take_fn = yaml_take_path,
     YAML_FIELD(struct operation_file, path),
     .needed = true},
    {.name = "content", .take_fn = yaml_take_text, YAML_FIELD(struct operation_file, content)},
    {.name = "absent", .take_fn = yaml_take_bool, YAML_FIELD(struct operation_file, absent)},
};

static bool take_file(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct change_step *step = to;

    (void)key;
    step->operation.kind = OPERATION_FILE;
    return yaml_read_mapping(file, node, YAML_KEYS(file_keys), &step->operation.file);
}

/* ---- address and link -------------------------------------------------------------------------
 */

/* "203.0.113.11/24": an address with the length of its network, which are not optional. */
static bool take_address_text(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                              void *to)
{
    struct operation_address *address = to;
    const char *text = yaml_is_text(node) ? yaml_text(node) : "";
    const char *slash = strchr(text, '/');
    char host[ADDRESS_TEXT_SIZE];
    unsigned long long len;

    if (slash != NULL && (size_t)(slash - text) < sizeof(host)) {
        memcpy(host, text, (size_t)(slash - text));
        host[slash - text] = '\0';
        if (address_parse(host, &address->address) &&
            text_parse_u64(slash + 1, address_bits(address->address.family), &len)) {
            address->prefix_len = (uint8_t)len;
            return true;
        }
    }
    return yaml_refuse_value(file, key, node,
                             "accepted is an address and its network's length, like "
                             "203.0.113.11/24 or 2001:db8::11/64");
}

static const struct yaml_key address_keys[] = {
    {.name = "address", .take_fn = take_address_text, .needed = true},
    {.name = "dev",
     .take_fn = yaml_take_device,
     YAML_FIELD(struct operation_address, device),
     .needed = true},
    {.name = "absent", .take_fn = yaml_take_bool, YAML_FIELD(struct operation_address, absent)},
};

static bool take_address(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct change_step *step = to;

    (void)key;
    step->operation.kind = OPERATION_ADDRESS;
    return yaml_read_mapping(file, node, YAML_KEYS(address_keys), &step->operation.address);
}

static const char *const states[] = {"down", "up", NULL};

static bool take_state(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct operation_link *link = to;
    const struct yaml_key choice = {.name = key->name, .size = sizeof(unsigned), .choices = states};
    unsigned state = 0;

    if (!yaml_take_choice(file, &choice, node, &state))
        return false;
    link->set_up = true;
    link->up = state == 1;
    return true;
}

static const struct yaml_key link_keys[] = {
    {.name = "dev",
     .take_fn = yaml_take_device,
     YAML_FIELD(struct operation_link, device),
     .needed = true},
    {.name = "mtu",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct operation_link, mtu),
     .min = LINK_MTU_MIN,
     .max = LINK_MTU_MAX},
    {.name = "state", .take_fn = take_state},
};

static bool take_link(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct change_step *step = to;

    (void)key;
    step->operation.kind = OPERATION_LINK;
    return yaml_read_mapping(file, node, YAML_KEYS(link_keys), &step->operation.link);
}

/* ---- any of them ------------------------------------------------------------------------------
 */

static const struct yaml_key step_keys[] = {
    {.name = "protect", .take_fn = take_protect, .min = 1, .max = 5},
    {.name = "route", .take_fn = config_take_route},
    {.name = "rule", .take_fn = config_take_rule},
    {.name = "nexthop", .take_fn = config_take_nexthop},
    {.name = "sysctl", .take_fn = take_sysctl},
    {.name = "tailscale", .take_fn = take_tailscale},
    {.name = "file", .take_fn = take_file},
    {.name = "address", .take_fn = take_address},
    {.name = "link", .take_fn = take_link},
};

/* An exit node is named here; the StableID that is validated with it comes with the plan. */
static bool validate(const struct change_step *step, struct err *err)
{
    struct operation operation = step->operation;

    if (step->kind == STEP_PROTECT)
        return true;
    if (operation.kind == OPERATION_TAILSCALE && operation.tailscale.exit_node_name[0] != '\0')
        text_copy(operation.tailscale.exit_node_id, TAILSCALE_ID_SIZE, "planned");
    return operation_validate(&operation, err);
}

bool config_read_step(struct yaml_file *file, yaml_node_t *node, struct change_step *ret_step)
{
    memset(ret_step, 0, sizeof(*ret_step));
    if (!yaml_is_mapping(node) || yaml_count(node) != 1)
        return yaml_refuse(
            file, node,
            "an operation: accepted is one of `protect`, `route`, `rule`, "
            "`nexthop`, `sysctl`, `tailscale`, `address`, `link` and `file` with its "
            "value");
    if (!yaml_read_mapping(file, node, YAML_KEYS(step_keys), ret_step))
        return false;
    return validate(ret_step, file->err) || yaml_refuse_here(file, node);
}
