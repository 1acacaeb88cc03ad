/*
 * compare: whether the kernel is as it was, but for what the documentation says is not put back.
 */
#ifndef TESTS_PLANS_COMPARE_H
#define TESTS_PLANS_COMPARE_H

#include "tests/plans/dump.h"

struct compare_how {
    const char *unordered; /* lines that begin so have no order; NULL: each has one */
    bool may_lack;         /* rules, nexthop objects and routes; then others are in their place */
};

/* Prints what is missing, what is there besides, and what stands in another order; false: nothing
 * differs. */
bool compare_differs(const struct dump *expected, const struct dump *found, struct compare_how how);

/* Adds to expected the lines that `then` has and `before` has not. */
void compare_add_new(struct dump *expected, const struct dump *before, const struct dump *then);

/* What docs/undo.md says is a router's to set. */
bool compare_passes_over(const char *line);

/* Cuts word and its value out of each line that begins so and has that. */
void compare_forget(struct dump *dump, const char *begins, const char *has, const char *word);

#endif
