/*
 * file: whole small files, read with a limit and written so that a crash leaves the old or the new.
 */
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/io/clock.h"

static bool read_all(int fd, const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_len,
                     struct err *err)
{
    size_t capacity = 4096;
    size_t len = 0;
    uint8_t *data = mem_alloc(capacity + 1, 1);

    for (;;) {
        ssize_t got = read(fd, data + len, capacity - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || len + (size_t)got > size_max) {
            free(data);
            return got < 0 ? err_set(err, ERR_SYSTEM, "read %s: %s", path, strerror(errno))
                           : err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, size_max);
        }
        if (got == 0)
            break;
        len += (size_t)got;
        if (len == capacity) {
            capacity *= 2;
            data = mem_resize(data, capacity + 1, 1);
        }
    }
    data[len] = '\0';
    *ret_data = data;
    *ret_len = len;
    return true;
}

bool file_read(const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_len,
               struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool done;

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_SYSTEM, "open %s: %s", path,
                       strerror(errno));
    done = read_all(fd, path, size_max, ret_data, ret_len, err);
    close(fd);
    return done;
}

static bool put_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        data += put;
        len -= (size_t)put;
    }
    return true;
}

/* The rename is durable only when its directory is. */
static bool sync_directory_of(const char *path)
{
    char *directory = mem_string(path);
    char *slash = strrchr(directory, '/');
    bool done;
    int fd;

    if (slash != NULL)
        slash[slash == directory ? 1 : 0] = '\0';
    fd = open(slash != NULL ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

bool file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    char temporary[4096];
    uint32_t random;
    bool done;
    int fd;

    clock_random(&random, sizeof(random));
    if (snprintf(temporary, sizeof(temporary), "%s.%08x", path, random) >= (int)sizeof(temporary))
        return err_set(err, ERR_LIMIT, "path %.80s... is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "create %s: %s", temporary, strerror(errno));
    done = fchmod(fd, mode) == 0 && put_all(fd, data, len) && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    done = done && rename(temporary, path) == 0 && sync_directory_of(path);
    if (!done) {
        err_set(err, ERR_SYSTEM, "write %s: %s; the old content stays", path, strerror(errno));
        unlink(temporary);
    }
    return done;
}

/* A device, a pipe, or what a shell gave as standard output, which a rename would take away. */
static bool is_written_into(const struct stat *is)
{
    struct stat out;

    return !S_ISREG(is->st_mode) || (fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == is->st_dev &&
                                     out.st_ino == is->st_ino);
}

static bool write_into(const char *path, const void *data, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    bool done = fd >= 0 && put_all(fd, data, len);

    if (!done)
        err_set(err, ERR_SYSTEM, "write %s: %s", path, strerror(errno));
    if (fd >= 0 && close(fd) != 0 && done)
        done = err_set(err, ERR_SYSTEM, "write %s: %s", path, strerror(errno));
    return done;
}

bool file_write_out(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    struct stat is;
    char *target;
    bool done;

    if (stat(path, &is) == 0 && is_written_into(&is))
        return write_into(path, data, len, err);
    if (lstat(path, &is) != 0 || !S_ISLNK(is.st_mode))
        return file_write(path, data, len, mode, err);
    target = realpath(path, NULL);
    if (target == NULL)
        return err_set(err, ERR_SYSTEM,
                       "%s: it is a link to what is not there, or may not be looked at: %s; name "
                       "a file",
                       path, strerror(errno));
    done = file_write(target, data, len, mode, err);
    free(target);
    return done;
}

bool file_make_directory(const char *path, mode_t mode, struct err *err)
{
    struct stat stat;

    if (mkdir(path, mode) == 0)
        return true;
    if (errno == EEXIST && lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode))
        return true;
    return err_set(err, ERR_SYSTEM, "make directory %s: %s", path, strerror(errno));
}

bool file_join(char *to, size_t size, const char *directory, const char *name, struct err *err)
{
    int len = snprintf(to, size, "%s/%s", directory, name);

    if (len >= 0 && (size_t)len < size)
        return true;
    return err_set(err, ERR_LIMIT, "path %.80s/%.80s is longer than %zu characters", directory,
                   name, size - 1);
}
