/*
 * flow: one kind of traffic that must keep working, as the kernel's decision sees it.
 */
#ifndef COMMON_NET_FLOW_H
#define COMMON_NET_FLOW_H

#include "common/core/limits.h"
#include "common/net/address.h"

/* The arguments of one routing decision. Zero means "not given". */
struct flow {
    struct address destination;
    struct address source;
    char iif[DEVICE_SIZE]; /* "" for locally generated */
    char oif[DEVICE_SIZE]; /* bound to a device */
    uint32_t mark;
    uint32_t uid;
    uint8_t tos;
    uint8_t ip_proto;
    uint16_t sport, dport;
};

/* A declared expectation about all destinations in a prefix. */
struct protected_flow {
    char name[NAME_SIZE];         /* "ssh-reply", "api-server", "controller", ... */
    struct flow flow;             /* destination is ignored */
    struct prefix destination;    /* every address in it; len 0 = anywhere */
    char device[DEVICE_SIZE];     /* must leave here; "" = any but not_device */
    char not_device[DEVICE_SIZE]; /* must not leave here (nor need it leave); "" = none */
    struct address gateway;       /* set: must go through it */
};

#endif
