/*
 * notify: tells systemd, without waiting for it.
 */
#ifndef AGENT_GUARD_IO_NOTIFY_H
#define AGENT_GUARD_IO_NOTIFY_H

#include <stdbool.h>

/* As sd_notify(3) does, which waits while PID 1 does not read: frozen, or hanging in a disk. False:
 * it does not take it now. True also where nobody is to be told. */
bool notify_tell(const char *state);

#endif
