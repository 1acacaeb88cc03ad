/*
 * fleet: the fleet's own file: proposed from the joined nodes, and shown as the controller has it.
 */
#ifndef CONTROLLER_CTL_FLEET_H
#define CONTROLLER_CTL_FLEET_H

#include "controller/ctl/ctl.h"

enum outcome fleet_propose_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome fleet_show_run(struct ctl *ctl, const struct arguments *arguments);

#endif
