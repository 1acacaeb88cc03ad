/*
 * netns: a network namespace of the test's own, changed by ip(8) as an administrator would.
 */
#ifndef TESTS_UNIT_NETNS_H
#define TESTS_UNIT_NETNS_H

#include <stdbool.h>

#include "common/net/snapshot.h"

/* Whether this process may make namespaces; prints why it may not. */
bool netns_is_allowed(void);

/* A fresh one, with lo up and a pair eth0 - far0, both up and settled. For a cmocka setup. */
int netns_enter(void **state);

/* Lines for sh(1), each of which has to succeed; else the test ends and names them. */
void netns_run(const char *lines);

/* Waits for what the kernel does a moment later; at most 5 s, else the test ends and names it. */
typedef bool (*netns_state_fn)(const struct snapshot *now);
void netns_wait_for(netns_state_fn is_so, const char *what);

/* Waits for 2001:db8:1::10, that was added just now, and for others of 2001:db8::/32 on links that
 * are up: the kernel makes their local routes later. */
void netns_wait_for_ipv6(void);
/* Until the kernel has worked off that both ends of the cable are up. */
void netns_wait_for_links(void);

#endif
