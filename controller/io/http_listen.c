/*
 * http_listen: the listening sockets, made here so that both kinds have the same owner and rights.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/text.h"
#include "common/net/address.h"
#include "controller/io/http_parts.h"

enum { BACKLOG = 128 };

static int fail(int fd, const char *what, struct err *err)
{
    err_set(err, ERR_SYSTEM, "cannot listen on %s: %s", what, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Everybody may connect: the peer's uid decides what he may do. */
int http_listen_local(const char *path, struct err *err)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (!text_copy(to.sun_path, sizeof(to.sun_path), path)) {
        errno = ENAMETOOLONG;
        return fail(fd, path, err);
    }
    if (fd < 0 || (unlink(path) < 0 && errno != ENOENT) ||
        bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || chmod(path, 0666) < 0 ||
        listen(fd, BACKLOG) < 0)
        return fail(fd, path, err);
    return fd;
}

/* "192.0.2.1:7431", "[2001:db8::1]:7431" */
static bool parse(const char *text, struct address *ret_address, uint16_t *ret_port,
                  struct err *err)
{
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    unsigned long long port = 0;
    char host[ADDRESS_TEXT_SIZE];
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (bracketed && (len < 2 || text[len - 1] != ']'))
        len = 0;
    else if (bracketed)
        len -= 2;
    if (len > 0 && len < sizeof(host)) {
        memcpy(host, text + bracketed, len);
        host[len] = '\0';
        if (address_parse(host, ret_address) && text_parse_u64(colon + 1, UINT16_MAX, &port)) {
            *ret_port = (uint16_t)port;
            return true;
        }
    }
    return err_set(err, ERR_INPUT, "https '%.80s': accepted is ADDRESS:PORT or [ADDRESS]:PORT",
                   text);
}

static socklen_t fill(const struct address *address, uint16_t port, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof(*to));
    if (address->family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)to;

        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        memcpy(&four->sin_addr, address->bytes, sizeof(four->sin_addr));
        return sizeof(*four);
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;

    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    memcpy(&six->sin6_addr, address->bytes, sizeof(six->sin6_addr));
    return sizeof(*six);
}

int http_listen_tcp(const char *text, struct err *err)
{
    struct sockaddr_storage to;
    struct address address = {.family = FAMILY_NONE};
    const int on = 1;
    uint16_t port = 0;
    socklen_t len;
    int fd;

    if (!parse(text, &address, &port, err))
        return -1;
    len = fill(&address, port, &to);
    fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&to, len) < 0 || listen(fd, BACKLOG) < 0)
        return fail(fd, text, err);
    return fd;
}
