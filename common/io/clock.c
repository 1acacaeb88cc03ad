/*
 * clock: the only place that asks what time it is.
 */
#include "common/io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

mono_t clock_now(void)
{
    struct timespec at;

    if (clock_gettime(CLOCK_BOOTTIME, &at) != 0)
        abort();
    return (mono_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

int64_t clock_unix(void)
{
    return (int64_t)time(NULL);
}

int64_t clock_unix_us(void)
{
    struct timespec at;

    if (clock_gettime(CLOCK_REALTIME, &at) != 0)
        abort();
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

bool clock_boot_id(char *to, size_t size, struct err *err)
{
    const char *path = getenv("OCEANID_BOOT_ID_FILE");
    ssize_t len;
    int fd;

    if (path == NULL || *path == '\0')
        path = "/proc/sys/kernel/random/boot_id";
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM,
                       "boot id: open %s: %s; expected /proc to be mounted (mount -t proc proc "
                       "/proc), and this again then",
                       path, strerror(errno));
    len = read(fd, to, size - 1);
    close(fd);
    if (len <= 0)
        return err_set(err, ERR_SYSTEM, "boot id: %s is empty", path);
    to[len] = '\0';
    to[strcspn(to, "\n")] = '\0';
    return true;
}

void clock_random(void *to, size_t len)
{
    uint8_t *at = to;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        at += got;
        len -= (size_t)got;
    }
}
