/*
 * localapi_case: a daemon that says what it is told, for the tests of localapi.
 */
#include "tests/unit/localapi_case.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "common/io/file.h"

static const char *body_for(const struct localapi_case *daemon, const char *request)
{
    if (strstr(request, " /localapi/v0/prefs ") != NULL)
        return daemon->bodies[0];
    return strstr(request, " /localapi/v0/status ") != NULL ? daemon->bodies[1] : daemon->bodies[2];
}

/* Up to the blank line, and a body as long as Content-Length says. */
static void read_request(int fd, char *to, size_t size)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = read(fd, to + len, size - 1 - len);
        const char *end, *length;

        if (got <= 0)
            return;
        len += (size_t)got;
        to[len] = '\0';
        end = strstr(to, "\r\n\r\n");
        if (end == NULL)
            continue;
        length = strstr(to, "Content-Length: ");
        if (length == NULL || strlen(end + 4) >= (size_t)atoi(length + 16))
            return;
    }
}

static void serve(struct localapi_case *daemon, int fd)
{
    const char *body;

    read_request(fd, daemon->asked, sizeof(daemon->asked));
    body = body_for(daemon, daemon->asked);
    dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
            daemon->status_line, strlen(body), body);
}

static void *run(void *context)
{
    struct localapi_case *daemon = context;
    int held = -1;

    for (;;) {
        struct pollfd wait[2] = {{daemon->listener, POLLIN, 0}, {daemon->wake[0], POLLIN, 0}};
        int fd;

        if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
            break;
        fd = accept(daemon->listener, NULL, NULL);
        if (daemon->status_line == NULL) {
            held = fd; /* says nothing until the end */
            continue;
        }
        serve(daemon, fd);
        close(fd);
    }
    if (held >= 0)
        close(held);
    return NULL;
}

void localapi_case_start(struct localapi_case *daemon, const char *status_line, const char *prefs,
                         const char *status, const char *other)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *daemon = (struct localapi_case){.status_line = status_line, .bodies = {prefs, status, other}};
    snprintf(daemon->path, sizeof(daemon->path), "/tmp/oceanid-localapi-%d.sock", getpid());
    unlink(daemon->path);
    text_copy(address.sun_path, sizeof(address.sun_path), daemon->path);
    daemon->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(daemon->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(daemon->listener, 8), 0);
    assert_int_equal(pipe(daemon->wake), 0);
    assert_int_equal(pthread_create(&daemon->thread, NULL, run, daemon), 0);
}

void localapi_case_stop(struct localapi_case *daemon)
{
    assert_int_equal(write(daemon->wake[1], "x", 1), 1);
    pthread_join(daemon->thread, NULL);
    close(daemon->listener);
    close(daemon->wake[0]);
    close(daemon->wake[1]);
    unlink(daemon->path);
}

char *localapi_case_load(const char *path)
{
    struct err err = ERR_INIT;
    uint8_t *data = NULL;
    size_t len = 0;

    if (!file_read(path, 1 << 20, &data, &len, &err))
        fail_msg("%s", err.text);
    return (char *)data;
}

void localapi_case_read(const char *prefs_path, const char *status_path,
                        struct tailscale *ret_tailscale)
{
    char *prefs = localapi_case_load(prefs_path);
    char *status = localapi_case_load(status_path);
    struct localapi_case daemon;

    localapi_case_start(&daemon, "200 OK", prefs, status, "{}");
    localapi_read(daemon.path, LOCALAPI_CASE_PATIENCE_MS, ret_tailscale);
    localapi_case_stop(&daemon);
    assert_non_null(strstr(daemon.asked, "Host: local-tailscaled.sock"));
    assert_null(strstr(daemon.asked, "Origin:"));
    free(prefs);
    free(status);
}
