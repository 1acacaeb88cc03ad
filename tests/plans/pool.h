/*
 * pool: the few devices, addresses, networks and numbers that hosts and plans are drawn from, so
 * that what one puts the other meets.
 */
#ifndef TESTS_PLANS_POOL_H
#define TESTS_PLANS_POOL_H

#include "tests/sim/chance.h"

enum { POOL_TEXT = 64 };

/* A stream of its own for each thing that is drawn: leaving one out moves no other. */
struct chance pool_stream(uint64_t seed, const char *what, uint64_t number);
/* One of count, from 0. */
unsigned pool_pick(struct chance *chance, unsigned count);

/* eth0 to eth2, br0; each has a number, by which its networks are known. */
const char *pool_device(struct chance *chance, unsigned *ret_number);
void pool_address(struct chance *chance, unsigned device, bool ipv6, char *to);
void pool_gateway(struct chance *chance, unsigned device, bool ipv6, char *to);
void pool_destination(struct chance *chance, bool ipv6, char *to);
unsigned pool_table(struct chance *chance);
unsigned pool_metric(struct chance *chance);
unsigned pool_priority(struct chance *chance);
unsigned
pool_object(struct chance *chance); /* a nexthop object's number: one hop, or a blackhole */
unsigned pool_group(struct chance *chance);
unsigned pool_mtu(struct chance *chance);

#endif
