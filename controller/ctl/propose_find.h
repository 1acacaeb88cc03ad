/*
 * propose_find: what snapshots tell of addresses, networks and roles.
 */
#ifndef CONTROLLER_CTL_PROPOSE_FIND_H
#define CONTROLLER_CTL_PROPOSE_FIND_H

#include "controller/ctl/propose.h"

/* Fills what propose.h says is found. */
void propose_find(struct propose *propose);

/* Who else could witness that node's SSH, as far as it is known. */
uint32_t propose_count_witnesses(const struct propose *propose, const struct propose_node *node);

#endif
