/*
 * packet: whole messages over a unix SOCK_SEQPACKET socket.
 *
 * Every packet begins with one byte that says where the message is: behind it, or in the sealed
 * memfd that comes along. So an empty message is not taken for the end.
 */
#include "common/io/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/mem.h"

/* A packet of the default send buffer carries at most 212,960 bytes. */
enum { INLINE_MAX = 200 << 10, BACKLOG = 16, CONNECT_S = 2 };
enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };
static const uint8_t here = 'M';
static const uint8_t in_file = 'F';

/* ---- sockets --------------------------------------------------------------------------------- */

static bool set_path(const char *path, struct sockaddr_un *ret_address, struct err *err)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof(ret_address->sun_path)) {
        memcpy(ret_address->sun_path, path, strlen(path) + 1);
        return true;
    }
    return err_set(err, ERR_LIMIT, "socket %s: accepted is a path of at most %zu characters", path,
                   sizeof(ret_address->sun_path) - 1);
}

static int open_socket(struct err *err)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        err_set(err, ERR_SYSTEM, "socket: %s", strerror(errno));
    return fd;
}

static bool remove_old(const char *path, struct err *err)
{
    struct stat there;

    if (lstat(path, &there) != 0)
        return true;
    if (!S_ISSOCK(there.st_mode))
        return err_set(err, ERR_CONFLICT, "%s is there and is no socket; it is left alone", path);
    return unlink(path) == 0 || err_set(err, ERR_SYSTEM, "remove %s: %s", path, strerror(errno));
}

/* The mode is set before the name exists, and again for what the umask took. */
static bool bind_listen(int fd, const char *path, mode_t mode, gid_t group, struct err *err)
{
    struct sockaddr_un address;

    if (!set_path(path, &address, err) || !remove_old(path, err))
        return false;
    if (fchmod(fd, mode) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        (group != (gid_t)-1 && chown(path, (uid_t)-1, group) != 0) || chmod(path, mode) != 0 ||
        listen(fd, BACKLOG) != 0)
        return err_set(err, ERR_SYSTEM, "listen on %s: %s", path, strerror(errno));
    return true;
}

int packet_listen(const char *path, mode_t mode, gid_t group, struct err *err)
{
    int fd = open_socket(err);

    if (fd < 0 || bind_listen(fd, path, mode, group, err))
        return fd;
    close(fd);
    return -1;
}

/* A listener that does not accept holds up a blocking socket for ever once its backlog is full:
 * rescue would wait for a guard that is frozen. */
static bool connect_in_time(int fd, const struct sockaddr_un *address)
{
    const struct timeval limit = {.tv_sec = CONNECT_S}, none = {.tv_sec = 0};
    bool done;

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    done = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    return done && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) == 0;
}

static bool connect_to(int fd, const char *path, struct err *err)
{
    struct sockaddr_un address;

    if (!set_path(path, &address, err))
        return false;
    if (connect_in_time(fd, &address))
        return true;
    if (errno == EAGAIN)
        return err_set(err, ERR_TIMEOUT, "connect to %s: nobody has accepted it in %d s", path,
                       CONNECT_S);
    return err_set(err, errno == ENOENT || errno == ECONNREFUSED ? ERR_MISSING : ERR_SYSTEM,
                   "connect to %s: %s", path, strerror(errno));
}

int packet_connect(const char *path, struct err *err)
{
    int fd = open_socket(err);

    if (fd < 0 || connect_to(fd, path, err))
        return fd;
    close(fd);
    return -1;
}

bool packet_peer(int fd, uid_t *ret_uid, pid_t *ret_pid, struct err *err)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return err_set(err, ERR_SYSTEM, "SO_PEERCRED: %s", strerror(errno));
    *ret_uid = peer.uid;
    *ret_pid = peer.pid;
    return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

static bool refuse(struct err *err, const char *what)
{
    if (errno == EAGAIN)
        return err_set(err, ERR_TIMEOUT, "%s: not now: %s", what, strerror(errno));
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return err_set(err, ERR_PEER, "%s: the other side has hung up", what);
    return err_set(err, ERR_SYSTEM, "%s: %s", what, strerror(errno));
}

static ssize_t send_whole(int fd, const struct msghdr *packet)
{
    ssize_t sent;

    do
        sent = sendmsg(fd, packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static bool send_inline(int fd, struct bytes message, struct err *err)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)&here, 1},
                             {(void *)(uintptr_t)message.data, message.len}};
    struct msghdr packet = {.msg_iov = parts, .msg_iovlen = message.len > 0 ? 2 : 1};

    return send_whole(fd, &packet) >= 0 || refuse(err, "send");
}

static bool fill_file(int file, struct bytes message)
{
    size_t done = 0;

    while (done < message.len) {
        ssize_t written = write(file, message.data + done, message.len - done);

        if (written < 0 && errno != EINTR)
            return false;
        done += written > 0 ? (size_t)written : 0;
    }
    return fcntl(file, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0;
}

static bool send_descriptor(int fd, int file, struct err *err)
{
    struct iovec part = {(void *)(uintptr_t)&in_file, 1};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control = {{0}};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&packet);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &file, sizeof(int));
    return send_whole(fd, &packet) >= 0 || refuse(err, "send");
}

