/*
 * void: ending what was signed and no controller has, where no file of it is left.
 */
#ifndef CONTROLLER_CTL_VOID_H
#define CONTROLLER_CTL_VOID_H

#include "controller/ctl/ctl.h"

enum outcome void_run(struct ctl *ctl, const struct arguments *arguments);

#endif
