/*
 * standard: standard input, output and error are there, and what was printed has arrived.
 */
#include "common/io/standard.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Each gets the lowest number that is free: its own. */
void standard_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", (fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) | O_NOCTTY) < 0)
            return;
    }
}

bool standard_is_written(const char *program)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr,
            "%s: standard output could not be written, because it is closed or its disk is full: "
            "what stands there is not the whole answer\n",
            program);
    return false;
}
