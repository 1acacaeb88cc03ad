/*
 * apply_rule: puts and deletes exactly one rule, and puts one back where it was among its siblings.
 */
#include "agent/guard/io/apply_rule.h"

#include "agent/guard/core/undo_rule.h"
#include "agent/guard/io/apply_netlink.h"
#include "common/core/mem.h"
#include "common/net/owner.h"
#include "common/net/render.h"

/* Appends all siblings but this one again, then deletes the old ones from the front: each is then
 * the first that matches itself. */
static bool delete_among_likes(struct nl_sock *socket, const struct rule *rule,
                               const struct snapshot *now, struct err *err)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        const struct rule *sibling = &now->rules[i];

        if (undo_rule_is_sibling(sibling, rule) && sibling != rule &&
            !apply_netlink_put_rule(socket, sibling, APPLY_APPEND, err))
            return false;
    }
    for (size_t i = 0; i < now->rules_count; i++) {
        if (undo_rule_is_sibling(&now->rules[i], rule) &&
            !apply_netlink_delete_rule(socket, &now->rules[i], err))
            return false;
    }
    return true;
}

bool apply_rule_delete(struct nl_sock *socket, const struct rule *rule, const struct snapshot *now,
                       struct err *err)
{
    if (undo_rule_is_first(rule, now))
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
        if (!moved[i] && undo_rule_is_sibling(&now->rules[i], rule) &&
            undo_rule_matches(rule, &now->rules[i]))
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
        const struct rule *there =
            undo_rule_is_sibling(behind, rule) ? find_left(now, behind, moved) : NULL;

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
