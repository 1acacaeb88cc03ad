/*
 * downlink: the agents' sessions. Each connection is bound to one name by a signed challenge; its
 * reports go to the fleet, the store and the lead; its polls are parked until a command exists.
 *
 * What is oversized, cut or unknown concerns that connection only.
 */
#ifndef CONTROLLER_IO_DOWNLINK_H
#define CONTROLLER_IO_DOWNLINK_H

#include "common/io/link.h"
#include "controller/io/inbox.h"
#include "controller/io/lead.h"

struct downlink;

struct downlink_options {
    const char *url; /* tls+tcp://address:port */
    struct link_tls tls;
    const char *name; /* this controller's, told in the welcome */
    uv_loop_t *loop;
    struct inbox *inbox;
    struct desk *desk;
    struct outbox *outbox;
    struct fresh *fresh;
    struct lead *lead;
};

/* Listens at once. NULL: err says why. */
struct downlink *downlink_open(const struct downlink_options *options, struct err *err);
/* The loop must run once more. */
void downlink_close(struct downlink *downlink);

/* Where it listens, for a URL that says port 0. */
unsigned downlink_port(const struct downlink *downlink);

/* fleet.yaml or the roster have changed: checks and watches are sent to whoever is connected; who
 * is not in the roster any more, or has another agent key there, loses his session. */
void downlink_tell_checks(struct downlink *downlink);

#endif
