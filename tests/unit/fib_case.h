/*
 * fib_case: a host with two networks and a tailnet, for the kernel's decision and for flows.
 */
#ifndef TESTS_UNIT_FIB_CASE_H
#define TESTS_UNIT_FIB_CASE_H

#include "common/net/flow.h"
#include "common/net/snapshot.h"

struct decision_case {
    const char *name;
    const char *lines; /* beside make_host's */
    struct flow flow;  /* without addresses */
    const char *to, *from;
    const char *expect; /* fib_explain */
};

/* text NULL: none. */
struct address address_of(const char *text);
/* What every case stands on, the usual rules, and its own lines (see ip_lines). Whoever asked owns
 * it. */
void make_host(struct snapshot *snapshot, const char *lines);
/* Prints the name of a case that is decided in another way. */
void expect_decisions(const struct decision_case *rows, size_t count);

#endif
