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

#endif
