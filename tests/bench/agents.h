/*
 * agents: many simulated agents in one process, over real links: each says hello, has a poll parked
 * and reports as often as it is told; who loses its connection dials again as the shipped agent
 * does. The caller's thread turns them; the library's threads only note what came.
 */
#ifndef TESTS_BENCH_AGENTS_H
#define TESTS_BENCH_AGENTS_H

#include "common/io/wire_session.h"
#include "tests/bench/agents_home.h"

struct agents;

/* A guard's request that came in a command; came_us: when the library had it (time_us). */
typedef void (*agents_guard_fn)(void *context, unsigned index, const struct guard_request *request,
                                double came_us);
/* It is asked to look at somebody's SSH. */
typedef void (*agents_witness_fn)(void *context, unsigned index, const struct nonce *nonce);

/* home is lent. The first of them says of its guard that it has home's generation on trial. */
struct agents *agents_new(const struct home *home, agents_guard_fn guard_fn,
                          agents_witness_fn witness_fn, void *context);
void agents_free(struct agents *agents);

/* Dials them all now, or as soon as they have lost their connection. */
void agents_turn(struct agents *agents);
unsigned agents_welcomed(const struct agents *agents);

/* Each reports every interval_ms from now on; 0: nobody does. */
void agents_set_reports(struct agents *agents, unsigned interval_ms);
/* From then on that one has so many reports open all the time; 0: as everybody. */
void agents_set_flood(struct agents *agents, unsigned index, unsigned open_count);

struct agents_tally {
    uint64_t reports, floods; /* acknowledged; of the flood */
    unsigned unheard;         /* of whose reports none was acknowledged; who floods is left out */
    unsigned latencies_count;
    double *latencies; /* of reports, microseconds; lent */
};
void agents_tally(const struct agents *agents, struct agents_tally *ret_tally);
/* Begins to count anew. */
void agents_reset(struct agents *agents);

/* What everybody's report looks like; lent. */
struct bytes agents_report(const struct agents *agents);

/* Reports at once, beside the others. */
void agents_say_guard(struct agents *agents, unsigned index, const struct guard_report *report);
void agents_say_statement(struct agents *agents, unsigned index, const struct statement *statement);

#endif
