/*
 * apply_look: what stands at a configuration file's place.
 */
#include "agent/guard/io/apply_look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guard/io/apply_place.h"
#include "agent/guard/io/hand.h"
#include "common/core/mem.h"
#include "common/io/file.h"

/* ---- here and now -----------------------------------------------------------------------------
 */

static bool read_content(const char *path, struct snapshot_file *file, struct err *err)
{
    uint8_t *data;
    size_t len;

    if (!file_read(path, FILE_SIZE_MAX, &data, &len, err))
        return false;
    file->len = (uint32_t)len;
    file->data = len > 0 ? data : NULL;
    if (len == 0)
        free(data);
    return true;
}

static bool read_place(const struct apply *apply, struct snapshot_file *file, struct err *err)
{
    char path[APPLY_PATH_SIZE];
    struct stat stat;

    apply_place_path(apply, file->path, "", path);
    if (lstat(path, &stat) == 0) {
        file->there = file->has_directory = true;
        file->mode = stat.st_mode & 07777;
        file->uid = stat.st_uid;
        file->gid = stat.st_gid;
        file->irregular = !S_ISREG(stat.st_mode) || stat.st_size > FILE_SIZE_MAX;
        return file->irregular || read_content(path, file, err);
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return err_set(err, ERR_SYSTEM, "look at %s: %s", path, strerror(errno));
    apply_place_cut_name(path);
    file->has_directory = lstat(path, &stat) == 0 && S_ISDIR(stat.st_mode);
    return true;
}

/* ---- by the hand ------------------------------------------------------------------------------
 */

struct look_job {
    struct hand_job job;
    struct apply apply;
    struct snapshot_file file; /* its content is in data */
    uint8_t data[FILE_SIZE_MAX];
    bool done;
    struct err err;
};

static void do_look(struct hand_job *job)
{
    struct look_job *look = (struct look_job *)job;

    look->err = (struct err)ERR_INIT;
    look->done = read_place(&look->apply, &look->file, &look->err);
    if (look->file.data != NULL)
        memcpy(look->data, look->file.data, look->file.len);
    free(look->file.data);
    look->file.data = NULL;
}

static void free_look(struct hand_job *job)
{
    free(job);
}

static bool say_late(const char *path, struct err *err)
{
    return err_set(err, ERR_TIMEOUT,
                   "file %s: expected it to be read within %d s, its disk does not answer", path,
                   PATIENCE_PLACE_S);
}

static bool look_by_hand(const struct apply *apply, struct snapshot_file *file, struct err *err)
{
    struct look_job *look = mem_alloc(1, sizeof(*look));
    bool done;

    look->job = (struct hand_job){do_look, free_look, sizeof(*look)};
    look->apply = *apply;
    look->file = *file;
    err_set(&look->err, ERR_SYSTEM, "file %s: the process that reads it has ended", file->path);
    if (hand_do_take(apply->hand, &look->job, APPLY_PLACE_MS) != HAND_DONE)
        return say_late(file->path, err);
    done = look->done;
    *file = look->file;
    if (file->len > 0 && done)
        file->data = mem_copy(look->data, file->len);
    else if (!done)
        *err = look->err;
    free_look(&look->job);
    return done;
}

/* ---- */

bool apply_look(const struct apply *apply, struct snapshot_file *file, struct err *err)
{
    const struct hand_job *late;

    if (apply->hand == NULL || apply_place_is_memory(file->path))
        return read_place(apply, file, err);
    late = hand_late(apply->hand);
    if (hand_has_answered(apply->hand, APPLY_PLACE_MS))
        return read_place(apply, file, err);
    if (late == NULL)
        return look_by_hand(apply, file, err);
    return late->do_fn == do_look ? say_late(file->path, err) : read_place(apply, file, err);
}
