/*
 * apply_netlink: the few changes that are asked of the kernel, one acknowledged message each.
 *
 * An error carries the kernel's own words (extended ack). ERR_MISSING: object, device or way to the
 * gateway is not there; ERR_CONFLICT: something of that key is there; else ERR_SYSTEM.
 */
#ifndef AGENT_GUARD_IO_APPLY_NETLINK_H
#define AGENT_GUARD_IO_APPLY_NETLINK_H

#include "common/core/err.h"
#include "common/net/snapshot.h"

struct nl_msg;
struct nl_sock;

struct nl_sock *apply_netlink_open(struct err *err);
void apply_netlink_close(struct nl_sock *socket);

/* Takes the message, sends it with NLM_F_ACK and waits for the answer. what is for the error. */
bool apply_netlink_request(struct nl_sock *socket, struct nl_msg *take_message, const char *what,
                           struct err *err);

/* What one datagram of the kernel's says of the request with that number. */
enum apply_ack { APPLY_ACK_NONE, APPLY_ACK_DONE, APPLY_ACK_REFUSED };
enum apply_ack apply_ack_read(void *datagram, int len, uint32_t number, const char *what,
                              struct err *err);
/* Waits for it, 2 s. True: the kernel has done it. */
bool apply_ack_wait(struct nl_sock *socket, uint32_t number, const char *what, struct err *err);

enum apply_put {
    APPLY_EXCLUSIVE, /* must not exist */
    APPLY_REPLACE,   /* the caller has seen that what is there is ours */
    APPLY_APPEND,    /* behind what is there of its key, or of its priority, to keep the order */
    APPLY_PREPEND,   /* before it: IPv4 routes only */
};

/* From the raw bytes if there are any, else from the fields. hop.link is the device. */
bool apply_netlink_put_route(struct nl_sock *socket, const struct route *route, enum apply_put how,
                             struct err *err);
bool apply_netlink_put_rule(struct nl_sock *socket, const struct rule *rule, enum apply_put how,
                            struct err *err);
/* check_duplicate: for one that was not there; else it is usable at once (NODAD), because routes
 * with it as their source wait for it. */
bool apply_netlink_put_address(struct nl_sock *socket, const struct link_address *address,
                               bool check_duplicate, struct err *err);
bool apply_netlink_delete_address(struct nl_sock *socket, const struct link_address *address,
                                  struct err *err);

/* mtu 0: left as it is. up NULL: likewise. */
bool apply_netlink_set_link(struct nl_sock *socket, const struct link *link, uint32_t mtu,
                            const bool *up, struct err *err);

/* Exactly this one, its protocol included; ERR_MISSING if it is not there. The kernel takes the
 * first rule that matches all that is given: apply_rule.h sees to it that this is the right one. */
bool apply_netlink_delete_route(struct nl_sock *socket, const struct route *route, struct err *err);
bool apply_netlink_delete_rule(struct nl_sock *socket, const struct rule *rule, struct err *err);

/* The RTM_NEWROUTE that puts this route, for who sends many at once; the caller's to free. flags:
 * NLM_F_CREATE and the like. */
struct nl_msg *apply_netlink_route_message(const struct route *route, int flags);
/* type: RTM_NEWRULE or RTM_DELRULE. */
struct nl_msg *apply_netlink_rule_message(const struct rule *rule, int type, int flags);
/* Puts it, usable at once, where it is not there; or deletes it. */
struct nl_msg *apply_netlink_address_message(const struct link_address *address, bool deletes);

#endif
