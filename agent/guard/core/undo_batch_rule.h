/*
 * undo_batch_rule: the rules of an undo as lines for `ip -batch`, those of IPv6 behind a #.
 */
#ifndef AGENT_GUARD_CORE_UNDO_BATCH_RULE_H
#define AGENT_GUARD_CORE_UNDO_BATCH_RULE_H

#include "agent/guard/core/undo.h"

/* verb: "add" or "del". False: a comment, or a line to be typed: a batch line cannot say -6. */
bool undo_batch_rule_words(const struct rule *rule, const char *verb, unsigned protocol,
                           struct text *out);

/* Deletes exactly the one, or puts it where it stood: siblings that are in the way are deleted and
 * put again. False: as above. */
bool undo_batch_rule(const struct undo_item *item, struct text *out);

#endif
