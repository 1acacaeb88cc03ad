/*
 * standard: what a shell has closed (cmd <&- >&-) is /dev/null.
 *
 * Else the next file that is opened, the journal say, has that number: what is printed goes into
 * it, and a process of its own has put /dev/null in the place of its answer.
 */
#ifndef AGENT_GUARD_IO_STANDARD_H
#define AGENT_GUARD_IO_STANDARD_H

/* Before anything is opened. */
void standard_open(void);

#endif
