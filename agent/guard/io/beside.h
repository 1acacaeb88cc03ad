/*
 * beside: what a rescue reads beside the journal: the guard's key, and the node's name.
 */
#ifndef AGENT_GUARD_IO_BESIDE_H
#define AGENT_GUARD_IO_BESIDE_H

#include "common/io/sign.h"

/* What is not there, or whose disk does not answer in 2 s (which is said), is NULL, or "". The key
 * is the caller's to free; ret_name: NAME_SIZE characters. */
void beside_read(const char *state, struct sign_key **ret_key, char *ret_name);

#endif
