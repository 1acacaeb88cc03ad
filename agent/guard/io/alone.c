/*
 * alone: a session of its own, and /dev/null for a terminal.
 */
#include "agent/guard/io/alone.h"

#include <fcntl.h>
#include <unistd.h>

void alone_begin(void)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    dup2(null_fd, STDERR_FILENO);
}
