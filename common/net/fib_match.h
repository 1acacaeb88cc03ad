/*
 * fib_match: whether a rule's selectors take a flow.
 */
#ifndef COMMON_NET_FIB_MATCH_H
#define COMMON_NET_FIB_MATCH_H

#include <stdbool.h>

#include "common/net/flow.h"
#include "common/net/snapshot.h"

/* A selector of length 0 takes all. An address that is not set yet is 0.0.0.0 to the kernel, and
 * no address at all in IPv6 (RT6_LOOKUP_F_HAS_SADDR). */
bool fib_match_prefix(const struct prefix *selector, const struct address *address, uint8_t family);

/* All of its selectors; "not" is not looked at. */
bool fib_match_rule(const struct rule *rule, const struct flow *flow);

#endif
