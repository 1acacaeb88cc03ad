/*
 * apply_rule: puts and deletes exactly one rule, and puts one back where it was among its siblings.
 */
#include "agent/guard/io/apply_rule.h"

#include <linux/rtnetlink.h>

#include "agent/guard/io/apply_netlink.h"
#include "common/core/mem.h"
#include "common/net/owner.h"
#include "common/net/render.h"

static bool is_sibling(const struct rule *a, const struct rule *b)
{
    return snapshot_compare_rules(a, b) == 0;
}

static bool matches_numbers(const struct rule *given, const struct rule *rule)
{
    return (given->action == 0 || given->action == rule->action) &&
           (given->table == 0 || given->table == rule->table) &&
           (given->mark == 0 || given->mark == rule->mark) &&
           (given->mask == 0 || given->mask == rule->mask) &&
           (given->tos == 0 || given->tos == rule->tos) &&
           (given->tun_id == 0 || given->tun_id == rule->tun_id) &&
           (!given->l3mdev || rule->l3mdev) && (given->unknown == 0 || rule->unknown != 0) &&
           (given->ip_proto == 0 || given->ip_proto == rule->ip_proto) &&
           (given->protocol == 0 || given->protocol == rule->protocol) &&
           (given->suppress_prefixlength < 0 ||
            given->suppress_prefixlength == rule->suppress_prefixlength) &&
           (given->suppress_ifgroup < 0 || given->suppress_ifgroup == rule->suppress_ifgroup);
}

static bool matches_ranges(const struct rule *given, const struct rule *rule)
{
    bool any_user = given->uid_first == 0 && given->uid_last == UINT32_MAX;

    return (any_user ||
            (given->uid_first == rule->uid_first && given->uid_last == rule->uid_last)) &&
           (given->sport_first == 0 ||
            (given->sport_first == rule->sport_first && given->sport_last == rule->sport_last)) &&
           (given->dport_first == 0 ||
            (given->dport_first == rule->dport_first && given->dport_last == rule->dport_last));
}

/* Would the kernel take this one, given that? rule_find in net/core/fib_rules.c: what is not given
 * matches anything, and "not" is not looked at. Of what we do not know it may take any for any. */
static bool matches(const struct rule *given, const struct rule *rule)
{
    return matches_numbers(given, rule) && matches_ranges(given, rule) &&
           (given->iif[0] == '\0' || text_equal(given->iif, rule->iif)) &&
           (given->oif[0] == '\0' || text_equal(given->oif, rule->oif)) &&
           (given->source.len == 0 || prefix_equal(&given->source, &rule->source)) &&
           (given->destination.len == 0 || prefix_equal(&given->destination, &rule->destination));
}

static bool is_first_match(const struct rule *rule, const struct snapshot *now)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        if (is_sibling(&now->rules[i], rule) && matches(rule, &now->rules[i]))
            return &now->rules[i] == rule;
    }
    return false;
}

/* Appends all siblings but this one again, then deletes the old ones from the front: each is then
 * the first that matches itself. */
static bool delete_among_likes(struct nl_sock *socket, const struct rule *rule,
                               const struct snapshot *now, struct err *err)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        const struct rule *sibling = &now->rules[i];

        if (is_sibling(sibling, rule) && sibling != rule &&
            !apply_netlink_put_rule(socket, sibling, APPLY_APPEND, err))
            return false;
    }
    for (size_t i = 0; i < now->rules_count; i++) {
        if (is_sibling(&now->rules[i], rule) &&
            !apply_netlink_delete_rule(socket, &now->rules[i], err))
            return false;
    }
    return true;
}

bool apply_rule_delete(struct nl_sock *socket, const struct rule *rule, const struct snapshot *now,
                       struct err *err)
{
    if (is_first_match(rule, now))
        return apply_netlink_delete_rule(socket, rule, err);
    return delete_among_likes(socket, rule, now, err);
}

/* moved: of now's, those that stand behind all others by now. */
static const struct rule *find_left(const struct snapshot *now, const struct rule *rule,
                                    const bool *moved)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        if (!moved[i] && render_same_rule(&now->rules[i], rule))
            return &now->rules[i];
    }
    return NULL;
}

/* Daemons watch their rules; those of people and our own may be moved. */
static bool may_move(const struct rule *rule)
{
    return owner_row(owner_of_rule(rule))->undo;
}

bool apply_rule_put(struct nl_sock *socket, const struct rule *rule, const struct snapshot *now,
                    struct err *err)
{
    bool there = false;

    if (apply_netlink_put_rule(socket, rule, APPLY_EXCLUSIVE, err))
        return true;
    for (size_t i = 0; i < now->rules_count; i++)
        there |= render_same_rule(&now->rules[i], rule);
    if (err->kind != ERR_CONFLICT || there)
        return false;
    *err = (struct err)ERR_INIT;
    return apply_netlink_put_rule(socket, rule, APPLY_APPEND, err);
}

static bool is_first_left(const struct rule *rule, const struct snapshot *now, const bool *moved)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        if (!moved[i] && is_sibling(&now->rules[i], rule) && matches(rule, &now->rules[i]))
            return &now->rules[i] == rule;
    }
    return false;
}

static bool move_behind(struct nl_sock *socket, const struct rule *rule,
                        const struct snapshot *before, const struct snapshot *now, bool *moved,
                        struct err *err)
{
    for (const struct rule *behind = rule + 1; behind < before->rules + before->rules_count;
         behind++) {
        const struct rule *there = is_sibling(behind, rule) ? find_left(now, behind, moved) : NULL;

        if (there == NULL || !may_move(there) || !is_first_left(there, now, moved))
            continue;
        if (!apply_netlink_put_rule(socket, there, APPLY_APPEND, err) ||
            !apply_netlink_delete_rule(socket, there, err))
            return false;
        moved[there - now->rules] = true;
    }
    return true;
}

bool apply_rule_restore(struct nl_sock *socket, const struct rule *rule,
                        const struct snapshot *before, const struct snapshot *now, struct err *err)
{
    AUTO_FREE bool *moved = mem_alloc(now->rules_count + 1, sizeof(*moved));

    return apply_rule_put(socket, rule, now, err) &&
           move_behind(socket, rule, before, now, moved, err);
}
