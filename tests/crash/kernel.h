/*
 * kernel: the namespace of a crash state: its devices, and all of it as lines of text.
 *
 * Shares no code with what it judges: it speaks rtnetlink by itself and reads /proc/sys.
 */
#ifndef TESTS_CRASH_KERNEL_H
#define TESTS_CRASH_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

/* A namespace like a new one, or a new one: eth0 with an address of each family and a default
 * route, tailscale0; for links also eth1 and eth2 with addresses, routes and objects of others. */
void kernel_enter_fresh(void);

/* What the kernel does behind a change of link or address in its own time is done: carrier, and
 * IPv6 of what has come up. */
void kernel_settle(void);

/* Links, rules and addresses in their order, nexthop objects, routes sorted, sysctls: a line each.
 */
void kernel_dump(char *to, size_t size);

/* Which of the rules that shield are there: bits of SHIELD_*. */
unsigned kernel_shields(void);

/* What tailscaled does: the default routes of table 52. */
void kernel_put_table_52(bool there);

#endif
