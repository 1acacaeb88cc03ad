/*
 * hang: a library to preload: a disk that hangs. Neither fdatasync nor fsync returns while the file
 * that OCEANID_HANG names is there.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

static void wait_for_disk(void)
{
    const char *path = getenv("OCEANID_HANG");

    while (path != NULL && access(path, F_OK) == 0)
        poll(NULL, 0, LOOK_MS);
}

int fdatasync(int fd)
{
    wait_for_disk();
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    wait_for_disk();
    return (int)syscall(SYS_fsync, fd);
}
