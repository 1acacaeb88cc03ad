/*
 * apply_file: writes configuration files, takes them back, and has networkd or netplan read them.
 */
#include "agent/guard/io/apply_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/core/undo_file.h"
#include "agent/guard/io/apply_look.h"
#include "agent/guard/io/apply_place.h"
#include "agent/guard/io/bus.h"
#include "common/core/mem.h"
#include "common/net/file_form.h"

enum { NETWORKD_MODE = 0644, NETPLAN_MODE = 0600 };

/* ---- reading ----------------------------------------------------------------------------------
 */

static bool add_place(const struct apply *apply, const char *path, struct snapshot *snapshot,
                      struct err *err)
{
    struct snapshot_file *file;

    if (snapshot_find_file(snapshot, path) != NULL)
        return true;
    if (!apply_place_check(apply, path, err))
        return false;
    file = snapshot_add_file(snapshot);
    text_copy(file->path, sizeof(file->path), path);
    return apply_look(apply, file, err);
}

bool apply_file_read(const struct apply *apply, const struct operation *operation,
                     struct snapshot *snapshot, struct err *err)
{
    char trial[FILE_PATH_SIZE];

    if (operation->kind != OPERATION_FILE)
        return true;
    file_form_trial_path(operation->file.path, trial);
    return add_place(apply, operation->file.path, snapshot, err) &&
           add_place(apply, trial, snapshot, err);
}

bool apply_file_read_items(const struct apply *apply, const struct undo_item *items, uint32_t count,
                           struct snapshot *snapshot, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!apply_file_read(apply, &items[i].change, snapshot, err))
            return false;
    }
    return true;
}

/* ---- reading again ----------------------------------------------------------------------------
 */

static bool is_netplan(const struct operation *operation)
{
    enum file_form form;
    struct err err = ERR_INIT;

    return file_form_of(operation->file.path, &form, &err) && form == FILE_FORM_NETPLAN;
}

/* Of one file that it does not like netplan reads none, and what it generated before stays until
 * the next boot; systemd does not say so. What it leaves at its end says so, which systemd takes
 * away before it runs the generators. */
bool apply_file_check(const struct apply *apply, const struct operation *operation, struct err *err)
{
    char path[APPLY_PATH_SIZE];

    apply_place_path(apply, "/run/systemd/generator/netplan.stamp", "", path);
    return !is_netplan(operation) || access(path, F_OK) == 0 ||
           err_set(err, ERR_CONFLICT,
                   "netplan has not read its files: expected %s, which its generator leaves at its "
                   "end, found none; `netplan generate` says why",
                   path);
}

/* netplan is a generator of networkd's files: systemd runs it, then networkd reads them. */
static bool reload(const struct apply *apply, const struct operation *operation, struct err *err)
{
    return (!is_netplan(operation) || bus_run_generators(apply->bus, err)) &&
           apply_file_check(apply, operation, err) && bus_reload_networkd(apply->bus, err);
}

bool apply_file_reload(const struct apply *apply, const struct operation *operation,
                       struct err *err)
{
    char why[ERR_TEXT_SIZE];
    enum err_kind kind;

    if (reload(apply, operation, err))
        return true;
    kind = err->kind;
    if (err->kind == ERR_MISSING) {
        *err = (struct err)ERR_INIT;
        return true;
    }
    text_copy(why, sizeof(why), err->text);
    return err_set(err, kind,
                   "%.350s; done at the next boot, by the guard or by oceanid-rollback "
                   "--finish",
                   why);
}

/* ---- doing ------------------------------------------------------------------------------------
 */

/* As a new one of its kind, or as the one of that name in /etc. */
static struct snapshot_file make_place(const struct operation *operation,
                                       const struct snapshot *now, bool in_run)
{
    const struct snapshot_file *kept = snapshot_find_file(now, operation->file.path);
    const char *content =
        in_run ? operation_file_trial_content(&operation->file) : operation->file.content;
    struct snapshot_file place = {.there = in_run || !operation->file.absent,
                                  .has_directory = true,
                                  .mode = is_netplan(operation) ? NETPLAN_MODE : NETWORKD_MODE};

    if (kept != NULL && kept->there)
        place.mode = kept->mode;
    if (in_run)
        file_form_trial_path(operation->file.path, place.path);
    else
        text_copy(place.path, sizeof(place.path), operation->file.path);
    place.len = place.there ? (uint32_t)strlen(content) : 0;
    place.data = mem_copy(content, place.len);
    return place;
}

static bool write_place(const struct apply *apply, const struct operation *operation,
                        const struct snapshot *now, bool in_run, struct err *err)
{
    struct snapshot_file place = make_place(operation, now, in_run);
    bool done = apply_place_put(apply, &place, err);

    free(place.data);
    return done;
}

