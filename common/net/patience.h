/*
 * patience: how long whoever may hang is waited for, in seconds, and what that comes to.
 *
 * Pure. The guard waits by it (apply_place.h, bus.h, apply_made.h), and a plan's times are counted
 * from it: a revert that takes longer than its budget is an alarm, so the budget has to hold.
 */
#ifndef COMMON_NET_PATIENCE_H
#define COMMON_NET_PATIENCE_H

#include "common/net/operation.h"

enum {
    PATIENCE_CALL_S = 2,        /* an answer of tailscaled, networkd, systemd */
    PATIENCE_GENERATORS_S = 10, /* systemd runs its generators, netplan's among them */
    PATIENCE_PLACE_S = 2,       /* a file's disk */
    PATIENCE_MADE_S = 1,        /* networkd makes what a file asks for */
};

/* Counted up over one plan's operations. */
struct patience {
    unsigned operations;
    unsigned apply_s, revert_s; /* of all that may hang */
    unsigned
        under_way_s; /* of the one that is under way when a revert begins, and ends by itself */
};
void patience_add(struct patience *patience, const struct operation *operation);

unsigned patience_apply_s(const struct patience *patience);
unsigned patience_revert_s(const struct patience *patience);

#endif
