/*
 * inputs: what a change is compiled from: the change, the operator's fleet.yaml, the signed roster
 * and the targets' snapshots.
 */
#ifndef CONTROLLER_CTL_INPUTS_H
#define CONTROLLER_CTL_INPUTS_H

#include "common/change/change.h"
#include "common/io/wire.h"
#include "controller/ctl/ctl.h"

/* Large: heap. inputs_free ends it, also after a refusal. */
struct inputs {
    struct change change;
    struct fleet_file fleet;
    struct hash fleet_hash;
    bool fleet_is_controllers; /* nobody gave another: it is the controller's copy */
    struct roster roster;
    uint32_t snapshots_count;
    struct snapshot snapshots[NODES_MAX]; /* in the order of change.targets */
    struct manifest manifest;             /* what it compiled to */
    struct wire_bytes body;               /* its bytes */
};

/* Reads FILE and fleet.yaml (--fleet FILE, else the operator's directory, else the controller's
 * copy, which is said), fetches the rest, compiles; says on stderr what the controller's fleet.yaml
 * would have the guards protect beside that. NULL with err. */
struct inputs *inputs_compile(struct ctl *ctl, const char *path, const char *fleet_path,
                              struct err *err);
void inputs_free(struct inputs *inputs);

bool inputs_fetch_snapshot(struct ctl *ctl, const char *node, struct snapshot *ret_snapshot,
                           struct err *err);

#endif
