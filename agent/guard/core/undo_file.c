/*
 * undo_file: the undo of a configuration file.
 */
#include "agent/guard/core/undo_file.h"

#include <string.h>

static const struct snapshot_file *kept_before(const struct undo_item *item)
{
    return snapshot_find_file(&item->before, item->change.file.path);
}

bool undo_file_existed(const struct undo_item *item)
{
    const struct snapshot_file *kept = kept_before(item);

    return kept != NULL && kept->there;
}

bool undo_file_is_possible(const struct undo_item *item, struct err *err)
{
    for (size_t i = 0; i < item->before.files_count; i++) {
        if (item->before.files[i].irregular)
            return err_set(err, ERR_CONFLICT, "file %s: what is there is no regular file",
                           item->before.files[i].path);
    }
    return item->before.files_count == 2 ||
           err_set(err, ERR_MISSING, "file %s: what was there before is not known",
                   item->change.file.path);
}

static bool is_same(const struct snapshot_file *a, const struct snapshot_file *b)
{
    if (!a->there || !b->there)
        return a->there == b->there;
    return !a->irregular && !b->irregular && a->len == b->len &&
           (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* As the change makes this place, on trial or when it is confirmed. */
static bool is_ours(const struct operation_file *change, const struct snapshot_file *is)
{
    if (!text_equal(is->path, change->path))
        return operation_file_has(is, operation_file_trial_content(change));
    return change->absent ? !is->there : operation_file_has(is, change->content);
}

enum undo_state undo_file_judge_place(const struct undo_item *item, const struct snapshot_file *was,
                                      const struct snapshot *now)
{
    const struct snapshot_file *is = snapshot_find_file(now, was->path);

    if (is == NULL || is_same(is, was))
        return UNDO_RESTORED;
    return is_ours(&item->change.file, is) ? UNDO_NEEDED : UNDO_FOREIGN;
}

static void add_file(const struct snapshot_file *file, struct text *out)
{
    if (!file->there)
        text_add(out, "none");
    else if (file->irregular)
        text_add(out, "no regular file");
    else
        text_add(out, "one of %u bytes", file->len);
}

enum undo_state undo_file_judge(const struct undo_item *item, const struct snapshot *now,
                                struct text *why)
{
    enum undo_state worst = UNDO_RESTORED;

    for (size_t i = 0; i < item->before.files_count; i++) {
        const struct snapshot_file *was = &item->before.files[i];
        enum undo_state state = undo_file_judge_place(item, was, now);

        if (state == UNDO_RESTORED || worst == UNDO_NEEDED || state == worst)
            continue;
        worst = state;
        text_init(why, why->data, why->size);
        text_add(why, "expected at %s ", was->path);
        add_file(was, why);
        text_add(why, " as before, found ");
        add_file(snapshot_find_file(now, was->path), why);
    }
    return worst;
}

void undo_file_render(const struct undo_item *item, struct text *out)
{
    const struct snapshot_file *kept = kept_before(item);

    if (kept != NULL && kept->there)
        text_add(out, "restore file %s as before (%u bytes, mode %04o)", item->change.file.path,
                 kept->len, kept->mode);
    else
        text_add(out, "take away file %s, on trial the one in /run", item->change.file.path);
}
