/*
 * config_rule: `rule: { priority, from, to, lookup, ... }` of a change, in the words of ip(8).
 */
#include <linux/fib_rules.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/config_yaml.h"

static const char *const action_names[] = {"nop", "blackhole", "unreachable", "prohibit", NULL};
static const uint8_t actions[] = {FR_ACT_NOP, FR_ACT_BLACKHOLE, FR_ACT_UNREACHABLE,
                                  FR_ACT_PROHIBIT};
static const char *const family_names[] = {"ipv4", "ipv6", NULL};
static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6};

struct rule_text {
    struct operation_rule operation;
    unsigned actions_count; /* of lookup, l3mdev, goto and action */
    unsigned tos_count;     /* of tos and dsfield */
};

static bool take_lookup(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct rule_text *rule = to;

    rule->actions_count++;
    rule->operation.rule.action = FR_ACT_TO_TBL;
    return yaml_take_table(file, key, node, &rule->operation.rule.table);
}

/* `l3mdev: true`: the table of the VRF that the packet belongs to. */
static bool take_l3mdev(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct rule_text *rule = to;

    if (!yaml_take_bool(file, key, node, &rule->operation.rule.l3mdev))
        return false;
    if (!rule->operation.rule.l3mdev)
        return yaml_refuse_value(file, key, node, "accepted is true, or no such key");
    rule->actions_count++;
    rule->operation.rule.action = FR_ACT_TO_TBL;
    return true;
}

/* A prefix, or `all`: no selector. */
static bool take_selector(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                          void *to)
{
    struct prefix prefix;

    if (yaml_is_text(node) && text_equal(yaml_text(node), "all")) {
        *(struct prefix *)to = (struct prefix){0};
        return true;
    }
    if (yaml_is_text(node) && prefix_parse(yaml_text(node), &prefix))
        return yaml_take_prefix(file, key, node, to);
    return yaml_refuse_value(file, key, node,
                             "accepted is an address or a prefix, like 10.42.0.0/16, or all");
}

/* `tos` and `dsfield` are one thing. */
static bool take_tos(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to)
{
    struct rule_text *rule = to;

    rule->tos_count++;
    return yaml_take_tos(file, key, node, &rule->operation.rule.tos);
}

static bool take_tun_id(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    unsigned long long number;

    if (!yaml_is_text(node) || !text_parse_number(yaml_text(node), UINT64_MAX, &number) ||
        number == 0)
        return yaml_refuse_value(file, key, node,
                                 "accepted is a tunnel's key, from 1, like 4711 or 0x1267");
    *(uint64_t *)to = number;
    return true;
}

static bool take_goto(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct rule_text *rule = to;
    const struct yaml_key number = {.name = key->name, .size = sizeof(uint32_t)};

    rule->actions_count++;
    rule->operation.rule.action = FR_ACT_GOTO;
    return yaml_take_number(file, &number, node, &rule->operation.rule.goto_priority);
}

static bool take_action(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct rule_text *rule = to;
    unsigned index;

    rule->actions_count++;
    if (!yaml_take_choice(file, key, node, &index))
        return false;
    rule->operation.rule.action = actions[index];
    return true;
}

static bool take_family(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    unsigned index;

    if (!yaml_take_choice(file, key, node, &index))
        return false;
    *(uint8_t *)to = families[index];
    return true;
}

/* MARK or MARK/MASK */
static bool take_fwmark(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    struct rule *rule = to;

    return (yaml_is_text(node) && text_parse_mark(yaml_text(node), &rule->mark, &rule->mask)) ||
           yaml_refuse_value(file, key, node, "accepted is like 0x80000/0xff0000");
}

/* "N" or "N-M" */
static bool parse_range(const char *text, unsigned long long max, uint32_t *ret_first,
                        uint32_t *ret_last)
{
    char copy[32];
    unsigned long long first, last;
    char *dash;

    if (!text_copy(copy, sizeof(copy), text))
        return false;
    dash = strchr(copy, '-');
    if (dash != NULL)
        *dash = '\0';
    if (!text_parse_u64(copy, max, &first) ||
        !text_parse_u64(dash != NULL ? dash + 1 : copy, max, &last) || first > last)
        return false;
    *ret_first = (uint32_t)first;
    *ret_last = (uint32_t)last;
    return true;
}

/* Any user is no selector: the kernel has no such range. */
static bool take_uids(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct rule *rule = to;

    if (yaml_is_text(node) && text_equal(yaml_text(node), "0-4294967295")) {
        rule->uid_first = 0;
        rule->uid_last = UINT32_MAX;
        return true;
    }
    if (yaml_is_text(node) &&
        parse_range(yaml_text(node), UINT32_MAX - 1, &rule->uid_first, &rule->uid_last))
        return true;
    return yaml_refuse_value(file, key, node,
                             "accepted is one user's number or a range, like 0-999, up to "
                             "4294967294; 0-4294967295 is any user");
}

static bool take_ports(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       uint16_t *ret_ports)
{
    uint32_t first, last;

    if (!yaml_is_text(node) || !parse_range(yaml_text(node), UINT16_MAX, &first, &last) ||
        first == 0)
        return yaml_refuse_value(file, key, node, "accepted is a port or a range, 1-65535");
    ret_ports[0] = (uint16_t)first;
    ret_ports[1] = (uint16_t)last;
    return true;
}

