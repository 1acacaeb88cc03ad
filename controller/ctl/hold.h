/*
 * hold: what is frozen or in quarantine.
 */
#ifndef CONTROLLER_CTL_HOLD_H
#define CONTROLLER_CTL_HOLD_H

#include "controller/ctl/ctl.h"

enum outcome hold_list_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome hold_add_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome hold_lift_run(struct ctl *ctl, const struct arguments *arguments);

#endif
