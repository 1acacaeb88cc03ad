/*
 * operation_rule: puts or removes one rule of Oceanid's own.
 */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "common/net/operation_kind.h"
#include "common/net/render.h"

enum {
    RULE_PRIORITY_LAST = 32765,
    IPV4_TOS = 0x1c, /* fib4_rule_configure and fib6_rule_configure */
    IPV6_TOS = 0xfc,
};

bool operation_is_usual_rule(const struct rule *rule)
{
    bool main = rule->priority == USUAL_PRIORITY_MAIN && rule->table == RT_TABLE_MAIN;
    bool last = rule->priority == USUAL_PRIORITY_DEFAULT && rule->table == RT_TABLE_DEFAULT;
    struct rule plain = {.family = rule->family,
                         .action = FR_ACT_TO_TBL,
                         .priority = rule->priority,
                         .table = rule->table,
                         .protocol = rule->protocol,
                         .uid_last = UINT32_MAX,
                         .suppress_prefixlength = -1,
                         .suppress_ifgroup = -1};

    return (main || last) && render_same_rule(rule, &plain);
}

uint8_t operation_rule_protocol(const struct rule *rule)
{
    return operation_is_usual_rule(rule) ? RTPROT_KERNEL : OCEANID_PROTOCOL;
}

static bool validate_priority(const struct operation *operation, struct err *err)
{
    const struct rule *rule = &operation->rule.rule;
    uint32_t priority = rule->priority;

    if (operation->shield && !operation->rule.absent && operation_is_usual_rule(rule))
        return true;
    if (priority >= TAILSCALE_RULE_FIRST && priority <= TAILSCALE_RULE_LAST)
        return err_set(err, ERR_CONFLICT,
                       "rules %u to %u are tailscaled's own; accepted is %u to %u and %u to %u",
                       TAILSCALE_RULE_FIRST, TAILSCALE_RULE_LAST, RULE_PRIORITY_FIRST,
                       TAILSCALE_RULE_FIRST - 1, TAILSCALE_RULE_LAST + 1, RULE_PRIORITY_LAST);
    if (priority < RULE_PRIORITY_FIRST || priority > RULE_PRIORITY_LAST)
        return err_set(err, ERR_INPUT, "priority %u: accepted is %u to %u and %u to %u", priority,
                       RULE_PRIORITY_FIRST, TAILSCALE_RULE_FIRST - 1, TAILSCALE_RULE_LAST + 1,
                       RULE_PRIORITY_LAST);
    return true;
}

static bool validate_action(const struct rule *rule, struct err *err)
{
    switch (rule->action) {
    case FR_ACT_TO_TBL:
        if (rule->l3mdev && rule->table != 0)
            return err_set(err, ERR_INPUT, "l3mdev and a table: accepted is one of them");
        if (rule->table == 0 && !rule->l3mdev)
            return err_set(err, ERR_INPUT, "lookup of table 0: expected a table, like main");
        return true;
    case FR_ACT_GOTO:
        if (rule->goto_priority <= rule->priority)
            return err_set(err, ERR_INPUT, "goto %u goes back; accepted is a priority above %u",
                           rule->goto_priority, rule->priority);
        return true;
    case FR_ACT_NOP:
    case FR_ACT_BLACKHOLE:
    case FR_ACT_UNREACHABLE:
    case FR_ACT_PROHIBIT:
        return true;
    default:
        return err_set(err, ERR_INPUT,
                       "action %u: accepted are lookup, goto, nop, blackhole, unreachable and "
                       "prohibit",
                       rule->action);
    }
}

