/*
 * approve: the question before a signature.
 */
#ifndef CONTROLLER_CTL_APPROVE_H
#define CONTROLLER_CTL_APPROVE_H

#include "common/change/manifest.h"
#include "controller/ctl/ctl.h"

/* The approver types the change's name (or --approve NAME says it); and where the change waives
 * `needed`, so that a working system is changed, its written justification again (or --justify
 * TEXT). ERR_DENIED: nothing may be signed. */
bool approve_change(const struct manifest *manifest, const char *question,
                    const struct arguments *arguments, struct err *err);

#endif
