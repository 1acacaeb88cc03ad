/*
 * protect: compiles `protect: [ssh, api-server, pods, services, controller]` for one node to the
 * shields that keep these flows on the way that they have now, and to the flows they protect.
 */
#ifndef COMMON_NET_PROTECT_H
#define COMMON_NET_PROTECT_H

#include "common/net/flow.h"
#include "common/net/operation.h"

enum protect_what {
    PROTECT_SSH = 1,
    PROTECT_API_SERVER = 2,
    PROTECT_PODS = 4,
    PROTECT_SERVICES = 8,
    PROTECT_CONTROLLER = 16,
};

struct protect_endpoint {
    struct address address;
    uint16_t port;
};

/* The fleet's facts; zero counts and len 0 mean "none". */
struct protect_cluster {
    struct prefix pods, services;
    uint32_t api_servers_count;
    struct protect_endpoint api_servers[8];
    uint32_t controllers_count;
    struct protect_endpoint controllers[8];
};

/* Where the shields and flows go; the arrays are the caller's. */
struct protect_plan {
    struct operation *operations;
    size_t operations_count, operations_max;
    struct protected_flow *flows;
    size_t flows_count, flows_max;
};

/* what: bits of enum protect_what. Appends to plan; ERR_LIMIT when it does not fit. */
bool protect_compile(unsigned what, const struct snapshot *snapshot,
                     const struct protect_cluster *cluster, struct protect_plan *plan,
                     struct err *err);

const char *protect_what_name(enum protect_what what);
bool protect_what_parse(const char *text, enum protect_what *ret_what);

#endif
