/*
 * plan: the two signed changes of every run, and the keys of those who sign.
 *
 * The first is confirmed before a run begins; the second is the one on trial. It adds, replaces and
 * removes what the first put, and sets an exit node behind shields; or, on other ground, changes
 * addresses, links and nexthop objects that others stand on.
 */
#ifndef TESTS_CRASH_PLAN_H
#define TESTS_CRASH_PLAN_H

#include "common/io/sign.h"
#include "common/io/wire.h"

enum ground { GROUND_EXIT, GROUND_LINKS, GROUNDS };
enum { PLAN_FIRST, PLAN_SECOND, PLAN_LINKS_FIRST, PLAN_LINKS_SECOND, PLANS };
enum { PLANS_OF_GROUND = PLANS / GROUNDS }; /* one above the other */
enum { PLAN_WITNESSES = 2 };

extern const char *const plan_witnesses[PLAN_WITNESSES];

struct plan {
    struct wire_bytes body, approval;
    struct attempt attempt;
};

struct plans {
    struct sign_key *guard, *approver, *agent, *witness[PLAN_WITNESSES];
    struct plan plan[PLANS];
};

/* Makes the keys, the guard's in directory/key.pem too, the trust root there, and signs both. */
void plans_make(struct plans *plans, const char *directory);

#endif
