/*
 * snapshot: everything that decides where a host's packets go, at one moment, as plain values.
 *
 * Filled by agent/io/netlink from the kernel, by wire from a report, by tests by hand. Constants
 * (table, type, protocol, scope, action) are the kernel's own numbers from <linux/rtnetlink.h> and
 * <linux/fib_rules.h>. Order is state: addresses of a link, rules of one priority and routes of one
 * key stay in the order in which the kernel listed them.
 */
#ifndef COMMON_NET_SNAPSHOT_H
#define COMMON_NET_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/limits.h"
#include "common/core/text.h"
#include "common/net/address.h"

struct link {
    uint32_t index;
    char name[DEVICE_SIZE];
    char kind[DEVICE_SIZE]; /* IFLA_INFO_KIND, "" for hardware */
    uint32_t mtu;
    uint32_t master;  /* index, 0 for none */
    uint32_t lower;   /* index of the one that it stands on, as a VLAN does; 0 for none, or one in
                       * another namespace. Not the other end of a pair */
    uint32_t group;   /* IFLA_GROUP: a rule may suppress the ways by it; not compared */
    bool group_known; /* false: of before it was read */
    bool up;          /* IFF_UP */
    bool carrier;     /* IFF_LOWER_UP */
    bool loopback;
};

struct link_address {
    uint32_t link; /* index */
    struct address address;
    uint8_t prefix_len;
    uint8_t scope;
    uint8_t protocol; /* IFA_PROTO, 0 if unknown */
    bool secondary;
    bool tentative; /* also dadfailed; not compared */
    bool temporary;
    bool deprecated;
    bool permanent; /* no valid_lft: not from DHCP or RA */
    bool noprefixroute;
    bool mngtmpaddr;          /* the kernel derives temporary ones from it: RA's */
    uint32_t metric;          /* IFA_RT_PRIORITY, 0 for none */
    struct address peer;      /* of a point-to-point link; not set otherwise */
    struct address broadcast; /* not set for none */
    char label[DEVICE_SIZE];  /* "" where it is the device's name */
};

struct hop {
    uint32_t link;
    struct address gateway; /* of either family (RTA_VIA) */
    uint8_t weight;         /* rtnh_hops + 1 */
    bool onlink;
    bool dead; /* RTNH_F_DEAD; not compared */
};

enum { /* of an advertised router (RFC 4191) */
       ROUTE_PREFERENCE_MEDIUM = 0,
       ROUTE_PREFERENCE_HIGH = 1,
       ROUTE_PREFERENCE_LOW = 3,
};

struct route {
    struct prefix destination;
    struct prefix source; /* IPv6 source routing; len 0 otherwise */
    uint32_t table;
    uint32_t metric; /* RTA_PRIORITY */
    uint8_t tos;
    uint8_t protocol;
    uint8_t scope;
    uint8_t type;       /* RTN_UNICAST, RTN_THROW, ... */
    uint8_t preference; /* RTA_PREF */
    bool clone;         /* RTM_F_CLONED, or an exception: never compared, never restored */
    bool expires;       /* an RA route with a lifetime: reported only */
    struct address prefsrc;
    uint32_t nexthop_id; /* RTA_NH_ID, 0 for none */
    uint32_t mtu;        /* RTAX_MTU, 0 for none */
    bool mtu_locked;     /* RTAX_LOCK; not compared, and not known of a route from a message */
    uint32_t hops_count;
    struct hop hop;   /* the only one, when hops_count is 1 */
    struct hop *hops; /* all of them when hops_count > 1; owned by the snapshot */
    uint8_t *raw;     /* the message's rtmsg and attributes; owned by the snapshot; may be NULL */
    uint32_t raw_len;
};

