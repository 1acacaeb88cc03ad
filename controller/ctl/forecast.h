/*
 * forecast: one node's plan run through the model of the kernel: what would change, how it would be
 * undone, which protected flow it would break.
 */
#ifndef CONTROLLER_CTL_FORECAST_H
#define CONTROLLER_CTL_FORECAST_H

#include <jansson.h>

#include "common/change/manifest.h"
#include "common/net/snapshot.h"

/* {"node", "operations", "predicted", "undo", "kept", "refused", "violation"}; the last two are ""
 * when all is well. */
json_t *forecast_make(const struct manifest_plan *plan, const struct snapshot *before);

#endif
