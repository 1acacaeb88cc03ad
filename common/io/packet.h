/*
 * packet: whole messages over a unix SOCK_SEQPACKET socket, between agent (or root) and guard.
 *
 * A packet carries at most about 200 KB; a larger message goes as a sealed memfd beside a
 * packet of one byte, and the reader does not see the difference.
 */
#ifndef COMMON_IO_PACKET_H
#define COMMON_IO_PACKET_H

#include <sys/types.h>

#include "common/core/bytes.h"
#include "common/core/err.h"

enum { PACKET_SIZE_MAX = 4 << 20 };

/* Both give a descriptor that is the caller's to close, or -1. listen: mode as chmod(2), an old
 * socket file is replaced; group (gid_t)-1 leaves it. connect: ERR_TIMEOUT where the listener does
 * not accept for 2 s. */
int packet_listen(const char *path, mode_t mode, gid_t group, struct err *err);
int packet_connect(const char *path, struct err *err);

/* Who is on the other side (SO_PEERCRED). */
bool packet_peer(int fd, uid_t *ret_uid, pid_t *ret_pid, struct err *err);

/* ERR_LIMIT above PACKET_SIZE_MAX; ERR_TIMEOUT when a non-blocking socket is full; ERR_PEER when
 * the other side has hung up. Never raises SIGPIPE. */
bool packet_send(int fd, struct bytes message, struct err *err);

/* One message; *ret_data is the caller's to free. ERR_PEER: hung up. ERR_TIMEOUT: a non-blocking
 * socket has none (or SO_RCVTIMEO passed). A memfd that is not sealed is refused. */
bool packet_receive(int fd, uint8_t **ret_data, size_t *ret_len, struct err *err);

/* The same with another limit than PACKET_SIZE_MAX, between programs of ours. */
bool packet_send_up_to(int fd, struct bytes message, size_t size_max, struct err *err);
bool packet_receive_up_to(int fd, size_t size_max, uint8_t **ret_data, size_t *ret_len,
                          struct err *err);

#endif
