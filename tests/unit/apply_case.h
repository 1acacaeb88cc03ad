/*
 * apply_case: what the tests of apply share: operations from lines, one look, one step.
 */
#ifndef TESTS_UNIT_APPLY_CASE_H
#define TESTS_UNIT_APPLY_CASE_H

#include "agent/guard/io/apply.h"

extern struct apply apply_case; /* without Tailscale, until a test gives it a socket */

/* cmocka's setup and teardown: a fresh namespace (netns_enter). */
int apply_case_enter(void **state);
int apply_case_leave(void **state);

/* Gives eth0 203.0.113.10/24 and 2001:db8:1::10/64 and a default route, then runs the lines, and
 * remembers what is there. */
void apply_case_begin(const char *lines);
/* Remembers this moment instead. */
void apply_case_remember(void);
/* What differs from that moment, as lines. */
void apply_case_check(const char *difference);
const char *apply_case_now(void);
/* The addresses stand in the order of that moment, with protocol, scope, label and metric, for ever
 * and deprecated where they were. */
void apply_case_check_order(void);

/* An operation from a line of ip_lines; its devices are eth0, far0 and tailscale0. */
struct operation apply_case_operation(const char *line);
struct operation apply_case_removal(const char *line);
struct operation apply_case_sysctl(const char *name, const char *value);

/* "203.0.113.11/24". */
struct operation apply_case_address(const char *text, const char *device, bool absent);
/* mtu 0: left; state NULL: left, "up", "down". */
struct operation apply_case_link(const char *device, uint32_t mtu, const char *state);

void apply_case_read(struct snapshot *snapshot);

/* Derives the undo from this moment. */
void apply_case_derive(const struct operation *operation, struct undo_item *item);
/* Derives and runs; fails the test with the error. */
void apply_case_run(const struct operation *operation, struct undo_item *item);
/* Undoes; fails the test where the outcome is another. Returns the reason. */
const char *apply_case_undo(const struct undo_item *item, enum revert_outcome expected);

/* Runs, compares the difference, runs again (already so), undoes both twice; nothing differs. */
void apply_case_there_and_back(const struct operation *operation, const char *difference);

/* As every apply has one; the caller closes it (apply_netlink_close). */
struct nl_sock *apply_case_socket(void);

/* The differences between two moments as lines; valid until the next call. */
const char *apply_case_difference(const struct snapshot *before, const struct snapshot *after);

#endif
