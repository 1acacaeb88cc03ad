/*
 * node: under which name this node signs.
 */
#ifndef AGENT_GUARD_IO_NODE_H
#define AGENT_GUARD_IO_NODE_H

#include "agent/guard/io/journal.h"

/* As it joined (STATE/name); "" if that is not known. ret_name: NAME_SIZE characters. */
void node_read_name(const char *state, char *ret_name);
/* The same of that file's content. */
void node_take_name(char *text, char *ret_name);
enum { NODE_NAME_FILE_SIZE = 256 };

/* As it joined, where that is known; else as a kept manifest calls its key; where there is no key
 * (NULL: it could not be read), as the newest receipt of a change that was made here calls it, else
 * the only node that what is kept has a plan for; else, if nothing stands in ret_name yet, the
 * host's own name. False: it is that one, or what stood there. ret_name: NAME_SIZE characters. */
bool node_find_name(const char *joined_as, struct journal *journal, const struct ledger *ledger,
                    const struct public_key *key, char *ret_name);

/* The name under which the manifest's roster has this guard's key; "" if it has not. */
void node_name_in(const struct manifest *manifest, const struct public_key *key, char *ret_name);

#endif
