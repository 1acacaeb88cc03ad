/*
 * agent: what the shipped checks of an agent (agent/core) say of what it finds when it looks.
 */
#ifndef TESTS_SIM_AGENT_H
#define TESTS_SIM_AGENT_H

#include "agent/core/checks.h"

/* What it looks at: a database that the change needs, its own session, another node's SSH. */
enum agent_look { LOOKS_AT_DATABASE, LOOKS_AT_SESSION, LOOKS_AT_SSH, AGENT_LOOK_COUNT };

/* The check as the fleet declares it, or as each agent has it. */
const struct check *agent_check(enum agent_look look);

/* By the judge of that kind. */
const struct verdict *agent_judges(enum agent_look look, enum probe_outcome found);

#endif
