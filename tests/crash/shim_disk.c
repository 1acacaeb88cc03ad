/*
 * shim_disk: the wrapped calls to files: those of the state directory are also told to the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/networkd.h"
#include "tests/crash/real.h"
#include "tests/crash/shim.h"
#include "tests/crash/world.h"

enum { FDS_MAX = 1024 };

enum fd_kind {
    FD_OTHER, /* sockets, eventfds, what is only read */
    FD_FILE,  /* of the state directory, written */
    FD_NAMES, /* the state directory itself */
    FD_RUN,   /* of /run, written */
    FD_SYSCTL,
};

static struct {
    enum fd_kind kind;
    int file;
    char name[DISK_NAME];
} fds[FDS_MAX];

static bool is_known(int fd)
{
    return fd >= 0 && fd < FDS_MAX && fds[fd].kind != FD_OTHER;
}

/* The name below the directory; NULL if it is not in it. "" for the directory itself. */
static const char *name_in(const char *directory, const char *path)
{
    size_t len = strlen(directory);

    if (strncmp(path, directory, len) != 0)
        return NULL;
    return path[len] == '\0' ? path + len : path[len] == '/' ? path + len + 1 : NULL;
}

static int fail(enum fault_kind kind)
{
    errno = kind == FAULT_EINTR ? EINTR : kind == FAULT_ENOSPC ? ENOSPC : EIO;
    return -1;
}

/* ---- open ----------------------------------------------------------------------------------- */

static void know(int fd, enum fd_kind kind, const char *name)
{
    if (fd < 0 || fd >= FDS_MAX)
        return;
    fds[fd].kind = kind;
    snprintf(fds[fd].name, sizeof(fds[fd].name), "%s", name);
    if (kind != FD_FILE)
        return;
    fds[fd].file = disk_find(&world->disk, name);
    if (fds[fd].file < 0)
        fds[fd].file = disk_create(&world->disk, name);
}

/* ret_name: below its directory; of /run it keeps that. */
static enum fd_kind kind_of(const char *path, const char **ret_name)
{
    const char *name = name_in(world->state, path);

    *ret_name = name != NULL ? name : path;
    if (name != NULL)
        return *name == '\0' ? FD_NAMES : FD_FILE;
    name = name_in(world->run, path);
    if (name != NULL && *name != '\0') {
        *ret_name = name - strlen("run/");
        return FD_RUN;
    }
    *ret_name = strncmp(path, "/proc/sys/", 10) == 0 ? path + 10 : path;
    return *ret_name != path ? FD_SYSCTL : FD_OTHER;
}

int __wrap_open(const char *asked, int flags, ...);
int __wrap_open(const char *asked, int flags, ...)
{
    char place[2 * PATH_LINE];
    const char *path = networkd_place(asked, place, sizeof(place));
    bool writes = (flags & (O_WRONLY | O_RDWR)) != 0;
    const char *name;
    enum fd_kind kind = kind_of(path, &name);
    mode_t mode = 0;
    int fd;

    if ((flags & O_CREAT) != 0) {
        va_list arguments;

        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    if (writes && (kind == FD_FILE || kind == FD_RUN)) {
        bool is_new = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
        enum fault_kind struck = shim_boundary(is_new ? BOUNDARY_CREATE : BOUNDARY_OPEN, name);

        if (struck != FAULT_NONE)
            return fail(struck);
    }
    fd = __real_open(path, flags, mode);
    know(fd, writes || kind == FD_NAMES ? kind : FD_OTHER, name);
    return fd;
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        fds[fd].kind = FD_OTHER;
    return __real_close(fd);
}

/* ---- write ---------------------------------------------------------------------------------- */

static ssize_t write_part(int fd, const void *data, size_t len, off_t at)
{
    ssize_t put = __real_pwrite(fd, data, len, at);

    if (put > 0 && fds[fd].kind == FD_FILE)
        disk_write(&world->disk, fds[fd].file, (uint64_t)at, data, (size_t)put);
    return put;
}

static size_t part_of(size_t len)
{
    uint64_t random = world->fault.seed | 1;

    return len < 2 ? 0 : 1 + (size_t)(world_random(&random) % (len - 1));
}

static ssize_t write_at(int fd, const void *data, size_t len, off_t at)
{
    char text[TEXT_LINE];
    enum fault_kind struck;

    snprintf(text, sizeof(text), "%s, %zu bytes at %lld", fds[fd].name, len, (long long)at);
    struck = shim_boundary(BOUNDARY_WRITE, text);
    if (fault_is_crash(struck)) {
        write_part(fd, data, struck == FAULT_KILL_TORN ? part_of(len) : len, at);
        shim_strike(struck);
    }
    if (struck == FAULT_SHORT && len >= 2)
        return write_part(fd, data, part_of(len), at);
    /* A full disk takes what it has room for and says so at the next. */
    if (struck == FAULT_ENOSPC && (world->fault.seed & 2) != 0)
        write_part(fd, data, part_of(len), at);
    if (struck != FAULT_NONE && struck != FAULT_SHORT)
        return fail(struck);
    return write_part(fd, data, len, at);
}

static ssize_t write_sysctl(int fd, const void *data, size_t len)
{
    char text[TEXT_LINE];
    enum fault_kind struck;

    snprintf(text, sizeof(text), "%s = %.*s", fds[fd].name, (int)len, (const char *)data);
    struck = shim_boundary(BOUNDARY_SYSCTL, text);
    return struck != FAULT_NONE ? fail(struck) : __real_write(fd, data, len);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t at)
{
    return is_known(fd) ? write_at(fd, data, len, at) : __real_pwrite(fd, data, len, at);
}

ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    off_t at;
    ssize_t put;

    if (!is_known(fd))
        return __real_write(fd, data, len);
    if (fds[fd].kind == FD_SYSCTL)
        return write_sysctl(fd, data, len);
    at = lseek(fd, 0, SEEK_CUR);
    put = write_at(fd, data, len, at);
    if (put > 0)
        lseek(fd, at + put, SEEK_SET);
    return put;
}

