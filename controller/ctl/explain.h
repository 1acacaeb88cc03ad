/*
 * explain: which rule, table, route and device decide where a node's packets to a destination go.
 */
#ifndef CONTROLLER_CTL_EXPLAIN_H
#define CONTROLLER_CTL_EXPLAIN_H

#include "controller/ctl/ctl.h"

enum outcome explain_run(struct ctl *ctl, const struct arguments *arguments);

#endif
