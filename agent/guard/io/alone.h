/*
 * alone: a process that may outlive whoever started it.
 */
#ifndef AGENT_GUARD_IO_ALONE_H
#define AGENT_GUARD_IO_ALONE_H

#include <sys/types.h>

/* Nothing of whoever called is held open, no terminal and no pipe, nor does a key that is pressed
 * there end it. */
void alone_begin(void);

/* The same, and of all that was inherited only kept_fd stays open: no lock is held on by it, nor a
 * pipe or socket whose end somebody waits for. */
void alone_begin_with(int kept_fd);

/* The same of one that only looks: nobody else than asker wants its answer, so it is killed when
 * asker ends, whatever signals it has inherited as blocked. One that a dead disk holds for good
 * goes when that answers. */
void alone_begin_for(pid_t asker, int kept_fd);

#endif
