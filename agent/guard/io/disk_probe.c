/*
 * disk_probe: a process that does to the disk what opening the journal does, and changes nothing.
 */
#include "agent/guard/io/disk_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/alone.h"
#include "agent/guard/io/journal_file.h"

/* The lock's file as take_lock in journal_file.c makes it; not locked, so that nobody finds it
 * held, and nothing written into it. Its time of writing is, which the disk has to take. */
_Noreturn static void try_disk(const char *state, pid_t asker, int end_fd)
{
    char path[JOURNAL_PATH_SIZE];
    int fd;

    alone_begin_for(asker, end_fd);
    snprintf(path, sizeof(path), "%s/journal.lock", state);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        (void)!pwrite(fd, "", 0, 0); /* this too waits for a frozen disk */
        (void)!futimens(fd, NULL);
    }
    _exit(0);
}

/* All of it, as journal_file_read does; what comes of it is not asked here. */
_Noreturn static void try_reading(const char *state, pid_t asker, int end_fd)
{
    char path[JOURNAL_PATH_SIZE];
    char block[4096];
    int fd;

    alone_begin_for(asker, end_fd);
    snprintf(path, sizeof(path), "%s/journal", state);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && read(fd, block, sizeof(block)) > 0)
        continue;
    _exit(0);
}

/* end_fd: kept open until it ends. */
typedef void (*try_fn)(const char *state, pid_t asker, int end_fd);

static bool start(struct disk_probe *probe, const char *state, try_fn try)
{
    pid_t asker = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    probe->pid = fork();
    if (probe->pid == 0) {
        close(ends[0]);
        try(state, asker, ends[1]);
    }
    close(ends[1]); /* its other holder's end is the answer */
    probe->end_fd = ends[0];
    if (probe->pid > 0)
        return true;
    close(ends[0]);
    probe->pid = 0;
    return false;
}

static bool answers(struct disk_probe *probe, int timeout_ms)
{
    struct pollfd look = {.events = POLLIN};
    int status;

    look.fd = probe->end_fd;
    if (poll(&look, 1, timeout_ms) <= 0)
        return false;
    (void)waitpid(probe->pid, &status, 0);
    close(probe->end_fd);
    *probe = (struct disk_probe){0};
    return true;
}

bool disk_probe_answers(struct disk_probe *probe, const char *state, int timeout_ms)
{
    return (probe->pid == 0 && !start(probe, state, try_disk)) || answers(probe, timeout_ms);
}

bool disk_probe_reads(struct disk_probe *probe, const char *state, int timeout_ms)
{
    return (probe->pid == 0 && !start(probe, state, try_reading)) || answers(probe, timeout_ms);
}
