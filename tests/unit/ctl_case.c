/*
 * ctl_case: the directory, and the commands' stdin, stdout and stderr.
 */
#include "tests/unit/ctl_case.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/ctl/pki.h"

struct ctl_server {
    int listening;
    pthread_t thread;
    struct ctl_reply *replies;
    size_t count;
    const char *date;
};

/* A whole request with its body. */
static void read_request(int fd, char *request, size_t size)
{
    size_t len = 0, wanted = 0;

    while (wanted == 0 || len < wanted) {
        char rest[4096];
        bool fits = len + 1 < size;
        ssize_t got = read(fd, fits ? request + len : rest, fits ? size - 1 - len : sizeof(rest));
        const char *end, *field;

        if (got <= 0)
            break;
        len += (size_t)got;
        request[len < size ? len : size - 1] = '\0';
        end = strstr(request, "\r\n\r\n");
        field = strstr(request, "Content-Length: ");
        if (end != NULL)
            wanted =
                (size_t)(end + 4 - request) + (field != NULL ? strtoul(field + 16, NULL, 10) : 0);
    }
}

static struct ctl_reply *find_reply(const struct ctl_server *server, const char *request)
{
    for (size_t i = 0; i < server->count; i++) {
        if (text_starts(request, server->replies[i].request))
            return &server->replies[i];
    }
    return NULL;
}

static void answer(const struct ctl_server *server, int fd)
{
    static struct ctl_reply none = {.status = 404, .body = "{}", .len = 2};
    char request[4096] = "", head[192];
    struct ctl_reply *reply;
    int len;

    read_request(fd, request, sizeof(request));
    reply = find_reply(server, request);
    if (reply == NULL)
        reply = &none;
    reply->asked++;
    len = snprintf(head, sizeof(head),
                   "HTTP/1.1 %ld X\r\nContent-Length: %zu\r\nConnection: close\r\n%s%s%s\r\n",
                   reply->status, reply->len, server->date != NULL ? "Date: " : "",
                   server->date != NULL ? server->date : "", server->date != NULL ? "\r\n" : "");
    /* Who has left meanwhile, as test_ctl_watch's do, hears nothing. */
    if (send(fd, head, (size_t)len, MSG_NOSIGNAL) == len)
        send(fd, reply->body, reply->len, MSG_NOSIGNAL);
}

static void *serve(void *context)
{
    struct ctl_server *server = context;
    int fd;

    while ((fd = accept(server->listening, NULL, NULL)) >= 0) {
        answer(server, fd);
        close(fd);
    }
    return NULL;
}

void ctl_desk_serve(struct ctl_desk *desk, struct ctl_reply *replies, size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[CTL_PATH_SIZE];

    desk->server = mem_alloc(1, sizeof(*desk->server));
    desk->server->replies = replies;
    desk->server->count = count;
    desk->server->date = desk->date;
    desk->server->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(text_copy(address.sun_path, sizeof(address.sun_path),
                          ctl_desk_path(desk, "controller.sock", path)));
    assert_int_equal(bind(desk->server->listening, (struct sockaddr *)&address, sizeof(address)),
                     0);
    assert_int_equal(listen(desk->server->listening, 8), 0);
    snprintf(desk->ctl.controller, sizeof(desk->ctl.controller), "unix:%.100s", path);
    assert_int_equal(pthread_create(&desk->server->thread, NULL, serve, desk->server), 0);
}

int ctl_desk_listen(struct ctl_desk *desk)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    snprintf(desk->ctl.controller, sizeof(desk->ctl.controller), "https://127.0.0.1:%u",
             ntohs(address.sin_port));
    return fd;
}

static void stop_serving(struct ctl_server *server)
{
    if (server == NULL)
        return;
    shutdown(server->listening, SHUT_RDWR); /* ends the accept */
    pthread_join(server->thread, NULL);
    close(server->listening);
    free(server);
}

int open_ctl_desk(void **state)
{
    static const char *const nothing[] = {NULL};
    struct ctl_desk *desk = mem_alloc(1, sizeof(*desk));

    text_copy(desk->directory, sizeof(desk->directory), "/tmp/oceanid-desk-XXXXXX");
    assert_non_null(mkdtemp(desk->directory));
    text_copy(desk->ctl.pki, sizeof(desk->ctl.pki), desk->directory);
    text_copy(desk->ctl.controller, sizeof(desk->ctl.controller), "unix:/nonexistent");
    assert_int_equal(ctl_desk_run(desk, pki_init_run, nothing, nothing), OUTCOME_DONE);
    *state = desk;
    return 0;
}

int close_ctl_desk(void **state)
{
    struct ctl_desk *desk = *state;
    char command[128];

    ctl_done(&desk->ctl);
    stop_serving(desk->server);
    snprintf(command, sizeof(command), "rm -r %s", desk->directory);
    assert_int_equal(system(command), 0);
    free(desk);
    return 0;
}

const char *ctl_desk_path(const struct ctl_desk *desk, const char *name, char *path)
{
    struct err err = ERR_INIT;

    assert_true(file_join(path, CTL_PATH_SIZE, desk->directory, name, &err));
    return path;
}

bool ctl_desk_has(const struct ctl_desk *desk, const char *name)
{
    char path[CTL_PATH_SIZE];

    return access(ctl_desk_path(desk, name, path), F_OK) == 0;
}

void ctl_desk_type(const char *text)
{
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], text, strlen(text)), (ssize_t)strlen(text));
    close(pipes[1]);
    assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
    close(pipes[0]);
    clearerr(stdin);
}

static enum outcome run_into(struct ctl_desk *desk, command_fn command,
                             const struct arguments *arguments, int seen)
{
    int kept[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    enum outcome outcome;

    fflush(stdout);
    assert_true(dup2(seen, STDOUT_FILENO) >= 0 && dup2(seen, STDERR_FILENO) >= 0);
    outcome = command(&desk->ctl, arguments);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
        close(kept[i]);
    }
    return outcome;
}

enum outcome ctl_desk_run(struct ctl_desk *desk, command_fn command, const char *const *options,
                          const char *const *words)
{
    int seen = memfd_create("said", MFD_CLOEXEC);
    struct arguments arguments;
    struct err err = ERR_INIT;
    enum outcome outcome;
    int count = 0;
    ssize_t len;

    while (words[count] != NULL)
        count++;
    if (!arguments_parse((char *const *)(uintptr_t)words, count, options, &arguments, &err))
        fail_msg("%s", err.text);
    assert_true(seen >= 0);
    outcome = run_into(desk, command, &arguments, seen);
    len = pread(seen, desk->said, sizeof(desk->said) - 1, 0);
    assert_true(len >= 0);
    desk->said[len] = '\0';
    close(seen);
    return outcome;
}

void ctl_desk_expect(const struct ctl_desk *desk, const char *part)
{
    if (strstr(desk->said, part) == NULL)
        fail_msg("'%s' is not said: '%s'", part, desk->said);
}

void ctl_desk_expect_not(const struct ctl_desk *desk, const char *part)
{
    if (strstr(desk->said, part) != NULL)
        fail_msg("'%s' is said: '%s'", part, desk->said);
}
