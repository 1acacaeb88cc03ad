/*
 * outlet: writes without waiting longer than was agreed.
 */
#include "common/io/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/clock.h"

/* Over a description of its own: O_NONBLOCK would be everybody's who has this terminal open. Opened
 * anew each time, so that no descriptor is kept that a process may have closed meanwhile. */
static ssize_t put_unblocked(int fd, const char *text, size_t len)
{
    struct pollfd look = {.fd = fd, .events = POLLOUT};
    char path[32];
    ssize_t put;
    int own;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        put = write(own, text, len);
        close(own); /* fails for no such file, and leaves errno */
        return put;
    }
    if (poll(&look, 1, 0) > 0)
        return write(fd, text, len);
    errno = EAGAIN;
    return -1;
}

static ssize_t put_now(int fd, const char *text, size_t len)
{
    struct stat is;
    bool may_wait = fstat(fd, &is) == 0 && (S_ISFIFO(is.st_mode) || S_ISCHR(is.st_mode));

    if (may_wait)
        return put_unblocked(fd, text, len);
    if (S_ISSOCK(is.st_mode))
        return send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(fd, text, len);
}

/* False: there is none in time. */
static bool wait_for_room(const struct outlet *outlet, mono_t *until)
{
    struct pollfd look = {.fd = outlet->fd, .events = POLLOUT};
    mono_t now = clock_now();

    *until = mono_min(*until, now + (outlet->is_unread ? 0 : outlet->patience_ms));
    return now < *until && poll(&look, 1, (int)(*until - now)) != 0; /* or a signal has come */
}

/* False: it is not read, or nobody is there any more. */
static bool put_in_time(struct outlet *outlet, const char *text, size_t len)
{
    mono_t until = MONO_NEVER;

    while (len > 0) {
        ssize_t put = put_now(outlet->fd, text, len);
        bool waits = put < 0 && errno == EAGAIN;

        if (put == 0 || (put < 0 && !waits && errno != EINTR)) {
            outlet->has_failed = put == 0 || (errno != EPIPE && errno != EIO);
            return false;
        }
        if (waits && !wait_for_room(outlet, &until))
            return false;
        text += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

static void say_lost(struct outlet *outlet)
{
    char line[96];
    int len = snprintf(line, sizeof(line), "(%u lines were lost here: they were not read)\n",
                       outlet->lost);

    outlet->is_unread = !put_in_time(outlet, line, (size_t)len);
    if (!outlet->is_unread)
        outlet->lost = 0;
}

void outlet_put(struct outlet *outlet, const char *text, size_t len)
{
    if (outlet->lost > 0)
        say_lost(outlet);
    outlet->is_unread = outlet->is_unread || !put_in_time(outlet, text, len);
    outlet->lost += outlet->is_unread;
}

/* ---- standard output ---------------------------------------------------------------------------
 */

static ssize_t write_out(void *context, const char *text, size_t len)
{
    struct outlet *outlet = context;

    outlet_put(outlet, text, len);
    return outlet->has_failed ? 0
                              : (ssize_t)len; /* 0: the stream's error, which its end looks at */
}

void outlet_take_stdout(int patience_ms)
{
    static struct outlet outlet = {.fd = STDOUT_FILENO};
    FILE *stream = fopencookie(&outlet, "w", (cookie_io_functions_t){.write = write_out});

    if (stream == NULL)
        return;
    outlet.patience_ms = patience_ms;
    setvbuf(stream, NULL, _IOLBF, BUFSIZ);
    fflush(stdout);
    stdout = stream;
}
