/*
 * undo_words: what a route, a rule or a nexthop object is besides what a person reads of it, by the
 * kernel's raw bytes: in ip(8)'s words (iproute2 6.1), or by name where it has none.
 *
 * Pure. A line without these words puts something else: another scope, a route past its tunnel.
 */
#ifndef AGENT_GUARD_CORE_UNDO_WORDS_H
#define AGENT_GUARD_CORE_UNDO_WORDS_H

#include "agent/guard/core/undo_lost.h"

/* Append the words, each with a blank before it, for who puts it back (nobody deletes by them), and
 * to unsaid, which stays empty where there is nothing such, what has none. Nothing where the raw
 * bytes are not known. The MTU of a route is among them where undo_words_has_mtu says so. */
void undo_words_route(const struct route *route, struct text *words, struct text *unsaid);
void undo_words_rule(const struct rule *rule, struct text *words, struct text *unsaid);
void undo_words_nexthop(const struct nexthop *nexthop, struct text *words, struct text *unsaid);

/* Locked, which is said in one with it. */
bool undo_words_has_mtu(const struct route *route);

/* What keeps a lost object, or one that leads to a lost one, from being said: its line is a
 * comment, and whatever needs it has to be one too. */
void undo_words_object(const struct undo_loss *loss, uint32_t id, struct text *unsaid);

/* "# not in ip(8)'s words: encap of 'route 10.4.0.0/16 dev eth1'; oceanid-rollback puts it back" */
void undo_words_comment(const char *unsaid, const char *what, struct text *out);

#endif
