/*
 * agent_bench: the program oceanid-agent between a controller and a guard that a test plays.
 */
#ifndef TESTS_UNIT_AGENT_BENCH_H
#define TESTS_UNIT_AGENT_BENCH_H

#include <sys/types.h>

#include "tests/unit/fake_controller.h"

enum { REQUESTS_MAX = 64 };

struct agent_bench {
    struct fake_controller fake;
    struct sign_key *guard_key, *witness_key;
    char socket[128], config[128];
    int listen_fd, guard_fd;
    pid_t pid;
    uint32_t requests_count;
    struct guard_request *requests[REQUESTS_MAX]; /* what the guard was told; owned */
    unsigned stacks_given;
    uint32_t standing;      /* how many changes stand by the guard's stack */
    uint64_t receipt_index; /* of the guard's last receipt */
    bool with_tailscaled;   /* set before the start: one that takes connections and says nothing */
    bool guard_is_late;     /* likewise: nobody listens there before agent_bench_start_guard() */
    int tailscaled_fd;
    int ssh_fd; /* a port that listens: the subject's "sshd" */
    uint16_t ssh_port;
    struct wire_bytes body;
    struct hash body_hash;
};
extern struct agent_bench bench; /* one program is tested at a time */

/* Group setup and teardown: installs, starts the program; ends it, which must go well. */
int agent_bench_start(void **state);
int agent_bench_stop(void **state);

/* Plays the guard (which answers with its stack by itself) until it is so. */
void agent_bench_await(bool (*is_so)(void), const char *what);

/* The change that stands there, counted from 0. */
struct generation_id agent_bench_generation(uint32_t place);

/* There is a guard from now on: of the start, where it is not late. */
void agent_bench_start_guard(void);

/* tailscaled ends. */
void agent_bench_end_tailscaled(void);

/* What the guard says. */
void agent_bench_report(const struct guard_report *report);

/* The newest request of that kind that the guard was told; NULL: none. */
const struct guard_request *agent_bench_find(enum guard_request_kind kind);

/* What the controller says, when a poll is parked. */
bool agent_bench_has_poll(void);
void agent_bench_command(const struct session_reply *command);
void agent_bench_command_guard(uint64_t id, const struct guard_request *request);

#endif
