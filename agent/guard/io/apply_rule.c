/*
 * apply_rule: puts and deletes exactly one rule, and puts one back where it was among its siblings.
 */
#include "agent/guard/io/apply_rule.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "agent/guard/core/undo_rule.h"
#include "agent/guard/io/apply_batch.h"
#include "agent/guard/io/apply_netlink.h"
#include "common/core/mem.h"
#include "common/net/render.h"

/* Would the kernel take it once more? It says of one that it takes that it is there. */
static bool is_taken_again(struct nl_sock *socket, const struct rule *rule, struct err *err)
{
    struct err refusal = ERR_INIT;

    if (apply_netlink_put_rule(socket, rule, APPLY_EXCLUSIVE, &refusal))
        return apply_netlink_delete_rule(socket, rule, err) &&
               err_set(err, ERR_CONFLICT, "a rule beside it has gone meanwhile");
    if (refusal.kind != ERR_CONFLICT)
        *err = refusal;
    return refusal.kind == ERR_CONFLICT;
}

/* Appends all siblings but this one again, then deletes the old ones from the front: each is then
 * the first that matches itself. In one call: whoever died in between would leave copies, of which
 * nobody would know. */
static bool delete_among_likes(struct nl_sock *socket, const struct rule *rule,
                               const struct snapshot *now, struct err *err)
{
    struct apply_batch batch = {.data = NULL};

    for (size_t i = 0; i < now->rules_count; i++) {
        if (undo_rule_is_sibling(&now->rules[i], rule) && &now->rules[i] != rule &&
            !is_taken_again(socket, &now->rules[i], err))
            return false;
    }
    for (size_t i = 0; i < now->rules_count; i++) {
        if (undo_rule_is_sibling(&now->rules[i], rule) && &now->rules[i] != rule)
            apply_batch_add_take(&batch, apply_netlink_rule_message(&now->rules[i], RTM_NEWRULE,
                                                                    NLM_F_CREATE | NLM_F_APPEND));
    }
    for (size_t i = 0; i < now->rules_count; i++) {
        struct nl_msg *message;

        if (!undo_rule_is_sibling(&now->rules[i], rule))
            continue;
        message = apply_netlink_rule_message(&now->rules[i], RTM_DELRULE, 0);
        if (&now->rules[i] == rule)
            apply_batch_add_heard(&batch, message);
        else
            apply_batch_add_take(&batch, message);
    }
    return apply_batch_send(&batch, "a rule among those like it", err);
}

bool apply_rule_delete(struct nl_sock *socket, const struct rule *rule, const struct snapshot *now,
                       struct err *err)
{
    if (undo_rule_is_first(rule, now))
        return apply_netlink_delete_rule(socket, rule, err);
    return delete_among_likes(socket, rule, now, err);
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

static bool move_behind(struct nl_sock *socket, const struct undo_rule_move *move, struct err *err)
{
    return (move->copied || apply_netlink_put_rule(socket, move->rule, APPLY_APPEND, err)) &&
           apply_netlink_delete_rule(socket, move->rule, err);
}

bool apply_rule_restore(struct nl_sock *socket, const struct undo_item *item,
                        const struct snapshot *now, struct err *err)
{
    const struct rule *was = undo_find_rule(item, &item->before);
    const struct rule *there = undo_rule_find_there(item, now);
    AUTO_FREE struct undo_rule_move *moves =
        mem_alloc(item->before.rules_count + 1, sizeof(*moves));
    size_t count = undo_rule_moves(was, &item->before, there, now, moves);
    bool good = there != NULL || apply_rule_put(socket, was, now, err);

    for (size_t i = 0; good && i < count; i++)
        good = move_behind(socket, &moves[i], err);
    return good;
}
