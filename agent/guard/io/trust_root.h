/*
 * trust_root: whom root of this node believes (trust.yaml), and whether an order is theirs.
 *
 * The guard asks it, and a rescue that was handed an order as a file.
 */
#ifndef AGENT_GUARD_IO_TRUST_ROOT_H
#define AGENT_GUARD_IO_TRUST_ROOT_H

#include "common/change/proof.h"
#include "common/change/roster.h"

/* Read anew each time: root may install or change it at any time. No file: keys_count 0. */
bool trust_root_read(const char *path, struct trust *ret_trust, struct err *err);

enum { TRUST_ROOT_WAIT_MS = 2000 };

/* Decodes the order; true if a key with the role operator signed it well and it names node (NULL:
 * it is not known how this one is called). Nothing makes it stale: which generation stands is the
 * machine's to say (docs/protocol.md rule 17). ERR_TIMEOUT: the trust root's disk has not answered
 * in 2 s. */
bool trust_root_check_order(const char *path, struct bytes envelope, const char *node,
                            struct order *ret_order, struct err *err);
/* The same by a trust root that was read already; path: for the message. */
bool trust_root_believe_order(const struct trust *trust, const char *path, struct bytes envelope,
                              const char *node, struct order *ret_order, struct err *err);

#endif