struct rule {
    uint8_t family;
    uint8_t action; /* FR_ACT_TO_TBL, FR_ACT_GOTO, ... */
    uint8_t tos;
    uint8_t protocol; /* FRA_PROTOCOL */
    uint8_t ip_proto;
    bool invert;       /* FIB_RULE_INVERT: "not" */
    bool l3mdev;       /* the table is that of the packet's VRF; of no other packet */
    uint32_t priority; /* always written back, also when 0 */
    uint32_t table;
    uint32_t goto_priority;
    uint32_t mark, mask;
    uint64_t tun_id;                                           /* 0: any */
    uint32_t uid_first, uid_last;                              /* 0 and UINT32_MAX: any */
    uint16_t sport_first, sport_last, dport_first, dport_last; /* 0: any */
    int32_t suppress_prefixlength;                             /* -1: none */
    int32_t suppress_ifgroup;                                  /* -1: none */
    char iif[DEVICE_SIZE], oif[DEVICE_SIZE];
    struct prefix source, destination; /* len 0: any */
    uint16_t unknown;                  /* the first attribute that we do not know; 0: none. It may
                                          select: nobody can say which packets the rule is for */
    uint64_t unknown_sum;              /* tells what all of them say from anything else */
    uint8_t *raw;                      /* fib_rule_hdr and attributes; owned by the snapshot */
    uint32_t raw_len;
};

struct nexthop_member {
    uint32_t id;
    uint32_t weight; /* 16 bits of it since Linux 6.12, 8 before */
};

struct nexthop {
    uint32_t id;
    uint8_t family;
    uint8_t protocol;
    bool blackhole;
    bool group;
    struct hop hop;
    uint32_t members_count;
    struct nexthop_member *members; /* all of a group's; owned by the snapshot */
    uint8_t *raw;                   /* likewise */
    uint32_t raw_len;
};

enum { SYSCTL_NAME_SIZE = 96, SYSCTL_VALUE_SIZE = 64, SYSCTLS_MAX = 4096 };
struct sysctl {
    char
        name[SYSCTL_NAME_SIZE]; /* net.ipv4.conf.eth0.rp_filter, "/" inside a device as sysctl(8) */
    char value[SYSCTL_VALUE_SIZE];
};

enum tailscale_presence { TAILSCALE_ABSENT, TAILSCALE_SILENT, TAILSCALE_ANSWERS };
enum {
    TAILSCALE_ID_SIZE = 64,
    TAILSCALE_ROUTES_MAX = 64,
    TAILSCALE_ADDRESSES_MAX = 4,
    TAILSCALE_PROFILE_SIZE = 16
};

struct tailscale_peer {
    char id[TAILSCALE_ID_SIZE]; /* StableNodeID */
    char host_name[NAME_SIZE];
    char dns_name[HOST_SIZE];
    struct address addresses[TAILSCALE_ADDRESSES_MAX];
    uint32_t addresses_count;
    bool online, exit_node_option, direct; /* direct: CurAddr is set */
};

/* Whose the prefs are: tailscaled keeps several sets of them, of which one is current (`tailscale
 * switch`). Not logged in, it has no node_id. */
struct tailscale_profile {
    char node_id[TAILSCALE_ID_SIZE]; /* this node's StableID in it */
    char control[128];               /* its server's URL, cut; a StableID says nothing elsewhere */
    char name[NAME_SIZE];            /* the account, cut, or how a person named it */
    char id[TAILSCALE_PROFILE_SIZE]; /* tailscaled's own for it; "" where only prefs were read */
};

/* Whether tailscaled still has the profile of another moment, which is not current now. */
enum tailscale_home { HOME_UNASKED, HOME_THERE, HOME_GONE };

struct tailscale {
    enum tailscale_presence presence;
    char why[REASON_SIZE]; /* when it does not answer: what was observed */
    char backend_state[24];
    char version[48];
    char exit_node_id[TAILSCALE_ID_SIZE]; /* "" for none */
    struct address exit_node_ip;
    char auto_exit_node[24];
    bool exit_node_allow_lan_access, accept_routes, want_running;
    bool self_exit_node_option;
    struct prefix advertise_routes[TAILSCALE_ROUTES_MAX];
    uint32_t advertise_routes_count;
    char advertise_routes_unread[128]; /* why these are not all that it advertises; "" if they are.
                                        * Stays on the node: no change is made by such a list */
    struct address addresses[TAILSCALE_ADDRESSES_MAX]; /* own */
    uint32_t addresses_count;
    struct tailscale_peer *peers; /* owned by the snapshot */
    uint32_t peers_count;
    struct tailscale_profile profile; /* stays on the node, as does what follows */
    enum tailscale_home home;
};

