/*
 * rollback_told: a terminal that goes away, and a person who has waited enough, while a rescue is
 * at work.
 *
 * Where no guard is alive nobody else finishes what it has begun.
 */
#include "agent/guard/rollback.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void make_set(sigset_t *told)
{
    sigemptyset(told);
    sigaddset(told, SIGINT);
    sigaddset(told, SIGQUIT);
    sigaddset(told, SIGTERM);
}

/* Blocked, not caught: a wait that is interrupted looks like a disk that does not answer. */
int rollback_begin_whole(void)
{
    sigset_t told;

    signal(SIGHUP, SIG_IGN);
    signal(SIGTSTP, SIG_IGN); /* stopped, it would keep the guard waiting for good */
    signal(SIGTTOU, SIG_IGN);
    make_set(&told);
    sigprocmask(SIG_BLOCK, &told, NULL);
    return signalfd(-1, &told, SFD_CLOEXEC | SFD_NONBLOCK);
}

void rollback_end_whole(int told_fd)
{
    struct signalfd_siginfo heard;
    sigset_t told;

    if (told_fd < 0)
        return;
    while (read(told_fd, &heard, sizeof(heard)) > 0)
        continue;
    close(told_fd);
    make_set(&told);
    sigprocmask(SIG_UNBLOCK, &told, NULL);
}
