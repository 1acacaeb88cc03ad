/*
 * emergency: taking back what a rollout did, on all its nodes at once.
 */
#ifndef CONTROLLER_CTL_EMERGENCY_H
#define CONTROLLER_CTL_EMERGENCY_H

#include "controller/ctl/ctl.h"

enum outcome emergency_run(struct ctl *ctl, const struct arguments *arguments);

#endif
