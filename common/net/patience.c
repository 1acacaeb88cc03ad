/*
 * patience: how long whoever may hang is waited for, and what that comes to.
 */
#include "common/net/patience.h"

#include "common/net/file_form.h"

/* 1 s for a hundred that do not hang; and what is read before, behind, and to verify. */
enum {
    PER_SECOND = 100,
    APPLY_BASE_S = 1,
    REVERT_BASE_S = 5,
    PREFS_APPLY_S = 3,
    PREFS_REVERT_S = 5
};

/* networkd reads its files, or systemd says why it does not; before that netplan generates them. */
static unsigned reload_s(const struct operation_file *file)
{
    enum file_form form = FILE_FORM_NETWORK;
    struct err err = ERR_INIT;

    file_form_of(file->path, &form, &err);
    return 2 * PATIENCE_CALL_S + (form == FILE_FORM_NETPLAN ? PATIENCE_GENERATORS_S : 0);
}

/* Read once, written once; or put back at both places. One that fails takes itself back, in the
 * same go. */
static void add_file(struct patience *patience, const struct operation_file *file)
{
    unsigned apply_s = 2 * PATIENCE_PLACE_S + reload_s(file) + PATIENCE_MADE_S;
    unsigned revert_s = 3 * PATIENCE_PLACE_S + reload_s(file) + PATIENCE_MADE_S;

    patience->apply_s += apply_s;
    patience->revert_s += revert_s;
    if (apply_s + revert_s > patience->under_way_s)
        patience->under_way_s = apply_s + revert_s;
}

void patience_add(struct patience *patience, const struct operation *operation)
{
    patience->operations++;
    if (operation->kind == OPERATION_FILE) {
        add_file(patience, &operation->file);
    } else if (operation_persists(operation)) {
        patience->apply_s += PREFS_APPLY_S;
        patience->revert_s += PREFS_REVERT_S;
    }
}

unsigned patience_apply_s(const struct patience *patience)
{
    return APPLY_BASE_S + patience->operations / PER_SECOND + patience->apply_s;
}

unsigned patience_revert_s(const struct patience *patience)
{
    return REVERT_BASE_S + patience->operations / PER_SECOND + patience->revert_s +
           patience->under_way_s;
}
