/*
 * node: what is signed into the roster of a node or witness: that it is admitted, removed, under
 * maintenance, back; and the roster itself.
 */
#ifndef CONTROLLER_CTL_NODE_H
#define CONTROLLER_CTL_NODE_H

#include "controller/ctl/ctl.h"

enum outcome node_admit_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome node_remove_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome node_maintenance_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome node_return_run(struct ctl *ctl, const struct arguments *arguments);
enum outcome roster_sign_run(struct ctl *ctl, const struct arguments *arguments);

#endif
