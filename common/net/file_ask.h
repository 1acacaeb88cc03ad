/*
 * file_ask: what a configuration file asks networkd to make in the kernel: addresses, routes,
 * rules.
 *
 * Pure. Only what the file itself names; what comes by a lease or a router advertisement is theirs.
 * A device is not compared: which one a file is for may stand in another file.
 */
#ifndef COMMON_NET_FILE_ASK_H
#define COMMON_NET_FILE_ASK_H

#include "common/net/file_form.h"
#include "common/net/snapshot.h"

enum file_ask_kind { FILE_ASK_ADDRESS, FILE_ASK_ROUTE, FILE_ASK_RULE };

struct file_ask {
    enum file_ask_kind kind;
    unsigned entry; /* of the content */
    union {
        struct {
            struct address address;
            uint8_t prefix_len;
        } address;
        struct {
            struct prefix destination, source; /* family FAMILY_NONE: not named */
            struct address gateway, prefsrc;   /* not set: not named */
            uint32_t table, metric, mtu;       /* mtu 0: none */
            bool has_metric, is_default;       /* "default": the gateway tells which family's */
            uint8_t type;
        } route;
        struct {
            struct prefix source, destination; /* len 0: any */
            uint32_t priority, table, mark, mask;
            bool has_priority;
            int32_t suppress_prefixlength;
            char iif[DEVICE_SIZE], oif[DEVICE_SIZE];
        } rule;
    };
};

struct file_asks {
    struct file_ask *items; /* owned */
    size_t count, capacity;
    bool any_mtu; /* a route is asked for with whatever MTU it has */
};

/* Adds what the content asks for, of what file_form.h accepts. False where something else stands in
 * it, too. asks is the caller's, zeroed at first, ended with file_asks_done. */
bool file_asks_add(struct file_asks *asks, enum file_form form, const char *content);
void file_asks_done(struct file_asks *asks);

/* Whether networkd makes it of one of these. The hop, of a route: the only one, or of IPv6, whose
 * kernel makes one route of several, the one that is asked for; NULL: it has none. */
bool file_asks_address(const struct file_asks *asks, const struct link_address *own);
bool file_asks_route(const struct file_asks *asks, const struct route *route,
                     const struct hop **ret_hop);
bool file_asks_rule(const struct file_asks *asks, const struct rule *rule);

/* The one that asks for this route, of IPv6 also with another MTU than it names: the kernel moves
 * that with the device's (consequence_route.h). NULL: none. */
const struct file_ask *file_asks_find_moved(const struct file_asks *asks, const struct route *route,
                                            const struct hop **ret_hop);

/* What asked asks for, had asks for too. */
bool file_asks_cover(const struct file_asks *had, const struct file_asks *asked);

/* All that is asked for is there. */
bool file_asks_are_made(const struct file_asks *asks, const struct snapshot *now);

#endif
