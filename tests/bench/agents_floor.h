/*
 * agents_floor: what is under a controller with many agents: a process that answers each request
 * with its own bytes, over the same links, with as many connections.
 */
#ifndef TESTS_BENCH_AGENTS_FLOOR_H
#define TESTS_BENCH_AGENTS_FLOOR_H

#include "tests/bench/agents_home.h"

struct floor {
    double connect_s;      /* until all were connected and had their first answer */
    double connection_kib; /* of its memory, for each */
    double request_us;     /* of its CPU, for each request */
    unsigned requests;
};

/* On the controller's address, which must be free: count connections, each asking what is given
 * every interval_ms. */
void floor_measure(const struct home *home, struct bytes request, unsigned interval_ms,
                   double seconds, struct floor *ret_floor);

#endif
