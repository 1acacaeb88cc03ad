/*
 * alone: a session of its own, and /dev/null for a terminal.
 */
#include "agent/guard/io/alone.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

void alone_begin(void)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    dup2(null_fd, STDERR_FILENO);
}

void alone_begin_with(int kept_fd)
{
    alone_begin();
    if (kept_fd > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, (unsigned)kept_fd - 1, 0);
    closefrom(kept_fd + 1);
}

void alone_begin_for(pid_t asker, int kept_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != asker) /* it has ended before that */
        _exit(1);
    alone_begin_with(kept_fd);
}
