/*
 * agents_home: a controller's directory for a fleet of simulated agents: keys, roster, trust, and a
 * rollout on trial on the first of them; and the shipped controller as a process that runs there.
 *
 * Ends the program with a message when something cannot be made.
 */
#ifndef TESTS_BENCH_AGENTS_HOME_H
#define TESTS_BENCH_AGENTS_HOME_H

#include <sys/types.h>

#include "common/change/proof.h"
#include "common/io/wire.h"
#include "tests/unit/link_peers.h"

enum { HOME_GUARDS = 4 };

struct home {
    char directory[200], database[240], socket[240], url[64];
    struct authority authority;
    struct identity agent;                /* the certificate that all agents show */
    struct sign_key *approver;            /* an operator too */
    struct sign_key *guards[HOME_GUARDS]; /* see home_guard */
    struct sign_key **keys;               /* of each agent */
    unsigned count;
    struct generation_id on_trial; /* of the first one */
    pid_t controller;              /* 0: it does not run */
};

/* Agents are called n0, n1, ... directory must be there and be empty. */
void home_make(struct home *home, const char *directory, unsigned count);
void home_done(struct home *home);

/* The key of that agent's guard; the first three have their own, a manifest wants that. */
const struct sign_key *home_guard(const struct home *home, unsigned index);

/* Starts the program and returns when it listens. */
void home_start(struct home *home, const char *program);
/* Sends it a signal and waits for its end. */
void home_end(struct home *home, int signal_number);

/* POST of a signed order to its local socket; false: it was not accepted. */
bool home_post_order(const struct home *home, struct bytes order);

/* Of a process: what it has used of the CPU, in seconds, and its memory that is resident, in KiB.
 */
double process_cpu_s(pid_t pid);
long process_rss_kib(pid_t pid);

double time_us(void); /* of the monotonic clock */

#endif
