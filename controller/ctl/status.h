/*
 * status: the fleet at a glance, one node in full.
 */
#ifndef CONTROLLER_CTL_STATUS_H
#define CONTROLLER_CTL_STATUS_H

#include "controller/ctl/ctl.h"

enum outcome status_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome status_nodes_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome status_node_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome status_checks_run(struct ctl *ctl, const struct arguments *arguments);

#endif