static bool send_file(int fd, struct bytes message, struct err *err)
{
    int file = memfd_create("oceanid-packet", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool sent;

    if (file < 0)
        return err_set(err, ERR_SYSTEM, "memfd: %s", strerror(errno));
    sent = fill_file(file, message) ? send_descriptor(fd, file, err)
                                    : err_set(err, ERR_SYSTEM, "memfd: %s", strerror(errno));
    close(file);
    return sent;
}

bool packet_send_up_to(int fd, struct bytes message, size_t size_max, struct err *err)
{
    if (message.len > size_max)
        return err_set(err, ERR_LIMIT, "send: a message of %zu bytes: accepted are at most %zu",
                       message.len, size_max);
    if (message.len <= INLINE_MAX)
        return send_inline(fd, message, err);
    return send_file(fd, message, err);
}

bool packet_send(int fd, struct bytes message, struct err *err)
{
    return packet_send_up_to(fd, message, PACKET_SIZE_MAX, err);
}

/* ---- receiving ------------------------------------------------------------------------------- */

struct received {
    uint8_t *data; /* with the first byte; heap */
    size_t len;
    int file; /* -1: none */
};

/* The length of the next packet without taking it; 0 at the end. */
static bool peek(int fd, size_t *ret_len, struct err *err)
{
    ssize_t len;

    do
        len = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return refuse(err, "receive");
    if (len == 0)
        return err_set(err, ERR_PEER, "receive: the other side has hung up");
    *ret_len = (size_t)len;
    return true;
}

static int take_descriptor(struct msghdr *packet)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(packet);
    int file = -1;

    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(&file, CMSG_DATA(head), sizeof(int));
    return file;
}

/* Room for one descriptor: the kernel drops what does not fit. CMSG_SPACE would leave room for a
 * second one, which nobody would close. */
static bool take_packet(int fd, size_t len, struct received *ret_packet, struct err *err)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } control;
    struct iovec part = {NULL, len <= INLINE_MAX + 1 ? len : 1};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = CMSG_LEN(sizeof(int))};
    ssize_t got;

    ret_packet->data = mem_alloc(part.iov_len, 1);
    part.iov_base = ret_packet->data;
    do
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return refuse(err, "receive");
    ret_packet->len = (size_t)got;
    ret_packet->file = take_descriptor(&packet);
    if (packet.msg_flags & MSG_TRUNC)
        return err_set(err, ERR_LIMIT, "receive: a packet of %zu bytes: accepted are at most %u",
                       len, INLINE_MAX + 1);
    return true;
}

static bool check_file(int file, size_t size_max, size_t *ret_len, struct err *err)
{
    struct stat status;
    int seals = fcntl(file, F_GET_SEALS);

    if (seals < 0 || (seals & SEALS) != SEALS)
        return err_set(err, ERR_PEER,
                       "receive: expected a memfd sealed against shrinking, growing "
                       "and writing");
    if (fstat(file, &status) != 0)
        return err_set(err, ERR_SYSTEM, "receive: memfd: %s", strerror(errno));
    if (status.st_size < 0 || (size_t)status.st_size > size_max)
        return err_set(err, ERR_LIMIT, "receive: a message of %lld bytes: accepted are at most %zu",
                       (long long)status.st_size, size_max);
    *ret_len = (size_t)status.st_size;
    return true;
}

static bool read_file(int file, size_t size_max, uint8_t **ret_data, size_t *ret_len,
                      struct err *err)
{
    size_t len = 0;
    size_t done = 0;
    uint8_t *data;

    if (!check_file(file, size_max, &len, err))
        return false;
    data = mem_alloc(len + 1, 1);
    while (done < len) {
        ssize_t got = pread(file, data + done, len - done, (off_t)done);

        if (got == 0 || (got < 0 && errno != EINTR)) {
            free(data);
            return err_set(err, ERR_SYSTEM, "receive: memfd ended after %zu of %zu bytes", done,
                           len);
        }
        done += got > 0 ? (size_t)got : 0;
    }
    *ret_data = data;
    *ret_len = len;
    return true;
}

/* Moves the message to the front of the buffer that it came in. */
static bool open_packet(struct received *packet, size_t size_max, uint8_t **ret_data,
                        size_t *ret_len, struct err *err)
{
    if (packet->len == 1 && packet->data[0] == in_file && packet->file >= 0)
        return read_file(packet->file, size_max, ret_data, ret_len, err);
    if (packet->len == 0 || packet->data[0] != here || packet->file >= 0)
        return err_set(err, ERR_PEER, "receive: a packet of no known kind");
    *ret_len = packet->len - 1;
    memmove(packet->data, packet->data + 1, *ret_len);
    packet->data[*ret_len] = '\0';
    *ret_data = packet->data;
    packet->data = NULL;
    return true;
}

bool packet_receive_up_to(int fd, size_t size_max, uint8_t **ret_data, size_t *ret_len,
                          struct err *err)
{
    struct received packet = {NULL, 0, -1};
    size_t len = 0;
    bool good = peek(fd, &len, err) && take_packet(fd, len, &packet, err) &&
                open_packet(&packet, size_max, ret_data, ret_len, err);

    if (packet.file >= 0)
        close(packet.file);
    free(packet.data);
    return good;
}

bool packet_receive(int fd, uint8_t **ret_data, size_t *ret_len, struct err *err)
{
    return packet_receive_up_to(fd, PACKET_SIZE_MAX, ret_data, ret_len, err);
}
