/*
 * link_canary: notices that nng ends no connection any more, whoever closed the one that it hangs
 * on, and before anybody needs it to. Private to link*.c.
 *
 * A connection inside this process is closed at each look, and nng has to say that it is gone by
 * the thread that ends them all.
 */
#ifndef COMMON_IO_LINK_CANARY_H
#define COMMON_IO_LINK_CANARY_H

#include "common/io/link_tls.h"

struct link_canary;

struct link_canary *link_canary_new(void);
void link_canary_free(struct link_canary *canary);

/* To be called again and again. True: nng has not ended the one of an earlier look in LINK_END_MS,
 * and this process was not stopped meanwhile. */
bool link_canary_is_dead(struct link_canary *canary);

#endif
