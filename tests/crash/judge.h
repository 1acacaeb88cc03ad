/*
 * judge: whether a host is exactly as before or exactly as confirmed, and was told so.
 */
#ifndef TESTS_CRASH_JUDGE_H
#define TESTS_CRASH_JUDGE_H

#include "tests/crash/scenario.h"

/* Each sets ret_verdict->why where it is not as it should be, unless it is set already. */

/* The guard lives and has done all that it was asked for. */
void judge_living(const struct scenario *scenario, const struct beginning *beginning,
                  struct verdict_of_run *verdict);
/* It was started again and has answered for the attempt. */
void judge_recovered(const struct scenario *scenario, const struct beginning *beginning,
                     struct verdict_of_run *verdict);

#endif
