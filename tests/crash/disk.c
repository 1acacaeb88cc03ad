/*
 * disk: keeps what was synced beside what was not.
 */
#include "tests/crash/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/crash/world.h"

static uint8_t *take_room(struct disk *disk, size_t len)
{
    uint8_t *room = disk->arena + disk->used;

    if (disk->used + len > DISK_ARENA)
        world_give_up("raise DISK_ARENA");
    disk->used += (len + 15) & ~(size_t)15;
    return room;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct disk_name *find_name(struct disk_names *names, const char *name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->list[i].name, name) == 0)
            return &names->list[i];
    }
    return NULL;
}

static void set_name(struct disk_names *names, const char *name, int file)
{
    struct disk_name *found = find_name(names, name);

    if (found == NULL) {
        if (names->count == DISK_FILES_MAX)
            world_give_up("raise DISK_FILES_MAX");
        found = &names->list[names->count++];
        snprintf(found->name, sizeof(found->name), "%s", name);
    }
    found->file = file;
}

static void remove_name(struct disk_names *names, const char *name)
{
    struct disk_name *found = find_name(names, name);

    if (found != NULL)
        *found = names->list[--names->count];
}

/* A file has one name here: it is renamed, never linked. */
static void remove_file(struct disk_names *names, int file)
{
    for (uint32_t i = names->count; i-- > 0;) {
        if (names->list[i].file == file)
            names->list[i] = names->list[--names->count];
    }
}

static void change_names(struct disk_names *names, const struct disk_change *change)
{
    if (change->kind == CHANGE_UNLINK) {
        remove_name(names, change->name);
        return;
    }
    remove_file(names, change->file);
    set_name(names, change->name, change->file);
}

static bool is_of_names(const struct disk_change *change)
{
    return change->kind == CHANGE_NAME || change->kind == CHANGE_UNLINK;
}

/* ---- content -------------------------------------------------------------------------------- */

struct content {
    uint8_t *data;
    size_t len;
    struct disk_owner owner;
};

static void set_len(struct content *content, size_t len)
{
    content->data = realloc(content->data, len + 1);
    if (content->data == NULL)
        world_give_up("memory");
    if (len > content->len)
        memset(content->data + content->len, 0, len - content->len);
    content->len = len;
}

static void put(struct content *content, uint64_t at, const uint8_t *data, size_t len)
{
    if (at + len > content->len)
        set_len(content, at + len);
    memcpy(content->data + at, data, len);
}

static void apply(struct content *content, const struct disk_change *change)
{
    if (change->kind == CHANGE_OWNER)
        content->owner = change->owner;
    if (change->kind == CHANGE_WRITE)
        put(content, change->at, change->data, change->len);
    else if (change->kind == CHANGE_CUT)
        set_len(content, change->at);
}

static struct content copy_synced(const struct disk_file *file)
{
    struct content content = {NULL, 0, file->owner};

    set_len(&content, file->synced_len);
    if (file->synced_len > 0)
        memcpy(content.data, file->synced, file->synced_len);
    return content;
}

static void set_synced(struct disk *disk, struct disk_file *file, const struct content *content)
{
    if (content->len > file->capacity) {
        file->capacity = content->len * 2;
        file->synced = take_room(disk, file->capacity);
    }
    if (content->len > 0)
        memcpy(file->synced, content->data, content->len);
    file->synced_len = content->len;
    file->owner = content->owner;
}

/* ---- changes -------------------------------------------------------------------------------- */

static struct disk_change *add_change(struct disk *disk, enum disk_change_kind kind, int file)
{
    struct disk_change *change = &disk->changes[disk->changes_count];

    if (++disk->changes_count > DISK_CHANGES_MAX)
        world_give_up("raise DISK_CHANGES_MAX");
    memset(change, 0, sizeof(*change));
    change->kind = kind;
    change->file = file;
    return change;
}

int disk_find(const struct disk *disk, const char *name)
{
    const struct disk_name *found = find_name((struct disk_names *)(uintptr_t)&disk->seen, name);

    return found != NULL ? found->file : -1;
}

static void add_name(struct disk *disk, const char *name, int file)
{
    struct disk_change *change = add_change(disk, CHANGE_NAME, file);

    snprintf(change->name, sizeof(change->name), "%s", name);
    change_names(&disk->seen, change);
}

int disk_create(struct disk *disk, const char *name)
{
    int file = (int)disk->files_count;

    if (disk->files_count == DISK_FILES_MAX)
        world_give_up("raise DISK_FILES_MAX");
    memset(&disk->files[disk->files_count], 0, sizeof(disk->files[0]));
    disk->files[disk->files_count++].owner.mode = 0600;
    add_name(disk, name, file);
    return file;
}

void disk_write(struct disk *disk, int file, uint64_t at, const void *data, size_t len)
{
    struct disk_change *change = add_change(disk, CHANGE_WRITE, file);
    uint8_t *room = take_room(disk, len);

    memcpy(room, data, len);
    change->at = at;
    change->data = room;
    change->len = len;
}

void disk_cut(struct disk *disk, int file, uint64_t len)
{
    add_change(disk, CHANGE_CUT, file)->at = len;
}

void disk_own(struct disk *disk, int file, int fd)
{
    struct disk_change *change = add_change(disk, CHANGE_OWNER, file);
    struct stat is;

    if (fstat(fd, &is) != 0)
        world_give_up("fstat");
    change->owner = (struct disk_owner){is.st_mode & 07777, is.st_uid, is.st_gid};
}

void disk_rename(struct disk *disk, const char *from, const char *to)
{
    int file = disk_find(disk, from);

    if (file >= 0)
        add_name(disk, to, file);
}

void disk_unlink(struct disk *disk, const char *name)
{
    struct disk_change *change = add_change(disk, CHANGE_UNLINK, -1);

    snprintf(change->name, sizeof(change->name), "%s", name);
    remove_name(&disk->seen, name);
}

/* file -1: of names. */
static void drop_changes(struct disk *disk, int file)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < disk->changes_count; i++) {
        bool names = is_of_names(&disk->changes[i]);

        if (file < 0 ? !names : names || disk->changes[i].file != file)
            disk->changes[kept++] = disk->changes[i];
    }
    disk->changes_count = kept;
}

void disk_sync(struct disk *disk, int file)
{
    struct content content = copy_synced(&disk->files[file]);

    for (uint32_t i = 0; i < disk->changes_count; i++) {
        if (disk->changes[i].file == file && !is_of_names(&disk->changes[i]))
            apply(&content, &disk->changes[i]);
    }
    set_synced(disk, &disk->files[file], &content);
    free(content.data);
    drop_changes(disk, file);
}

void disk_sync_names(struct disk *disk)
{
    for (uint32_t i = 0; i < disk->changes_count; i++) {
        if (is_of_names(&disk->changes[i]))
            change_names(&disk->synced, &disk->changes[i]);
    }
    drop_changes(disk, -1);
}

void disk_forget(struct disk *disk, int file)
{
    drop_changes(disk, file);
}
