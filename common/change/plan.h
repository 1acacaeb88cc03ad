/*
 * plan: one target's part of a manifest: literal operations, protected flows, checks, witnesses.
 */
#ifndef COMMON_CHANGE_PLAN_H
#define COMMON_CHANGE_PLAN_H

#include "common/change/change.h"

/* target: index in change->targets. ret_plan is zeroed by the caller, who ends it (manifest_done)
 * also after a refusal. */
bool plan_compile(const struct change *change, const struct change_inputs *inputs, uint32_t target,
                  struct manifest_plan *ret_plan, struct err *err);

/* The flows that another fleet.yaml's cluster would have on this snapshot, and the plan has not:
 * "api-server to 198.51.100.10/32, ..." is added to out, their number returned. */
unsigned plan_tell_missing(const struct manifest_plan *plan, const struct snapshot *snapshot,
                           const struct protect_cluster *cluster, struct text *out);

#endif
