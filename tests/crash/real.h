/*
 * real: the functions behind the linker's --wrap, for the test's own use.
 */
#ifndef TESTS_CRASH_REAL_H
#define TESTS_CRASH_REAL_H

#include <poll.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "common/io/sign.h"

pid_t __real_fork(void);
pid_t __real_waitpid(pid_t pid, int *ret_status, int options);
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t at);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_lstat(const char *path, struct stat *ret_stat);
int __real_access(const char *path, int mode);
int __real_ftruncate(int fd, off_t len);
int __real_fchmod(int fd, mode_t mode);
int __real_fchown(int fd, uid_t uid, gid_t gid);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
void __real_sign_make(const struct sign_key *key, enum sign_domain domain, struct bytes payload,
                      struct signature *ret_signature);
bool __real_sign_verify(const struct public_key *key, enum sign_domain domain, struct bytes payload,
                        const struct signature *signature);

#endif
