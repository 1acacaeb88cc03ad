/*
 * undo_case: a small host, and operations on it whose undo is looked at.
 */
#ifndef TESTS_UNIT_UNDO_CASE_H
#define TESTS_UNIT_UNDO_CASE_H

#include "common/net/operation.h"

/* eth0 with an address and the default route, eth1, the usual rules, and lines (see ip_lines).
 * Whoever asked owns it. */
void make(struct snapshot *snapshot, const char *lines);
/* Of a line for ip_lines, behind "remove " where it is to go. */
struct operation operation_of(const char *line);
void put_sysctl(struct snapshot *snapshot, const char *name, const char *value);
/* What net.ipv4.ip_forward and what follows from it are. */
void make_forwarding(struct snapshot *snapshot, const char *global, const char *eth0,
                     const char *redirects);
/* The exit node nEXIT, and LAN access with it. */
struct operation use_exit_node(void);

#endif
