/*
 * notify: one datagram to the socket that systemd named.
 */
#include "agent/guard/io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or "@" and an abstract name. */
static bool find_address(struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t len = name != NULL ? strlen(name) : 0;

    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len < 2 || len >= sizeof(ret_address->sun_path) || (name[0] != '/' && name[0] != '@'))
        return false;
    memcpy(ret_address->sun_path, name, len);
    if (name[0] == '@')
        ret_address->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

bool notify_tell(const char *state)
{
    struct sockaddr_un address;
    socklen_t len;
    bool is_told;
    int fd;

    if (!find_address(&address, &len))
        return true;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    is_told = sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
                     (const struct sockaddr *)&address, len) >= 0;
    close(fd);
    return is_told;
}
