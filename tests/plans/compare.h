/*
 * compare: whether the kernel is as it was, but for what the documentation says is not put back.
 */
#ifndef TESTS_PLANS_COMPARE_H
#define TESTS_PLANS_COMPARE_H

#include "tests/plans/dump.h"

/* Prints what is missing, what is there besides, and (ordered) what stands in another order; false:
 * nothing differs. */
bool compare_differs(const struct dump *expected, const struct dump *found, bool ordered);

/* Adds to expected the lines that `then` has and `before` has not. */
void compare_add_new(struct dump *expected, const struct dump *before, const struct dump *then);

#endif
