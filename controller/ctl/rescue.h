/*
 * rescue: what to do by hand when the controller does not answer: each node's ssh and console
 * lines, from what the controller last said of them.
 */
#ifndef CONTROLLER_CTL_RESCUE_H
#define CONTROLLER_CTL_RESCUE_H

#include <jansson.h>

#include "controller/ctl/ctl.h"

/* Remembers how to reach the nodes of a `GET /v1/nodes`, and what stands on them: of who
 * has not said, what was remembered. A disk that refuses is passed over. */
void rescue_remember(const struct ctl *ctl, const json_t *nodes);

/* All that is remembered, and when it was (unix seconds); NULL: nothing. The caller's. */
json_t *rescue_nodes(const struct ctl *ctl, long long *ret_at);

/* What is remembered of a node; NULL: nothing. The caller's. */
json_t *rescue_node(const struct ctl *ctl, const char *name);

/* To stderr. */
void rescue_print(const struct ctl *ctl);

#endif
