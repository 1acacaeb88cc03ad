/*
 * audit: what happened, as the controller wrote it down.
 */
#ifndef CONTROLLER_CTL_AUDIT_H
#define CONTROLLER_CTL_AUDIT_H

#include "controller/ctl/ctl.h"

enum outcome audit_show_run(struct ctl *ctl, const struct arguments *arguments);

#endif
