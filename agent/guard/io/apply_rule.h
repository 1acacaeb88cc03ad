/*
 * apply_rule: puts and deletes exactly one rule, and puts one back where it was among its siblings.
 *
 * The kernel deletes the first rule that matches what it is given, and appends new ones behind
 * those of the same priority. Nothing is missing at any moment: copies come before deletions.
 */
#ifndef AGENT_GUARD_IO_APPLY_RULE_H
#define AGENT_GUARD_IO_APPLY_RULE_H

#include "agent/guard/core/undo.h"
#include "common/core/err.h"
#include "common/net/snapshot.h"

struct nl_sock;

/* rule is one of now's, which holds all of its family and priority as the kernel lists them. */
bool apply_rule_delete(struct nl_sock *socket, const struct rule *rule, const struct snapshot *now,
                       struct err *err);

/* One that now has not: the kernel says of a rule from all that it is there where a narrower one is
 * (rule_exists in net/core/fib_rules.c compares what is given). */
bool apply_rule_put(struct nl_sock *socket, const struct rule *rule, const struct snapshot *now,
                    struct err *err);

/* Puts back the item's rule where it is not there; those that stood behind it stand behind it
 * again. Who dies before the last of them does has the next one go on. */
bool apply_rule_restore(struct nl_sock *socket, const struct undo_item *item,
                        const struct snapshot *now, struct err *err);

#endif
