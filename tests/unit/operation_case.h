/*
 * operation_case: a host with a little of everything, and operations on it.
 */
#ifndef TESTS_UNIT_OPERATION_CASE_H
#define TESTS_UNIT_OPERATION_CASE_H

#include "common/net/operation.h"

/* eth0, eth1 (down) and tailscale0, of which eth0 has addresses; tailscaled answers and knows the
 * exit node nEXIT and the laptop nLAPTOP. Whoever asked owns it. */
void make_host(struct snapshot *snapshot);
/* Of a line for ip_lines, with the devices eth0, eth1 and wg0. */
struct operation operation_of(const char *line);
struct operation sysctl_of(const char *name, const char *value);
struct operation exit_node_of(const char *id);

#endif
