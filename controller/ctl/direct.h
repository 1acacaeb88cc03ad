/*
 * direct: taking changes back with the controller dead: `oceanid-rollback` on each node at once,
 * over the operator's own ssh, by what `status` remembered in nodes.json.
 */
#ifndef CONTROLLER_CTL_DIRECT_H
#define CONTROLLER_CTL_DIRECT_H

#include <jansson.h>

#include "controller/ctl/ctl.h"

struct direct_request {
    const json_t *names; /* of nodes; empty: all that are remembered */
    const char *to;      /* deliver an order for this change; NULL: the open trial or the newest */
    const char *reason;
    unsigned wait_s;
    bool confirmed; /* --yes */
};

/* Says what would be lost, asks, starts all at once and waits for nobody longer than wait_s:
 * OUTCOME_DONE when every node said that it is done, OUTCOME_INCOMPLETE otherwise. What has not
 * ended goes on when this program is gone. */
enum outcome direct_run(struct ctl *ctl, const struct direct_request *request);

#endif
