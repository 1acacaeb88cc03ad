/*
 * apply_place: files that are replaced whole, by whoever may hang for it.
 */
#include "agent/guard/io/apply_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/hand.h"
#include "common/core/mem.h"
#include "common/core/text.h"

/* ---- paths ------------------------------------------------------------------------------------
 */

void apply_place_path(const struct apply *apply, const char *path, const char *end, char *to)
{
    snprintf(to, APPLY_PATH_SIZE, "%s%s%s", apply->root != NULL ? apply->root : "", path, end);
}

void apply_place_cut_name(char *path)
{
    *strrchr(path, '/') = '\0';
}

/* ---- here and now -----------------------------------------------------------------------------
 */

static bool write_all(int fd, const struct snapshot_file *file)
{
    for (uint32_t done = 0; done < file->len;) {
        ssize_t put = write(fd, file->data + done, file->len - done);

        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0)
            done += (uint32_t)put;
    }
    return fsync(fd) == 0;
}

/* Mode and owner before the name: nobody reads it with others; and before the sync, which makes
 * them as durable as the content. */
static bool fill(int fd, const struct snapshot_file *file)
{
    bool done = fchown(fd, file->uid, file->gid) == 0 && fchmod(fd, (mode_t)file->mode) == 0 &&
                write_all(fd, file);
    int saved = errno;

    if (close(fd) != 0)
        return false;
    errno = saved;
    return done;
}

static bool sync_directory_of(const char *path)
{
    char directory[APPLY_PATH_SIZE];
    bool done;
    int fd;

    text_copy(directory, sizeof(directory), path);
    apply_place_cut_name(directory);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

/* Only the last one: those above it belong to netplan and networkd. */
bool apply_place_make_directory(const char *path, struct err *err)
{
    char directory[APPLY_PATH_SIZE];
    struct stat stat;

    text_copy(directory, sizeof(directory), path);
    apply_place_cut_name(directory);
    if (lstat(directory, &stat) == 0)
        return true;
    if (mkdir(directory, 0755) != 0 || chmod(directory, 0755) != 0 || !sync_directory_of(directory))
        return err_set(err, ERR_SYSTEM, "make directory %s: %s", directory, strerror(errno));
    return true;
}

/* The temporary name is always the same, so that a crash leaves at most one; neither networkd nor
 * netplan reads a name with that end. */
static bool put_file(const struct apply *apply, const struct snapshot_file *file, struct err *err)
{
    char path[APPLY_PATH_SIZE], temporary[APPLY_PATH_SIZE];
    int fd;

    apply_place_path(apply, file->path, "", path);
    apply_place_path(apply, file->path, ".oceanid-new", temporary);
    if (!apply_place_make_directory(path, err))
        return false;
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "create %s: %s", temporary, strerror(errno));
    if (fill(fd, file) && rename(temporary, path) == 0 && sync_directory_of(path))
        return true;
    err_set(err, ERR_SYSTEM, "write %s: %s", path, strerror(errno));
    unlink(temporary);
    return false;
}

bool apply_place_remove(const struct apply *apply, const struct snapshot_file *was, struct err *err)
{
    char path[APPLY_PATH_SIZE];

    apply_place_path(apply, was->path, "", path);
    if (unlink(path) != 0 && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, "remove %s: %s", path, strerror(errno));
    if (!sync_directory_of(path) && errno != ENOENT)
        return err_set(err, ERR_SYSTEM, "remove %s: %s", path, strerror(errno));
    if (!was->has_directory) { /* we made it; what others put in since stays */
        apply_place_cut_name(path);
        rmdir(path);
    }
    return true;
}

/* What an interrupted write left beside it. */
static void remove_temporary(const struct apply *apply, const char *path)
{
    char temporary[APPLY_PATH_SIZE];

    apply_place_path(apply, path, ".oceanid-new", temporary);
    unlink(temporary);
}

/* As it was, in content, mode and owner; or away. */
static bool put_back(const struct apply *apply, const struct snapshot_file *was, struct err *err)
{
    remove_temporary(apply, was->path);
    return was->there ? put_file(apply, was, err) : apply_place_remove(apply, was, err);
}

static bool sync_place(const struct apply *apply, const char *path, struct err *err)
{
    char whole[APPLY_PATH_SIZE];

    apply_place_path(apply, path, "", whole);
    return sync_directory_of(whole) ||
           err_set(err, ERR_SYSTEM, "sync the directory of %s: %s", whole, strerror(errno));
}

/* ---- by the hand ------------------------------------------------------------------------------
 */

struct place_job {
    struct hand_job job;
    struct apply apply;
    struct snapshot_file file; /* owns its data */
    bool syncs_only, done;
    struct err err;
};

static void do_place(struct hand_job *job)
{
    struct place_job *place = (struct place_job *)job;

    place->err = (struct err)ERR_INIT;
    place->done = place->syncs_only ? sync_place(&place->apply, place->file.path, &place->err)
                                    : put_back(&place->apply, &place->file, &place->err);
}

static void free_place(struct hand_job *job)
{
    struct place_job *place = (struct place_job *)job;

    free(place->file.data);
    free(place);
}

bool apply_place_is_memory(const char *path)
{
    return strncmp(path, "/run/", 5) == 0;
}

static bool say_late(const char *path, struct err *err)
{
    return err_set(err, ERR_TIMEOUT,
                   "file %s: expected it to be written within %d s, its disk does not answer", path,
                   APPLY_PLACE_MS / 1000);
}

static bool do_by_hand(const struct apply *apply, const struct snapshot_file *file, bool syncs_only,
                       struct err *err)
{
    struct place_job *place = mem_alloc(1, sizeof(*place));
    bool done;

    place->job = (struct hand_job){do_place, free_place, sizeof(*place)};
    err_set(&place->err, ERR_SYSTEM, "file %s: the process that writes it has ended", file->path);
    place->apply = *apply;
    place->file = *file;
    place->file.data = mem_copy(file->data, file->len);
    place->syncs_only = syncs_only;
    if (hand_do_take(apply->hand, &place->job, APPLY_PLACE_MS) != HAND_DONE)
        return say_late(file->path, err);
    done = place->done;
    if (!done)
        *err = place->err;
    free_place(&place->job);
    return done;
}

bool apply_place_put(const struct apply *apply, const struct snapshot_file *was, struct err *err)
{
    if (apply->hand == NULL || apply_place_is_memory(was->path))
        return put_back(apply, was, err);
    return do_by_hand(apply, was, false, err);
}

bool apply_place_sync(const struct apply *apply, const char *path, struct err *err)
{
    struct snapshot_file place = {.there = false};

    if (apply->hand == NULL || apply_place_is_memory(path))
        return sync_place(apply, path, err);
    text_copy(place.path, sizeof(place.path), path);
    return do_by_hand(apply, &place, true, err);
}

bool apply_place_check(const struct apply *apply, const char *path, struct err *err)
{
    const struct hand_job *job = apply->hand != NULL ? hand_late(apply->hand) : NULL;
    const struct place_job *late =
        job != NULL && job->do_fn == do_place ? (const struct place_job *)job : NULL;

    return late == NULL || late->syncs_only || !text_equal(late->file.path, path) ||
           say_late(path, err);
}
