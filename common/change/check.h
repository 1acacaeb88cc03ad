/*
 * check: a named, typed expectation about a node, as an operator declares it or as it is built in.
 */
#ifndef COMMON_CHANGE_CHECK_H
#define COMMON_CHANGE_CHECK_H

#include "common/core/err.h"
#include "common/core/verdict.h"
#include "common/net/address.h"

enum check_kind {
    CHECK_ROUTE,      /* destination [from] -> device / gateway / table, exhaustive over it */
    CHECK_REPLY_PATH, /* answers from the uplink addresses to anywhere leave by their own link */
    CHECK_RULES,      /* a rule of this priority (and selector text) is there */
    CHECK_LINK,       /* device is up with carrier, mtu */
    CHECK_ADDRESS,    /* device has this address */
    CHECK_SYSCTL,     /* name = expect */
    CHECK_TAILSCALE,  /* backend Running, with an address */
    CHECK_EXIT_NODE,  /* `use` is the exit node, offered, and its data path answers */
    CHECK_EGRESS_ADDRESS,  /* GET url answers with expect */
    CHECK_TCP,             /* to: connects */
    CHECK_SSH,             /* to: banner, host key */
    CHECK_API_SERVER_PATH, /* direct path to `to`: not by the tailnet's device, and it connects */
    CHECK_CONTROLLER,      /* agent -> controller: session alive */
    CHECK_KIND_COUNT,
};

enum check_level { CHECK_LEVEL_BANNER, CHECK_LEVEL_HOST_KEY };

struct check {
    char name[NAME_SIZE];
    enum check_kind kind;
    enum severity severity;
    unsigned interval_s; /* default 30 */
    unsigned timeout_ms; /* default 5000 */
    unsigned attempts;   /* default 1: a failure counts after so many in a row */
    unsigned passes;     /* default 1: a pass counts after so many in a row */
    bool built_in;
    /* Parameters; which ones a kind takes stands in check.c's table. Empty: not given. */
    struct prefix destination;
    struct address from; /* of the reply path that is built in: where SSH is, if not everywhere */
    char iif[DEVICE_SIZE];
    char device[DEVICE_SIZE];
    struct address gateway;
    uint32_t table;
    uint32_t priority; /* of a rule */
    uint32_t mtu;
    char to[HOST_SIZE]; /* host or address */
    uint16_t port;
    char url[URL_SIZE];
    char use[NAME_SIZE];     /* an exit node's host name */
    char name_of[HOST_SIZE]; /* a sysctl's name, an address's text */
    char expect[REASON_SIZE];
    enum check_level level;
    char host_key[80]; /* "SHA256:..." as ssh-keygen -l prints; "" accepts any and reports it */
};

const char *check_kind_name(enum check_kind kind);
bool check_kind_parse(const char *text, enum check_kind *ret_kind);

/* Fills what was left zero with the defaults above. */
void check_set_defaults(struct check *check);

/* Whether the kind's parameters are there and in range, and no others. */
bool check_validate(const struct check *check, struct err *err);

#endif
