/*
 * meddle: others who, while a change stands, remove or replace what it has put, or what was there,
 * and links that flap; and what of all that has to be in the end.
 */
#ifndef TESTS_PLANS_MEDDLE_H
#define TESTS_PLANS_MEDDLE_H

#include "tests/plans/play_parts.h"

/* Does what is drawn to the objects of the plan. */
void meddle_do(const struct play *play);

/*
 * Of each object by itself, whoever has it from where: what others have put is there; what they
 * left of the change is not; what the change has removed is there unless they have put another in
 * its place, or it was said that it is not; what they have removed that the change left as it was
 * is not. applied, then: before and behind their doing. Prints what is wrong; false: nothing.
 */
bool meddle_is_wrong(const struct play *play, const struct dump *applied, const struct dump *then);

#endif