/* ---- sync ----------------------------------------------------------------------------------- */

/* What failed to be written may be there all the same, or never. */
static int fail_sync(int fd, enum fault_kind struck)
{
    if (struck == FAULT_EIO && fds[fd].kind == FD_FILE) {
        if ((world->fault.seed & 4) != 0)
            disk_sync(&world->disk, fds[fd].file);
        else
            disk_forget(&world->disk, fds[fd].file);
    }
    return fail(struck);
}

static int sync_one(int fd)
{
    enum fault_kind struck;

    if (!is_known(fd))
        return 0;
    struck = shim_boundary(BOUNDARY_SYNC, fds[fd].kind == FD_NAMES ? "." : fds[fd].name);
    if (struck != FAULT_NONE)
        return fail_sync(fd, struck);
    if (fds[fd].kind == FD_NAMES)
        disk_sync_names(&world->disk);
    else if (fds[fd].kind == FD_FILE)
        disk_sync(&world->disk, fds[fd].file);
    return 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return sync_one(fd);
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    return sync_one(fd);
}

int __wrap_ftruncate(int fd, off_t len);
int __wrap_ftruncate(int fd, off_t len)
{
    char text[TEXT_LINE];
    enum fault_kind struck;

    if (!is_known(fd))
        return __real_ftruncate(fd, len);
    snprintf(text, sizeof(text), "%s to %lld", fds[fd].name, (long long)len);
    struck = shim_boundary(BOUNDARY_CUT, text);
    if (struck != FAULT_NONE)
        return fail(struck);
    if (fds[fd].kind == FD_FILE)
        disk_cut(&world->disk, fds[fd].file, (uint64_t)len);
    return __real_ftruncate(fd, len);
}

/* ---- owner ---------------------------------------------------------------------------------- */

/* Before it; false: it is not to be done. */
static bool may_own(int fd, const char *what)
{
    char text[TEXT_LINE];
    enum fault_kind struck;

    if (!is_known(fd))
        return true;
    snprintf(text, sizeof(text), "%s, %s", fds[fd].name, what);
    struck = shim_boundary(BOUNDARY_OWNER, text);
    return struck == FAULT_NONE || fail(struck) == 0;
}

static int own(int fd, int done)
{
    if (done == 0 && fd < FDS_MAX && fds[fd].kind == FD_FILE)
        disk_own(&world->disk, fds[fd].file, fd);
    return done;
}

int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
    return may_own(fd, "mode") ? own(fd, __real_fchmod(fd, mode)) : -1;
}

int __wrap_fchown(int fd, uid_t uid, gid_t gid);
int __wrap_fchown(int fd, uid_t uid, gid_t gid)
{
    return may_own(fd, "owner") ? own(fd, __real_fchown(fd, uid, gid)) : -1;
}

/* ---- names ---------------------------------------------------------------------------------- */

int __wrap_rename(const char *asked_from, const char *asked_to);
int __wrap_rename(const char *asked_from, const char *asked_to)
{
    char places[2][2 * PATH_LINE];
    const char *from = networkd_place(asked_from, places[0], sizeof(places[0]));
    const char *to = networkd_place(asked_to, places[1], sizeof(places[1]));
    const char *old_name, *new_name;
    enum fd_kind kind = kind_of(to, &new_name);
    enum fault_kind struck = shim_boundary(BOUNDARY_RENAME, new_name);

    if (struck != FAULT_NONE)
        return fail(struck);
    if (kind == FD_FILE && kind_of(from, &old_name) == FD_FILE)
        disk_rename(&world->disk, old_name, new_name);
    return __real_rename(from, to);
}

int __wrap_unlink(const char *asked);
int __wrap_unlink(const char *asked)
{
    char place[2 * PATH_LINE];
    const char *path = networkd_place(asked, place, sizeof(place));
    const char *name;
    enum fd_kind kind = kind_of(path, &name);
    enum fault_kind struck = shim_boundary(BOUNDARY_UNLINK, name);

    if (struck != FAULT_NONE)
        return fail(struck);
    if (kind == FD_FILE)
        disk_unlink(&world->disk, name);
    return __real_unlink(path);
}

int __wrap_lstat(const char *path, struct stat *ret_stat);
int __wrap_lstat(const char *path, struct stat *ret_stat)
{
    char place[2 * PATH_LINE];

    return __real_lstat(networkd_place(path, place, sizeof(place)), ret_stat);
}

int __wrap_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    char place[2 * PATH_LINE];

    return __real_access(networkd_place(path, place, sizeof(place)), mode);
}
