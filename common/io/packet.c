/*
 * packet: whole messages over a unix SOCK_SEQPACKET socket; large ones as a sealed memfd beside.
 */
#include "common/io/packet.h"

#include "common/core/mem.h"
#include "common/core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    INLINE_MAX = 128 * 1024, /* the kernel takes some 200 KB in one packet */
    BACKLOG = 16,
    SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
};

/* ---- sockets -------------------------------------------------------------------------------- */

static bool fill_address(struct sockaddr_un *address, const char *path, struct err *err)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (text_copy(address->sun_path, sizeof(address->sun_path), path) && path[0] != '\0')
        return true;
    return err_set(err, ERR_INPUT, "socket '%s': accepted is a path of 1 to %zu characters", path,
                   sizeof(address->sun_path) - 1);
}

static int open_socket(int flags, struct err *err)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        err_set(err, ERR_SYSTEM, "unix socket: %s", strerror(errno));
    return fd;
}

static bool bind_at(int fd, const struct sockaddr_un *address, mode_t mode, gid_t group)
{
    const char *path = address->sun_path;
    mode_t before;
    int bound;

    if (unlink(path) < 0 && errno != ENOENT)
        return false;
    before = umask(0777); /* nobody gets in before mode and group are set */
    bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    umask(before);
    if (bound < 0)
        return false;
    if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
        return false;
    return chmod(path, mode) == 0 && listen(fd, BACKLOG) == 0;
}

int packet_listen(const char *path, mode_t mode, gid_t group, struct err *err)
{
    struct sockaddr_un address;
    int fd;

    if (!fill_address(&address, path, err))
        return -1;
    fd = open_socket(SOCK_NONBLOCK, err);
    if (fd < 0 || bind_at(fd, &address, mode, group))
        return fd;
    err_set(err, ERR_SYSTEM, "listen at %s: %s", path, strerror(errno));
    close(fd);
    return -1;
}

int packet_connect(const char *path, struct err *err)
{
    struct sockaddr_un address;
    int fd;

    if (!fill_address(&address, path, err))
        return -1;
    fd = open_socket(0, err);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    err_set(err, errno == ENOENT ? ERR_MISSING : ERR_SYSTEM, "connect to %s: %s", path,
            strerror(errno));
    close(fd);
    return -1;
}

bool packet_peer(int fd, uid_t *ret_uid, pid_t *ret_pid, struct err *err)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return err_set(err, ERR_SYSTEM, "who is connected: %s", strerror(errno));
    *ret_uid = peer.uid;
    *ret_pid = peer.pid;
    return true;
}

/* ---- sending -------------------------------------------------------------------------------- */

static bool fail(const char *what, struct err *err)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return err_set(err, ERR_TIMEOUT, "%s: no answer in time", what);
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return err_set(err, ERR_PEER, "%s: the other side has hung up", what);
    return err_set(err, ERR_SYSTEM, "%s: %s", what, strerror(errno));
}

static bool write_whole(int fd, struct bytes message)
{
    for (size_t done = 0; done < message.len;) {
        ssize_t wrote = write(fd, message.data + done, message.len - done);

        if (wrote < 0 && errno != EINTR)
            return false;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return true;
}

/* A sealed memfd with the message, or -1. */
static int make_memory(struct bytes message, struct err *err)
{
    int fd = memfd_create("oceanid-packet", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && write_whole(fd, message) && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        return fd;
    err_set(err, ERR_SYSTEM, "memfd of %zu bytes: %s", message.len, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

static bool send_one(int fd, struct msghdr *packet, struct err *err)
{
    ssize_t sent;

    do
        sent = sendmsg(fd, packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || fail("send", err);
}

/* One byte, because an empty packet looks like the end. */
static bool send_memory(int fd, struct bytes message, struct err *err)
{
    union control control = {.room = {0}};
    char mark = 'm';
    struct iovec part = {&mark, 1};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof(control.room)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    int memory = make_memory(message, err);
    bool sent;

    if (memory < 0)
        return false;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &memory, sizeof(int));
    sent = send_one(fd, &packet, err);
    close(memory);
    return sent;
}

bool packet_send(int fd, struct bytes message, struct err *err)
{
    struct iovec part = {(void *)(uintptr_t)message.data, message.len};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (message.len == 0 || message.len > PACKET_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "message of %zu bytes: accepted are 1 to %d", message.len,
                       PACKET_SIZE_MAX);
    if (message.len > INLINE_MAX)
        return send_memory(fd, message, err);
    return send_one(fd, &packet, err);
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* The descriptor that came along; -1 for none. Further ones are closed. */
static int take_descriptor(struct msghdr *packet)
{
    int taken = -1;

    for (struct cmsghdr *at = CMSG_FIRSTHDR(packet); at != NULL; at = CMSG_NXTHDR(packet, at)) {
        size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(int));
            if (taken < 0)
                taken = fd;
            else
                close(fd);
        }
    }
    return taken;
}

static bool read_memory(int memory, uint8_t **ret_data, size_t *ret_len, struct err *err)
{
    struct stat found;
    int seals = fcntl(memory, F_GET_SEALS);
    size_t done = 0;

    if (seals < 0 || (seals & SEALS) != SEALS)
        return err_set(err, ERR_DENIED,
                       "the memory that came along can still be altered: accepted is a sealed one");
    if (fstat(memory, &found) < 0 || found.st_size < 1 || found.st_size > PACKET_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "message of %lld bytes: accepted are 1 to %d",
                       (long long)found.st_size, PACKET_SIZE_MAX);
    *ret_len = (size_t)found.st_size;
    *ret_data = mem_alloc(1, *ret_len);
    while (done < *ret_len) {
        ssize_t got = pread(memory, *ret_data + done, *ret_len - done, (off_t)done);

        if (got <= 0 && errno != EINTR) {
            free(*ret_data);
            return err_set(err, ERR_SYSTEM, "reading the memory that came along: %s",
                           strerror(errno));
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool take_packet(int memory, const uint8_t *data, size_t len, uint8_t **ret_data,
                        size_t *ret_len, struct err *err)
{
    if (memory >= 0)
        return read_memory(memory, ret_data, ret_len, err);
    *ret_data = mem_copy(data, len);
    *ret_len = len;
    return true;
}

bool packet_receive(int fd, uint8_t **ret_data, size_t *ret_len, struct err *err)
{
    AUTO_FREE uint8_t *data = mem_alloc(1, INLINE_MAX + 1);
    union control control = {.room = {0}};
    struct iovec part = {data, INLINE_MAX + 1};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.room,
                            .msg_controllen = sizeof(control.room)};
    ssize_t got;
    int memory;
    bool good;

    do
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail("receive", err);
    if (got == 0)
        return err_set(err, ERR_PEER, "receive: the other side has hung up");
    memory = take_descriptor(&packet);
    if ((packet.msg_flags & MSG_TRUNC) != 0)
        good = err_set(err, ERR_LIMIT, "a packet of more than %d bytes", INLINE_MAX);
    else
        good = take_packet(memory, data, (size_t)got, ret_data, ret_len, err);
    if (memory >= 0)
        close(memory);
    return good;
}