/* A configuration file, or a place where one may be. Only the guard reads them, and only those that
 * an operation names. */
struct snapshot_file {
    char path[FILE_PATH_SIZE];
    bool there;
    bool irregular; /* a link, a device, or larger than FILE_SIZE_MAX: its content is not read */
    bool has_directory;
    uint32_t mode, uid, gid;
    uint8_t *data; /* owned by the snapshot; NULL when not there or empty */
    uint32_t len;
};

/* Caller's storage; the arrays are the snapshot's. *_capacity is for the one who fills it. */
struct snapshot {
    struct link *links;
    size_t links_count, links_capacity;
    struct link_address *addresses;
    size_t addresses_count, addresses_capacity;
    struct route *routes;
    size_t routes_count, routes_capacity;
    struct rule *rules;
    size_t rules_count, rules_capacity;
    struct nexthop *nexthops;
    size_t nexthops_count, nexthops_capacity;
    struct sysctl *sysctls;
    size_t sysctls_count, sysctls_capacity;
    struct tailscale tailscale;
    struct snapshot_file *files;
    size_t files_count, files_capacity;
};

void snapshot_init(struct snapshot *snapshot);
void snapshot_done(struct snapshot *snapshot);
void snapshot_copy(struct snapshot *to, const struct snapshot *from); /* to is initialised here */

/* Append a zeroed item and return it; valid until the next append. */
struct link *snapshot_add_link(struct snapshot *snapshot);
/* A copy of link, unless one of its number is there or link is NULL. */
void snapshot_take_link(struct snapshot *snapshot, const struct link *link);
struct link_address *snapshot_add_address(struct snapshot *snapshot);
struct route *snapshot_add_route(struct snapshot *snapshot);
struct rule *snapshot_add_rule(struct snapshot *snapshot);
struct nexthop *snapshot_add_nexthop(struct snapshot *snapshot);
/* One like this, of the snapshot's own. */
struct nexthop *snapshot_copy_nexthop(struct snapshot *snapshot, const struct nexthop *nexthop);
struct sysctl *snapshot_add_sysctl(struct snapshot *snapshot);
struct snapshot_file *snapshot_add_file(struct snapshot *snapshot);

/* Take one item out; the others keep their order. */
void snapshot_remove_nexthop(struct snapshot *snapshot, size_t index);
void snapshot_remove_route(struct snapshot *snapshot, size_t index);
void snapshot_remove_rule(struct snapshot *snapshot, size_t index);

/* Brings into normal form: links by index, routes by (table, family, destination, metric, tos),
 * stable for what is equal; rules stay in kernel order (priority, then as listed). */
void snapshot_sort(struct snapshot *snapshot);

/* The order of the normal form; 0 for the same key. */
int snapshot_compare_routes(const struct route *a, const struct route *b);
int snapshot_compare_rules(const struct rule *a, const struct rule *b);

/* Of one in normal form: how many routes to that destination are in the table, and the first. */
size_t snapshot_find_routes(const struct snapshot *snapshot, uint32_t table,
                            const struct prefix *destination, size_t *ret_first);

/* NULL: not there. */
const struct link *snapshot_find_link(const struct snapshot *snapshot, uint32_t index);
const struct link *snapshot_find_device(const struct snapshot *snapshot, const char *name);
const struct sysctl *snapshot_find_sysctl(const struct snapshot *snapshot, const char *name);
const struct nexthop *snapshot_find_nexthop(const struct snapshot *snapshot, uint32_t id);
const struct snapshot_file *snapshot_find_file(const struct snapshot *snapshot, const char *path);

#endif
