/*
 * standard: standard input, output and error are there, and what was printed has arrived.
 *
 * What a shell has closed (cmd <&- >&-) is /dev/null. Else the next file that is opened, the
 * journal say, has that number: what is printed goes into it, and a process of its own has put
 * /dev/null in the place of its answer.
 */
#ifndef COMMON_IO_STANDARD_H
#define COMMON_IO_STANDARD_H

#include <stdbool.h>

/* Before anything is opened. An output that was closed takes nothing: standard_is_written says so.
 */
void standard_open(void);

/* At the end, behind all that is printed. False: it is not all there, which is said on standard
 * error; an answer that somebody goes by is none then. */
bool standard_is_written(const char *program);

#endif
