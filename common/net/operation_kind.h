/*
 * operation_kind: one row a kind of operation: what operation.c does with each.
 */
#ifndef COMMON_NET_OPERATION_KIND_H
#define COMMON_NET_OPERATION_KIND_H

#include "common/net/operation.h"

struct operation_row {
    const char *name;
    bool persists; /* a reboot does not undo it */
    /* Why a network namespace cannot show what it does; NULL: it can, so it has to be rehearsed. */
    const char *unseen;
    bool (*validate)(const struct operation *operation, struct err *err);
    bool (*check)(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err);
    bool (*holds)(const struct operation *operation, const struct snapshot *snapshot);
    void (*predict)(const struct operation *operation, struct snapshot *snapshot);
    void (*render)(const struct operation *operation, struct text *out);
    void (*object)(const struct operation *operation, struct text *out);
    /* NULL: object is the only one. */
    bool (*object_at)(const struct operation *operation, uint32_t i, struct text *out);
};

extern const struct operation_row operation_route_row;
extern const struct operation_row operation_rule_row;
extern const struct operation_row operation_sysctl_row;
extern const struct operation_row operation_tailscale_row;
extern const struct operation_row operation_nexthop_row;
extern const struct operation_row operation_address_row;
extern const struct operation_row operation_link_row;

/* What a change may ask of a hop. */
bool operation_validate_hop(const struct hop *hop, struct err *err);

/* Whether the kernel takes a hop by this device on this snapshot: the device is there and up, the
 * gateway a neighbour (or `onlink`) and no address of the node's own. */
bool operation_check_hop(const char *device, const struct hop *hop, const struct snapshot *snapshot,
                         struct err *err);
bool operation_has_address(const struct snapshot *snapshot, const struct address *address);
extern const struct operation_row operation_file_row;

/* The allow-list of settings, for who reads them: "net.ipv4.conf." and "rp_filter", with a device,
 * "all" or "default" in between; key "" where there is no device. False behind the last. */
bool operation_sysctl_setting(uint32_t i, const char **ret_group, const char **ret_key);

#endif
