/*
 * hang: a library to preload: a disk that hangs. Neither fdatasync nor fsync returns while the file
 * that OCEANID_HANG names is there; of a frozen one (OCEANID_FROZEN names its directory) neither
 * does whoever opens a file there for writing, or writes to it; of a dead one (OCEANID_DEAD names
 * its directory, or one file) nor does whoever opens one at all, or looks whether it is there. What
 * the page cache still has of that one (OCEANID_CACHED names it, with a slash before each) can be
 * opened for reading. OCEANID_ALONE: that one is a disk of its own, what lies elsewhere is synced.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

static void wait_for_disk(void)
{
    const char *path = getenv("OCEANID_HANG");

    while (path != NULL && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0)
        poll(NULL, 0, LOOK_MS);
}

static void wait_below(const char *directory, const char *path)
{
    size_t len = directory != NULL ? strlen(directory) : 0;

    if (len > 0 && strncmp(path, directory, len) == 0 && (path[len] == '/' || path[len] == '\0'))
        wait_for_disk();
}

static void wait_at(const char *path)
{
    wait_below(getenv("OCEANID_FROZEN"), path);
}

static void path_of(int fd, char *to, size_t size)
{
    char link[64];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, to, size - 1);
    to[len > 0 ? len : 0] = '\0';
}

static void wait_for(int fd)
{
    char path[512];

    path_of(fd, path, sizeof(path));
    wait_at(path);
}

/* ---- syncing -------------------------------------------------------------------------------- */

static void wait_to_sync(int fd)
{
    char path[512];

    path_of(fd, path, sizeof(path));
    if (getenv("OCEANID_ALONE") != NULL)
        wait_below(getenv("OCEANID_DEAD"), path);
    else
        wait_for_disk();
}

int fdatasync(int fd)
{
    wait_to_sync(fd);
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    wait_to_sync(fd);
    return (int)syscall(SYS_fsync, fd);
}

/* ---- writing and opening -------------------------------------------------------------------- */

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    wait_for(fd);
    return syscall(SYS_pwrite64, fd, data, len, at);
}

int ftruncate(int fd, off_t len)
{
    wait_for(fd);
    return (int)syscall(SYS_ftruncate, fd, len);
}

int futimens(int fd, const struct timespec times[2])
{
    wait_for(fd);
    return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

static bool is_cached(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *names = getenv("OCEANID_CACHED");
    const char *at = name != NULL && names != NULL ? strstr(names, name) : NULL;

    return at != NULL && (at[strlen(name)] == '\0' || at[strlen(name)] == '/');
}

int access(const char *path, int mode)
{
    if (!is_cached(path))
        wait_below(getenv("OCEANID_DEAD"), path);
    return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list more;

    va_start(more, flags);
    if (flags & O_CREAT)
        mode = va_arg(more, mode_t);
    va_end(more);
    if (flags & (O_CREAT | O_WRONLY | O_RDWR))
        wait_at(path);
    if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) || !is_cached(path))
        wait_below(getenv("OCEANID_DEAD"), path);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
