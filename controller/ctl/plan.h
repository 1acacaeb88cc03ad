/*
 * plan: what a manifest would do on each node, predicted, with its undo, and what the gates say.
 */
#ifndef CONTROLLER_CTL_PLAN_H
#define CONTROLLER_CTL_PLAN_H

#include <jansson.h>

#include "controller/ctl/ctl.h"
#include "controller/ctl/inputs.h"

/* {"change", "body", "first", "nodes": [{"node", "stage", "operations", "predicted", "undo",
 * "refused", "violation"}], "gates", "quarantines", "manifest", "pass"}. NULL with err. */
json_t *plan_make(struct ctl *ctl, const struct inputs *inputs, struct err *err);
void plan_print(const json_t *plan);

enum outcome plan_run(struct ctl *ctl, const struct arguments *arguments);

#endif
