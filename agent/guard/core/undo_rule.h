/*
 * undo_rule: how a rule is taken back, and which one the kernel takes for which.
 *
 * Pure. The kernel deletes the first rule that matches what it is given, and appends new ones
 * behind those of the same family and priority: its siblings.
 */
#ifndef AGENT_GUARD_CORE_UNDO_RULE_H
#define AGENT_GUARD_CORE_UNDO_RULE_H

#include "agent/guard/core/undo.h"

bool undo_rule_is_sibling(const struct rule *a, const struct rule *b);

/* Would the kernel take this one, given that? rule_find in net/core/fib_rules.c: what is not given
 * matches anything, and "not" is not looked at. Of what we do not know it may take any for any. */
bool undo_rule_matches(const struct rule *given, const struct rule *rule);

/* Daemons watch their rules; those of people and our own may be moved. */
bool undo_rule_may_move(const struct rule *rule);

/* Given this one of now's, the kernel deletes this one. */
bool undo_rule_is_first(const struct rule *rule, const struct snapshot *now);

/* What of now is the item's rule. NULL: it is not there. */
const struct rule *undo_rule_find_there(const struct undo_item *item, const struct snapshot *now);

/* One of now's that goes behind all its siblings. */
struct undo_rule_move {
    const struct rule *rule;
    bool copied; /* it stands there already, by who died before he deleted the first */
};

/* Order is state: which of those that stood behind was (one of before's) have to be moved, in that
 * order, that they stand behind it again. there: it, in now; NULL: it comes last. Returns how many;
 * ret_moves has room for all of before's rules. */
size_t undo_rule_moves(const struct rule *was, const struct snapshot *before,
                       const struct rule *there, const struct snapshot *now,
                       struct undo_rule_move *ret_moves);

/* Also where it is there, and stands behind siblings that stood behind it: UNDO_NEEDED. */
enum undo_state undo_rule_judge(const struct undo_item *item, const struct snapshot *after,
                                const struct snapshot *now, struct text *why);

#endif
