/*
 * operation: one typed step of a change that has an undo. One row a kind: validate, apply to a
 * snapshot (for prediction), print.
 *
 * Operations in a manifest are literal: addresses, tables, priorities, StableIDs. `protect` of a
 * change is compiled to rules and rescue routes that are marked as shields.
 */
#ifndef COMMON_NET_OPERATION_H
#define COMMON_NET_OPERATION_H

#include "common/core/err.h"
#include "common/core/text.h"
#include "common/net/snapshot.h"

enum operation_kind {
    OPERATION_ROUTE,
    OPERATION_RULE,
    OPERATION_SYSCTL,
    OPERATION_TAILSCALE,
    OPERATION_NEXTHOP,
    OPERATION_FILE,
    OPERATION_ADDRESS,
    OPERATION_LINK,
    OPERATION_KIND_COUNT,
};

enum {
    OCEANID_PROTOCOL = 153, /* our rtm_protocol and FRA_PROTOCOL */
    RESCUE_TABLE = 5100,
    SHIELD_PRIORITY_FROM = 5140,    /* from an uplink address: replies */
    SHIELD_PRIORITY_TO = 5141,      /* to controller, API server, pods, services */
    SHIELD_PRIORITY_RESCUE = 5145,  /* the same selectors again, looking up RESCUE_TABLE */
    USUAL_PRIORITY_MAIN = 32766,    /* the kernel's own `lookup main` and `lookup default`: */
    USUAL_PRIORITY_DEFAULT = 32767, /* only a shield puts them back, as the kernel's */
    RULE_PRIORITY_FIRST = 1,        /* what a change may use: 1..5199 and 5300..32765 */
    TAILSCALE_RULE_FIRST = 5200,    /* tailscaled's own: refused */
    TAILSCALE_RULE_LAST = 5299,
    TAILSCALE_TABLE = 52,
    LINK_MTU_MIN = 68, /* below, a device has no IPv4 */
    LINK_MTU_MAX = 65536,
    LINK_MTU_IPV6 = 1280,       /* below, the kernel takes IPv6 off the device */
    OPERATION_HOPS_MAX = 16,    /* of one route that a change puts */
    OPERATION_MEMBERS_MAX = 16, /* of one nexthop group likewise; others' may have more */
    OPERATION_WEIGHT_MAX = 255, /* of a hop or a member */
};

struct operation_hop {
    char device[DEVICE_SIZE]; /* resolved to hop.link on the node */
    struct hop hop;           /* link unused */
};

struct operation_route {
    bool absent;              /* remove instead of put */
    char device[DEVICE_SIZE]; /* of route.hop; "" for throw and the like, and with hops below */
    struct route route;       /* hop.link, hops and raw unused */
    uint32_t hops_count;      /* 0: route.hop is the only one, or there is none */
    struct operation_hop hops[OPERATION_HOPS_MAX];
};

struct operation_rule {
    bool absent;
    struct rule rule;
};

/* One of the kernel's own two, which shields put back: `32766: lookup main` or `32767: lookup
 * default`, without selectors. Whoever put it there, it is the same one. */
bool operation_is_usual_rule(const struct rule *rule);
/* The protocol that it is put under: the kernel's for those two, else Oceanid's. */
uint8_t operation_rule_protocol(const struct rule *rule);

/* A nexthop object: one hop, a blackhole, or a group of others. */
struct operation_nexthop {
    bool absent;
    char device[DEVICE_SIZE]; /* "" for a blackhole or a group */
    struct nexthop nexthop;   /* hop.link, members and raw unused */
    uint32_t members_count;   /* of a group */
    struct nexthop_member members[OPERATION_MEMBERS_MAX];
};

/* Its object with its members, which it lends. */
struct nexthop operation_nexthop_object(const struct operation_nexthop *operation);

struct operation_sysctl {
    struct sysctl setting;
};

/* Whether writing one value over the other takes away what that let through: IPv6 of a device,
 * forwarding, answers that come by another way, what a router tells. False where a setting has no
 * such sides. */
bool operation_sysctl_takes(const char *name, const char *from, const char *to);

