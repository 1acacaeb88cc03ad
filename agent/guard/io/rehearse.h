/*
 * rehearse: a plan played through in a throw-away namespace, and how the guard has that done.
 */
#ifndef AGENT_GUARD_IO_REHEARSE_H
#define AGENT_GUARD_IO_REHEARSE_H

#include "common/io/wire_rehearse.h"

/* In this process's own network namespace, which has to be empty: sets up the host's stand-in, does
 * each operation as the guard would, takes all back, and looks whether what they touch is as
 * before. Never fails: what could not be done is missed, with the reason. */
void rehearse_play(const struct rehearse *asked, struct rehearsal *ret_rehearsal);

/* In a namespace of oceanid-rehearse's, by the socket at path. question: of wire_encode_rehearse.
 * False: nobody answered that within patience_ms. */
bool rehearse_ask(const char *path, struct bytes question, unsigned patience_ms,
                  struct rehearsal *ret_rehearsal, struct err *err);

/* How long to wait for a host of that many routes. */
unsigned rehearse_patience_ms(size_t routes_count);

#endif
