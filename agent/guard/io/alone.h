/*
 * alone: a process that may outlive whoever started it.
 */
#ifndef AGENT_GUARD_IO_ALONE_H
#define AGENT_GUARD_IO_ALONE_H

/* Nothing of whoever called is held open, no terminal and no pipe, nor does a key that is pressed
 * there end it. */
void alone_begin(void);

/* The same, and of all that was inherited only kept_fd stays open: no lock is held on by it, nor a
 * pipe or socket whose end somebody waits for. */
void alone_begin_with(int kept_fd);

#endif
