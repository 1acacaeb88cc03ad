/*
 * fib_case: a host with two networks and a tailnet, for the kernel's decision and for flows.
 */
#ifndef TESTS_UNIT_FIB_CASE_H
#define TESTS_UNIT_FIB_CASE_H

#include "common/net/snapshot.h"

/* text NULL: none. */
struct address address_of(const char *text);
/* What every case stands on, the usual rules, and its own lines (see ip_lines). Whoever asked owns
 * it. */
void make_host(struct snapshot *snapshot, const char *lines);

#endif
