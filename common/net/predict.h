/*
 * predict: snapshot + operations -> model -> protected flows.
 */
#ifndef COMMON_NET_PREDICT_H
#define COMMON_NET_PREDICT_H

#include "common/net/fib.h"
#include "common/net/operation.h"

struct prediction {
    unsigned violations_count;
    unsigned unknown_count;     /* of those: the model cannot tell (FIB_UNKNOWN) */
    char reason[ERR_TEXT_SIZE]; /* the first one, of those that it can tell if there is one:
                                   "replies from 203.0.113.10 to 0.0.0.0/0 would leave by tailscale0
                                   (rule 5270, table 52, default), expected eth0" */
};

/* None breaks for sure, and not all hold for sure. */
bool prediction_is_unknown(const struct prediction *prediction);

/* Applies the operations in order to a copy of the snapshot. ret_after is initialised here and the
 * caller's to end with snapshot_done. False, with the reason, if one cannot be done there. */
bool predict_apply(const struct snapshot *before, const struct operation *operations, size_t count,
                   struct snapshot *ret_after, struct err *err);

/* Whether all flows are as demanded on this snapshot. */
bool predict_flows(const struct snapshot *after, const struct protected_flow *flows, size_t count,
                   struct prediction *ret_prediction);

/* Replies from each global uplink address to its audience by its own interface: the built-in
 * protected flow that an exit node breaks first. An uplink is a device with a default route in
 * main. ssh: where this node's SSH is, NULL or not set if nobody said; if that is an address of the
 * tailnet, or a private one of a device that is no uplink, its replies are a flow too. Other
 * tailnet addresses and loopback are left out. Returns how many were written (at most max). */
size_t predict_reply_flows(const struct snapshot *snapshot, const struct address *ssh,
                           struct protected_flow *ret_flows, size_t max);

/* Whether the flow is one of replies: from an address of this node to those who talk to it. */
bool predict_is_reply(const struct protected_flow *flow);

/* Whether what leaves otherwise is of the flow's audience. Of the tailnet's network those are the
 * peers alone: nobody is at its other addresses, which leave as main has it. */
bool predict_concerns(const struct snapshot *snapshot, const struct protected_flow *flow,
                      const struct prefix *violating);

#endif
