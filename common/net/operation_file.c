/*
 * operation_file: writes or takes away one configuration file of netplan or networkd.
 *
 * On trial its content lies in /run, where that is read; it goes to /etc when it is confirmed. A
 * snapshot holds both places only where somebody with the right to read them took it: the guard.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/net/file_form.h"
#include "common/net/operation_kind.h"

static enum file_form form_of(const struct operation_file *file)
{
    enum file_form form = FILE_FORM_COUNT;
    struct err err = ERR_INIT;
    bool known = file_form_of(file->path, &form, &err);

    assert(known);
    return form;
}

static bool validate(const struct operation *operation, struct err *err)
{
    const struct operation_file *file = &operation->file;
    enum file_form form;

    if (!file_form_of(file->path, &form, err))
        return false;
    if (file->absent && file->content[0] != '\0')
        return err_set(err, ERR_INPUT, "file %s: `absent` and a content; accepted is one of them",
                       file->path);
    return file->absent || file_form_check(form, file->content, err) ||
           err_wrap(err, "file %s", file->path);
}

/* ---- where ------------------------------------------------------------------------------------
 */

struct places {
    const struct snapshot_file *kept, *trial; /* in /etc and /run; NULL: not read */
};

static struct places places_of(const struct operation_file *file, const struct snapshot *snapshot)
{
    char path[FILE_PATH_SIZE];

    file_form_trial_path(file->path, path);
    return (struct places){snapshot_find_file(snapshot, file->path),
                           snapshot_find_file(snapshot, path)};
}

/* systemd.network(5): "files with identical filenames replace each other. Files in /etc/ have the
 * highest priority, files in /run/ take precedence over files with the same name under /usr/", and
 * of drop-ins: "Drop-in files in /etc/ take precedence over those in /run/". So where /etc has one
 * already, nothing in /run could try another content. netplan-generate(8): "Files in /run/netplan/
 * shadow files with the same name in /etc/netplan/". */
bool operation_file_tries_in_run(const struct operation_file *file, const struct snapshot *before)
{
    struct places places = places_of(file, before);

    if (form_of(file) == FILE_FORM_NETPLAN)
        return true;
    return !file->absent && (places.kept == NULL || !places.kept->there);
}

const char *operation_file_trial_content(const struct operation_file *file)
{
    return file->absent ? FILE_FORM_NOTHING : file->content;
}

bool operation_file_has(const struct snapshot_file *there, const char *content)
{
    return there->there && !there->irregular && there->len == strlen(content) &&
           memcmp(there->data, content, there->len) == 0;
}

bool operation_file_is_kept(const struct operation_file *file, const struct snapshot *snapshot)
{
    struct places places = places_of(file, snapshot);

    if (places.kept == NULL || places.trial == NULL || places.trial->there)
        return false;
    return file->absent ? !places.kept->there : operation_file_has(places.kept, file->content);
}

static bool trial_wins(const struct operation_file *file, const struct places *places)
{
    return places->trial->there && (form_of(file) == FILE_FORM_NETPLAN || !places->kept->there);
}

const struct snapshot_file *operation_file_find_effective(const struct operation_file *file,
                                                          const struct snapshot *snapshot)
{
    struct places places = places_of(file, snapshot);

    if (places.kept == NULL || places.trial == NULL)
        return NULL;
    if (trial_wins(file, &places))
        return places.trial;
    return places.kept->there ? places.kept : NULL;
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    const struct operation_file *file = &operation->file;
    struct places places = places_of(file, snapshot);

    if (places.kept == NULL || places.trial == NULL)
        return false;
    if (trial_wins(file, &places))
        return operation_file_has(places.trial, operation_file_trial_content(file));
    return file->absent ? !places.kept->there : operation_file_has(places.kept, file->content);
}

/* ---- whether it can be done -------------------------------------------------------------------
 */

/* Whoever may not give files away could not put others' back as they were. */
static bool check_owner(const struct snapshot_file *kept, struct err *err)
{
    if (kept->irregular)
        return err_set(
            err, ERR_CONFLICT,
            "file %s: accepted is a regular file of at most %d bytes, observed is a link, "
            "a device or a larger one",
            kept->path, FILE_SIZE_MAX);
    if (!kept->there || (kept->uid == 0 && kept->gid == 0))
        return true;
    return err_set(err, ERR_CONFLICT,
                   "file %s belongs to user %u and group %u: accepted is root's own, because the "
                   "guard cannot give it back to others",
                   kept->path, kept->uid, kept->gid);
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct operation_file *file = &operation->file;
    struct places places = places_of(file, snapshot);

    if (places.kept == NULL || places.trial == NULL)
        return true; /* the guard looks, before anything */
    if (form_of(file) == FILE_FORM_NETPLAN && !places.kept->has_directory)
        return err_set(err, ERR_MISSING,
                       "file %s: /etc/netplan is not there, so no netplan reads "
                       "it; expected netplan.io to be installed",
                       file->path);
    if (places.trial->there && !holds(operation, snapshot))
        return err_set(err, ERR_CONFLICT,
                       "file %s: %s is there, put by somebody else or an earlier operation; "
                       "expected none, because the trial's content belongs there",
                       file->path, places.trial->path);
    return check_owner(places.kept, err);
}

/* ---- prediction and text ----------------------------------------------------------------------
 */

static void put(struct snapshot *snapshot, const char *path, const char *content)
{
    struct snapshot_file *file = NULL;

    for (size_t i = 0; i < snapshot->files_count && file == NULL; i++) {
        if (text_equal(snapshot->files[i].path, path))
            file = &snapshot->files[i];
    }
    if (file == NULL) {
        file = snapshot_add_file(snapshot);
        text_copy(file->path, sizeof(file->path), path);
    }
    free(file->data);
    file->there = content != NULL;
    file->len = content != NULL ? (uint32_t)strlen(content) : 0;
    file->data = content != NULL ? mem_copy(content, file->len) : NULL;
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    const struct operation_file *file = &operation->file;
    struct places places = places_of(file, snapshot);
    char trial[FILE_PATH_SIZE];

    file_form_trial_path(file->path, trial);
    if (places.kept == NULL || places.trial == NULL)
        put(snapshot, file->path, file->absent ? NULL : file->content); /* as it ends */
    else if (holds(operation, snapshot))
        return;
    else if (operation_file_tries_in_run(file, snapshot))
        put(snapshot, trial, operation_file_trial_content(file));
    else
        put(snapshot, file->path, file->absent ? NULL : file->content);
}

static unsigned count_lines(const char *content)
{
    unsigned lines = 0;

    for (; *content != '\0'; content++)
        lines += *content == '\n';
    return lines;
}

static void render(const struct operation *operation, struct text *out)
{
    const struct operation_file *file = &operation->file;
    unsigned lines = count_lines(file->content);

    if (file->absent)
        text_add(out, "no file %s", file->path);
    else
        text_add(out, "file %s of %u line%s", file->path, lines, lines == 1 ? "" : "s");
}

static void add_object(const struct operation *operation, struct text *out)
{
    text_add(out, "file %s", operation->file.path);
}

const struct operation_row operation_file_row = {
    .name = "file",
    .persists = true,
    .unseen = "no networkd and no netplan reads files in a namespace of its own",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
};
