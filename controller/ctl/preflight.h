/*
 * preflight: the eight questions answered for CI, one line each, and yes or no as the exit code.
 *
 * A third rendering of what `plan` computes: of a change, of a manifest, or, without either, of the
 * fleet as it is.
 */
#ifndef CONTROLLER_CTL_PREFLIGHT_H
#define CONTROLLER_CTL_PREFLIGHT_H

#include <jansson.h>
#include <stdio.h>

#include "controller/ctl/ctl.h"

/* From a PLAN of docs/api.md, or one of plan_make: {"pass", "change",
 * "questions": [{"question", "gate",
 * "answer": "yes" | "no" | "unsure" | "waived" | "n/a", "observed", "expected"}]}. A question that
 * the plan does not answer is "unsure", one that no change answers "n/a"; `pass` needs that none is
 * "no" or "unsure", and the plan's own `pass`. */
json_t *preflight_judge(const json_t *plan);

void preflight_print(const json_t *judged, FILE *to);

enum outcome preflight_run(struct ctl *ctl, const struct arguments *arguments);

#endif