static bool take_sport(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct rule *rule = to;
    uint16_t ports[2] = {0, 0};
    bool good = take_ports(file, key, node, ports);

    rule->sport_first = ports[0];
    rule->sport_last = ports[1];
    return good;
}

static bool take_dport(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct rule *rule = to;
    uint16_t ports[2] = {0, 0};
    bool good = take_ports(file, key, node, ports);

    rule->dport_first = ports[0];
    rule->dport_last = ports[1];
    return good;
}

static bool take_ip_proto(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                          void *to)
{
    static const struct {
        const char *name;
        uint8_t number; /* IANA */
    } protocols[] = {{"icmp", 1}, {"igmp", 2}, {"tcp", 6},        {"udp", 17},  {"gre", 47},
                     {"esp", 50}, {"ah", 51},  {"ipv6-icmp", 58}, {"sctp", 132}};
    unsigned long long number;

    for (size_t i = 0; yaml_is_text(node) && i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (text_equal(yaml_text(node), protocols[i].name)) {
            *(uint8_t *)to = protocols[i].number;
            return true;
        }
    }
    if (!yaml_is_text(node) || !text_parse_u64(yaml_text(node), UINT8_MAX, &number) || number == 0)
        return yaml_refuse_value(
            file, key, node,
            "accepted are icmp, igmp, tcp, udp, gre, esp, ah, ipv6-icmp, sctp and "
            "1 to 255");
    *(uint8_t *)to = (uint8_t)number;
    return true;
}

/* A number, or `default`: group 0, in which every device is at first. */
static bool take_ifgroup(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    unsigned long long number = 0;

    if (!yaml_is_text(node) || (!text_equal(yaml_text(node), "default") &&
                                !text_parse_u64(yaml_text(node), INT32_MAX, &number)))
        return yaml_refuse_value(file, key, node, "accepted are default and 0 to %d", INT32_MAX);
    *(int32_t *)to = (int32_t)number;
    return true;
}

#define RULE_FIELD(field) YAML_FIELD(struct rule_text, operation.field)

static const struct yaml_key rule_keys[] = {
    {.name = "priority", .take_fn = yaml_take_number, RULE_FIELD(rule.priority), .needed = true},
    {.name = "from", .take_fn = take_selector, RULE_FIELD(rule.source)},
    {.name = "to", .take_fn = take_selector, RULE_FIELD(rule.destination)},
    {.name = "family", .take_fn = take_family, RULE_FIELD(rule.family), .choices = family_names},
    {.name = "not", .take_fn = yaml_take_bool, RULE_FIELD(rule.invert)},
    {.name = "iif", .take_fn = yaml_take_device, RULE_FIELD(rule.iif)},
    {.name = "oif", .take_fn = yaml_take_device, RULE_FIELD(rule.oif)},
    {.name = "fwmark", .take_fn = take_fwmark, RULE_FIELD(rule)},
    {.name = "tos", .take_fn = take_tos},
    {.name = "dsfield", .take_fn = take_tos},
    {.name = "tun_id", .take_fn = take_tun_id, RULE_FIELD(rule.tun_id)},
    {.name = "uidrange", .take_fn = take_uids, RULE_FIELD(rule)},
    {.name = "ipproto", .take_fn = take_ip_proto, RULE_FIELD(rule.ip_proto)},
    {.name = "sport", .take_fn = take_sport, RULE_FIELD(rule)},
    {.name = "dport", .take_fn = take_dport, RULE_FIELD(rule)},
    {.name = "lookup", .take_fn = take_lookup},
    {.name = "l3mdev", .take_fn = take_l3mdev},
    {.name = "goto", .take_fn = take_goto},
    {.name = "action", .take_fn = take_action, .choices = action_names},
    {.name = "suppress_prefixlength",
     .take_fn = yaml_take_number,
     RULE_FIELD(rule.suppress_prefixlength),
     .max = 128},
    {.name = "suppress_ifgroup", .take_fn = take_ifgroup, RULE_FIELD(rule.suppress_ifgroup)},
    {.name = "absent", .take_fn = yaml_take_bool, RULE_FIELD(absent)},
};

static uint8_t family_of_rule(const struct rule *rule)
{
    if (rule->family != FAMILY_NONE)
        return rule->family;
    if (rule->source.address.family != FAMILY_NONE)
        return rule->source.address.family;
    return rule->destination.address.family != FAMILY_NONE ? rule->destination.address.family
                                                           : FAMILY_IPV4;
}

bool config_take_rule(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct change_step *step = to;
    struct rule_text text = {.operation.rule = {.protocol = OCEANID_PROTOCOL,
                                                .uid_last = UINT32_MAX,
                                                .suppress_prefixlength = -1,
                                                .suppress_ifgroup = -1}};

    (void)key;
    if (!yaml_read_mapping(file, node, YAML_KEYS(rule_keys), &text))
        return false;
    if (text.actions_count != 1)
        return yaml_refuse(file, node,
                           "rule %u has %u of `lookup`, `l3mdev`, `goto` and `action`: accepted "
                           "is exactly one",
                           text.operation.rule.priority, text.actions_count);
    if (text.tos_count > 1)
        return yaml_refuse(file, node,
                           "rule %u has `tos` and `dsfield`, which are one: accepted "
                           "is one of them",
                           text.operation.rule.priority);
    text.operation.rule.family = family_of_rule(&text.operation.rule);
    step->operation.kind = OPERATION_RULE;
    step->operation.rule = text.operation;
    return true;
}
