/*
 * hold: what is held, and what lifts it.
 */
#ifndef CONTROLLER_CTL_HOLD_H
#define CONTROLLER_CTL_HOLD_H

#include <jansson.h>

#include "controller/ctl/ctl.h"

/* Puts one by --node, --reason, --for and --open; the controller's answer is the caller's. */
bool hold_put(struct ctl *ctl, const char *kind, const struct arguments *arguments,
              json_t **ret_hold, struct err *err);
/* Says so when it is done. ret_hold: the controller's answer, the caller's; NULL: not wanted. */
bool hold_lift(struct ctl *ctl, long long id, const char *reason, json_t **ret_hold,
               struct err *err);

enum outcome hold_list_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome hold_add_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome hold_lift_run(struct ctl *ctl, const struct arguments *arguments);

/* Of GET /v1/holds: those that stop something now, each with the command that lifts it. */
void hold_print_stopping(const json_t *holds);

#endif