static bool validate_selectors(const struct rule *rule, struct err *err)
{
    if (rule->family != FAMILY_IPV4 && rule->family != FAMILY_IPV6)
        return err_set(err, ERR_INPUT, "family %u: accepted is IPv4 or IPv6", rule->family);
    if ((rule->source.len > 0 && rule->source.address.family != rule->family) ||
        (rule->destination.len > 0 && rule->destination.address.family != rule->family))
        return err_set(err, ERR_INPUT, "its selectors are of two families");
    if (rule->uid_first > rule->uid_last)
        return err_set(err, ERR_INPUT, "uid range %u-%u: expected the lower one first",
                       rule->uid_first, rule->uid_last);
    if (rule->sport_first > rule->sport_last || rule->dport_first > rule->dport_last)
        return err_set(err, ERR_INPUT, "port range: expected the lower one first");
    if ((rule->mark & ~rule->mask) != 0)
        return err_set(err, ERR_INPUT, "fwmark 0x%x has bits that its mask 0x%x has not",
                       rule->mark, rule->mask);
    if ((rule->tos & ~(rule->family == FAMILY_IPV4 ? IPV4_TOS : IPV6_TOS)) != 0)
        return err_set(err, ERR_INPUT,
                       "tos 0x%02x: accepted are the bits 0x%02x, as the kernel has it", rule->tos,
                       rule->family == FAMILY_IPV4 ? IPV4_TOS : IPV6_TOS);
    if (rule->unknown != 0)
        return err_set(err, ERR_INPUT, "attribute %u: accepted is none that Oceanid does not know",
                       rule->unknown);
    if (rule->protocol != 0 && rule->protocol != operation_rule_protocol(rule))
        return err_set(err, ERR_INPUT, "protocol %u: accepted is %u, Oceanid's own", rule->protocol,
                       OCEANID_PROTOCOL);
    return true;
}

static bool validate(const struct operation *operation, struct err *err)
{
    const struct rule *rule = &operation->rule.rule;

    if (validate_priority(operation, err) && validate_action(rule, err) &&
        validate_selectors(rule, err))
        return true;
    return err_wrap(err, "rule %u", rule->priority);
}

static struct rule as_own(const struct rule *rule)
{
    struct rule own = *rule;

    own.protocol = operation_rule_protocol(rule);
    own.raw = NULL;
    own.raw_len = 0;
    return own;
}

/* The same rule to the kernel, whoever put it there (rule_exists in net/core/fib_rules.c). */
static bool is_twin(const struct rule *there, const struct rule *rule)
{
    struct rule own = as_own(there);
    struct rule wanted = as_own(rule);

    return render_same_rule(&own, &wanted);
}

/* With an attribute more that we do not know. The kernel compares what it is given: where such a
 * one is, it says of a plain one that it is there. */
static bool is_shadow(const struct rule *there, const struct rule *rule)
{
    struct rule plain = *there;

    plain.unknown = 0;
    plain.unknown_sum = 0;
    return there->unknown != 0 && is_twin(&plain, rule);
}

static struct rule *find_own(const struct snapshot *snapshot, const struct rule *rule)
{
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        struct rule *there = &snapshot->rules[i];

        if ((there->protocol == OCEANID_PROTOCOL || operation_is_usual_rule(rule)) &&
            is_twin(there, rule))
            return there;
    }
    return NULL;
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct operation_rule *rule = &operation->rule;
    bool puts = !rule->absent && find_own(snapshot, &rule->rule) == NULL;

    for (size_t i = 0; i < snapshot->rules_count; i++) {
        const struct rule *there = &snapshot->rules[i];
        bool shadow = puts && is_shadow(there, &rule->rule);
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        if (!shadow && (there->protocol == OCEANID_PROTOCOL || operation_is_usual_rule(there) ||
                        !is_twin(there, &rule->rule)))
            continue;
        render_rule(there, &text);
        if (shadow)
            return err_set(err, ERR_CONFLICT,
                           "rule '%s' is there, and the kernel takes one without that for the "
                           "same; accepted is another priority",
                           line);
        return err_set(err, ERR_CONFLICT,
                       "rule '%s' is there already and belongs to protocol %u; Oceanid %s only "
                       "its own (%u)",
                       line, there->protocol, rule->absent ? "removes" : "puts", OCEANID_PROTOCOL);
    }
    return true;
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    return (find_own(snapshot, &operation->rule.rule) == NULL) == operation->rule.absent;
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    const struct rule *there = find_own(snapshot, &operation->rule.rule);

    if (operation->rule.absent && there != NULL)
        snapshot_remove_rule(snapshot, (size_t)(there - snapshot->rules));
    else if (!operation->rule.absent && there == NULL)
        *snapshot_add_rule(snapshot) = as_own(&operation->rule.rule);
}

static void render(const struct operation *operation, struct text *out)
{
    text_add(out, operation->rule.absent ? "remove rule " : "rule ");
    render_rule(&operation->rule.rule, out);
}

static void add_object(const struct operation *operation, struct text *out)
{
    text_add(out, "rule %u", operation->rule.rule.priority);
}

const struct operation_row operation_rule_row = {
    .name = "rule",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
};
