/*
 * hang: a library to preload: a disk that hangs. fdatasync does not return while the file that
 * OCEANID_HANG names is there.
 */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

int fdatasync(int fd)
{
    const char *path = getenv("OCEANID_HANG");

    while (path != NULL && access(path, F_OK) == 0)
        poll(NULL, 0, LOOK_MS);
    return fsync(fd);
}
