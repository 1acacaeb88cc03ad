/*
 * order: an operator's signed order: pop down to one generation of one node (docs/protocol.md rule
 * 17). The same bytes go through the controller, or as a file to `oceanid-rollback --order`.
 */
#ifndef CONTROLLER_CTL_ORDER_H
#define CONTROLLER_CTL_ORDER_H

#include "common/io/wire.h"
#include "controller/ctl/ctl.h"

struct order_request {
    const char *node;
    const char *to;     /* a change's name, or its sequence */
    const char *reason; /* for people, and into the receipt */
    bool remembered;    /* go by what `status` last said; do not ask the controller */
};

/* Asks the controller which generation of the node that is, newest first; without a controller, or
 * when that has not heard it, what `status` last said of it, and says so. Signs with approver.key.
 */
bool order_sign(struct ctl *ctl, const struct order_request *request, struct wire_bytes *ret_order,
                struct err *err);

/* Into a file that root on the node gives to oceanid-rollback --order. */
bool order_write(struct ctl *ctl, const struct order_request *request, const char *path,
                 struct err *err);

#endif