/* Only fields whose set_* is true are written (MaskedPrefs). */
struct operation_tailscale {
    bool set_exit_node;
    char exit_node_id[TAILSCALE_ID_SIZE]; /* "" clears */
    char exit_node_name[NAME_SIZE];       /* or its address, as written: for people */
    bool set_allow_lan_access, allow_lan_access;
    bool set_accept_routes, accept_routes;
    bool set_advertise_routes;
    struct prefix advertise_routes[TAILSCALE_ROUTES_MAX];
    uint32_t advertise_routes_count;
};

/* See file_form.h for what is accepted. */
struct operation_file {
    bool absent;
    char path[FILE_PATH_SIZE]; /* in /etc */
    char content[FILE_CONTENT_SIZE];
};

struct operation_address {
    bool absent; /* remove instead of put */
    char device[DEVICE_SIZE];
    struct address address;
    uint8_t prefix_len;
};

/* Only what is set is written. */
struct operation_link {
    char device[DEVICE_SIZE];
    uint32_t mtu; /* 0: left as it is */
    bool set_up, up;
};

struct operation {
    enum operation_kind kind;
    bool shield; /* keeps a protected flow; removed last, re-asserted */
    union {
        struct operation_route route;
        struct operation_rule rule;
        struct operation_sysctl sysctl;
        struct operation_tailscale tailscale;
        struct operation_nexthop nexthop;
        struct operation_file file;
        struct operation_address address;
        struct operation_link link;
    };
};

const char *operation_kind_name(enum operation_kind kind);

/* The parts that need no node: ranges, tables, priorities, the sysctl allow-list, combinations. */
bool operation_validate(const struct operation *operation, struct err *err);

/* Whether it can be done on this snapshot: device and gateway there, key not someone else's
 * (ERR_CONFLICT), exit node among the peers and offered. */
bool operation_check(const struct operation *operation, const struct snapshot *snapshot,
                     struct err *err);

/* Already so on this snapshot? (idempotence) */
bool operation_holds(const struct operation *operation, const struct snapshot *snapshot);

/* Does to the snapshot what kernel and tailscaled would do, side effects included
 * (consequence.h). Tailscale prefs expand into table 52
 * as router_linux.go does: default routes, throws or captures by exit_node_allow_lan_access. */
void operation_predict(const struct operation *operation, struct snapshot *snapshot);

/* The route as the kernel is asked for it: under our protocol, each device by its number (0: not
 * there). ret_route->hops is the caller's to free. */
typedef uint32_t (*operation_link_fn)(void *context, const char *device);
void operation_resolve_route(const struct operation_route *operation, operation_link_fn link_fn,
                             void *context, struct route *ret_route);

/* Its metric, or what the kernel makes of none: the key of a route. */
uint32_t operation_route_metric(const struct route *route);

/* "rule 5140: from 203.0.113.10 lookup main", "tailscale: exit node srv712429-oceanid". */
void operation_render(const struct operation *operation, struct text *out);

/* The object that it touches, for quarantine per node and object: "rule 5140", "route default
 * table main metric 50", "sysctl net.ipv4.ip_forward", "tailscale exit-node". */
void operation_object(const struct operation *operation, struct text *out);
/* Prefs may be several objects: the i-th, from 0, which is the one above; false: there is none. */
enum { OPERATION_OBJECTS_MAX = 3 };
bool operation_object_at(const struct operation *operation, uint32_t i, struct text *out);

/* Whether it writes something that a reboot does not undo (Tailscale prefs, files). */
bool operation_persists(const struct operation *operation);

/* Why a throw-away network namespace cannot show what it does; NULL: it can. */
const char *operation_unseen(const struct operation *operation);

/* ---- of a file ---- */

/* Its trial content lies in /run; false: in /etc at once, because nothing in /run would be read. */
bool operation_file_tries_in_run(const struct operation_file *file, const struct snapshot *before);
/* What lies there: the content, or what takes the file of that name away. */
const char *operation_file_trial_content(const struct operation_file *file);
bool operation_file_has(const struct snapshot_file *there, const char *content);
/* The one of its places that is read: netplan's in /run before that in /etc, networkd's the other
 * way round; NULL: none is there, or they are not in the snapshot. */
const struct snapshot_file *operation_file_find_effective(const struct operation_file *file,
                                                          const struct snapshot *snapshot);
/* As it ends: in /etc as asked for, and nothing left in /run. */
bool operation_file_is_kept(const struct operation_file *file, const struct snapshot *snapshot);

#endif
