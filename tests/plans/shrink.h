/*
 * shrink: leaves out of a broken seed what it breaks without.
 */
#ifndef TESTS_PLANS_SHRINK_H
#define TESTS_PLANS_SHRINK_H

#include "tests/plans/play.h"

/* While it breaks in the same way; for some seconds. */
void shrink_choice(struct play_choice *choice);

/* "--seed 7 --parts 1,2", as the command line takes it. */
void shrink_print(const struct play_choice *choice);

#endif