bool apply_file_run(const struct apply *apply, const struct operation *operation,
                    const struct snapshot *now, struct err *err)
{
    if (operation_holds(operation, now))
        return true;
    if (!operation_check(operation, now, err) ||
        !write_place(apply, operation, now, operation_file_tries_in_run(&operation->file, now),
                     err))
        return false;
    return reload(apply, operation, err) || err_wrap(err, "%s", operation->file.path);
}

/* Whoever put them back may have died before their directories were synced, or the disk refused
 * that. One that refuses again holds nothing up (docs/protocol.md rule 16). */
static void sync_places(const struct apply *apply, const struct undo_item *item,
                        const struct snapshot *now)
{
    for (size_t i = 0; i < item->before.files_count; i++) {
        const struct snapshot_file *was = &item->before.files[i];
        struct err ignored = ERR_INIT;

        if (undo_file_judge_place(item, was, now) == UNDO_RESTORED)
            (void)apply_place_sync(apply, was->path, &ignored);
    }
}

/* What is not touched is not synced as long as there is something to put back: a disk that hangs
 * does not keep /run from that. */
bool apply_file_restore(const struct apply *apply, const struct undo_item *item,
                        const struct snapshot *now, struct err *err)
{
    bool needed = false;

    for (size_t i = 0; i < item->before.files_count; i++) {
        const struct snapshot_file *was = &item->before.files[i];

        if (undo_file_judge_place(item, was, now) != UNDO_NEEDED)
            continue;
        needed = true;
        if (!apply_place_put(apply, was, err))
            return false;
    }
    if (!needed)
        sync_places(apply, item, now);
    return true;
}

/* ---- keeping ----------------------------------------------------------------------------------
 */

/* Set while a content that nobody has read yet is written to /etc: after a power loss between the
 * confirmation and this there is none in /run that is in effect. */
static void mark_path(const struct apply *apply, const char *trial, char *to)
{
    apply_place_path(apply, trial, ".oceanid-unread", to);
}

static bool set_mark(const struct apply *apply, const char *trial, struct err *err)
{
    char path[APPLY_PATH_SIZE];
    int fd;

    mark_path(apply, trial, path);
    if (!apply_place_make_directory(path, err))
        return false;
    fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "create %s: %s", path, strerror(errno));
    close(fd);
    return true;
}

static bool has_mark(const struct apply *apply, const char *trial)
{
    char path[APPLY_PATH_SIZE];

    mark_path(apply, trial, path);
    return access(path, F_OK) == 0;
}

static void clear_mark(const struct apply *apply, const char *trial)
{
    char path[APPLY_PATH_SIZE];

    mark_path(apply, trial, path);
    unlink(path);
}

/* To /etc; from /run it goes afterwards, so that at no moment there is none. What is in effect
 * already is not read again: networkd would take the interface down and up for nothing. */
static bool move(const struct apply *apply, const struct undo_item *item,
                 const struct snapshot *now, const struct snapshot_file *trial, struct err *err)
{
    struct snapshot_file none = {.has_directory = true};

    if (!trial->there && !set_mark(apply, trial->path, err))
        return false;
    if (!write_place(apply, &item->change, now, false, err))
        return false;
    text_copy(none.path, sizeof(none.path), trial->path);
    return !trial->there || apply_place_remove(apply, &none, err);
}

static bool others_changed(const struct undo_item *item, const struct snapshot *now)
{
    for (size_t i = 0; i < item->before.files_count; i++) {
        if (undo_file_judge_place(item, &item->before.files[i], now) == UNDO_FOREIGN)
            return true;
    }
    return false;
}

static bool keep(const struct apply *apply, const struct undo_item *item,
                 const struct snapshot *now, bool *ret_left, struct err *err)
{
    const struct snapshot_file *trial;
    char path[FILE_PATH_SIZE];

    file_form_trial_path(item->change.file.path, path);
    trial = snapshot_find_file(now, path);
    *ret_left = others_changed(item, now);
    if (*ret_left)
        return true;
    if (!operation_file_is_kept(&item->change.file, now) && !move(apply, item, now, trial, err))
        return false;
    if (!has_mark(apply, trial->path))
        return true;
    if (!apply_file_reload(apply, &item->change, err))
        return false;
    clear_mark(apply, trial->path);
    return true;
}

bool apply_file_keep(const struct apply *apply, const struct undo_item *item, bool *ret_left,
                     struct err *err)
{
    struct snapshot now;
    bool done;

    *ret_left = false;
    snapshot_init(&now);
    done =
        apply_file_read(apply, &item->change, &now, err) && keep(apply, item, &now, ret_left, err);
    snapshot_done(&now);
    return done;
}
