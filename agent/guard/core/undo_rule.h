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

/* Whether the kernel might delete that rule, given this one. */
bool undo_rule_matches(const struct rule *given, const struct rule *rule);

/* Given this one of now's, the kernel deletes this one. */
bool undo_rule_is_first(const struct rule *rule, const struct snapshot *now);

enum undo_state undo_rule_judge(const struct undo_item *item, const struct snapshot *after,
                                const struct snapshot *now, struct text *why);

#endif
