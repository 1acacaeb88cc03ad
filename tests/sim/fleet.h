/*
 * fleet: a thousand nodes and more under one clock, in fleets of the size that a fleet may have
 * (NODES_MAX, less the witness and what one start carries).
 */
#ifndef TESTS_SIM_FLEET_H
#define TESTS_SIM_FLEET_H

#include "tests/sim/sim.h"

/* One of so many fleets asks its gates before each of its stages: a forecast of every node that is
 * still to come, fifty times, costs as much as all the rest. */
enum { FLEET_NODES = 50, FLEETS_MAX = 100, FLEETS_A_GATE = 4 };

/* Runs until every fleet has come to its end; prints how much faster than real time that went. 0
 * when every invariant held. */
int fleet_run(unsigned nodes, enum world_way way, uint64_t seed);

#endif
