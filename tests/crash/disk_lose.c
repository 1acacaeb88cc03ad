/*
 * disk_lose: a power loss: which of the changes that were not synced are there afterwards.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/disk.h"
#include "tests/crash/real.h"
#include "tests/crash/world.h"

enum { SECTOR = 512 };

/* ---- the directory -------------------------------------------------------------------------- */

static void join(char *to, size_t size, const char *directory, const char *name)
{
    if (snprintf(to, size, "%s/%s", directory, name) >= (int)size)
        world_give_up(name);
}

static void empty(const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    char path[512];

    if (dir == NULL)
        world_give_up(directory);
    while ((entry = readdir(dir)) != NULL) {
        join(path, sizeof(path), directory, entry->d_name);
        if (entry->d_name[0] != '.')
            __real_unlink(path);
    }
    closedir(dir);
}

/* Returns it, open. */
static int write_file(const char *directory, const char *name, const uint8_t *data, size_t len,
                      const struct disk_owner *owner)
{
    char path[512];
    int fd;

    join(path, sizeof(path), directory, name);
    fd = __real_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || __real_write(fd, data, len) != (ssize_t)len ||
        __real_fchown(fd, owner->uid, owner->gid) != 0 || __real_fchmod(fd, owner->mode) != 0)
        world_give_up(path);
    return fd;
}

void disk_image_add(struct disk_image *image, const char *directory, const char *name)
{
    const size_t room = 4 << 20;
    struct stat is;
    char path[512];
    FILE *file;

    join(path, sizeof(path), directory, name);
    file = fopen(path, "re");
    if (file == NULL || image->count == DISK_IMAGE_MAX || fstat(fileno(file), &is) != 0)
        world_give_up(path);
    image->files[image->count].owner =
        (struct disk_owner){is.st_mode & 07777, is.st_uid, is.st_gid};
    snprintf(image->files[image->count].name, DISK_NAME, "%s", name);
    image->files[image->count].data = malloc(room);
    image->files[image->count].len = fread(image->files[image->count].data, 1, room, file);
    image->count++;
    fclose(file);
}

void disk_image_take(struct disk_image *image, const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;

    image->count = 0;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            disk_image_add(image, directory, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
}

void disk_reset(struct disk *disk, const char *directory, const struct disk_image *image)
{
    disk->files_count = disk->changes_count = 0;
    disk->seen.count = disk->synced.count = 0;
    disk->used = 0;
    empty(directory);
    for (uint32_t i = 0; i < image->count; i++) {
        int file = disk_create(disk, image->files[i].name);

        int fd = write_file(directory, image->files[i].name, image->files[i].data,
                            image->files[i].len, &image->files[i].owner);

        disk_write(disk, file, 0, image->files[i].data, image->files[i].len);
        disk_own(disk, file, fd);
        __real_close(fd);
        disk_sync(disk, file);
    }
    disk_sync_names(disk);
}

/* ---- what is left --------------------------------------------------------------------------- */

struct loss {
    enum fault_kind kind;
    uint64_t random;
    uint32_t last_write; /* index of the newest write, which is torn */
    uint32_t names_kept; /* torn: so many changes of names, the first ones */
};

static bool one_in(struct loss *loss, unsigned count)
{
    return world_random(&loss->random) % count == 0;
}

static bool is_kept(struct loss *loss)
{
    return loss->kind == FAULT_POWER_KEPT || loss->kind == FAULT_POWER_TORN ||
           (loss->kind == FAULT_POWER_REORDERED && !one_in(loss, 2));
}

static void grow(uint8_t **data, size_t *len, size_t to)
{
    *data = realloc(*data, to + 1);
    if (*data == NULL)
        world_give_up("memory");
    if (to > *len)
        memset(*data + *len, 0, to - *len);
    *len = to;
}

/* Some of its sectors; the others hold what was there, zeroes, or what somebody left there. */
static void put_sectors(struct loss *loss, const struct disk_change *change, uint8_t *data,
                        size_t old_len)
{
    for (size_t i = 0; i < change->len;) {
        size_t len = SECTOR - (change->at + i) % SECTOR;

        if (len > change->len - i)
            len = change->len - i;
        if (!one_in(loss, 3))
            memcpy(data + change->at + i, change->data + i, len);
        else if (change->at + i >= old_len && one_in(loss, 3))
            memset(data + change->at + i, 0x5a, len);
        i += len;
    }
}

/* Torn: the file ends there, or its length was written and the rest was not. */
static void put_torn(struct loss *loss, const struct disk_change *change, uint8_t **data,
                     size_t *len)
{
    size_t kept = world_random(&loss->random) % change->len;
    size_t end = change->at + (one_in(loss, 2) ? change->len : kept);

    if (end > *len)
        grow(data, len, end);
    memcpy(*data + change->at, change->data, kept);
}

static void put_write(struct loss *loss, uint32_t index, const struct disk_change *change,
                      uint8_t **data, size_t *len)
{
    size_t old_len = *len;

    if (loss->kind == FAULT_POWER_TORN && index == loss->last_write) {
        put_torn(loss, change, data, len);
        return;
    }
    if (change->at + change->len > *len)
        grow(data, len, change->at + change->len);
    if (loss->kind == FAULT_POWER_REORDERED)
        put_sectors(loss, change, *data, old_len);
    else
        memcpy(*data + change->at, change->data, change->len);
}

static uint8_t *content_of(struct loss *loss, const struct disk *disk, int file, size_t *ret_len,
                           struct disk_owner *ret_owner)
{
    const struct disk_file *of = &disk->files[file];
    uint8_t *data = NULL;

    *ret_len = 0;
    *ret_owner = of->owner;
    grow(&data, ret_len, of->synced_len);
    if (of->synced_len > 0)
        memcpy(data, of->synced, of->synced_len);
    for (uint32_t i = 0; i < disk->changes_count; i++) {
        const struct disk_change *change = &disk->changes[i];

        if (change->file != file || !is_kept(loss))
            continue;
        if (change->kind == CHANGE_WRITE && change->len > 0)
            put_write(loss, i, change, &data, ret_len);
        else if (change->kind == CHANGE_CUT)
            grow(&data, ret_len, change->at);
        else if (change->kind == CHANGE_OWNER)
            *ret_owner = change->owner;
    }
    return data;
}

static void lose_names(struct loss *loss, struct disk *disk)
{
    uint32_t number = 0;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < disk->changes_count; i++) {
        struct disk_change change = disk->changes[i];
        bool names = change.kind == CHANGE_NAME || change.kind == CHANGE_UNLINK;

        if (!names)
            continue;
        number++;
        if (!is_kept(loss) || (loss->kind == FAULT_POWER_TORN && number > loss->names_kept))
            continue;
        disk->changes[kept++] = change;
    }
    disk->changes_count = kept;
    disk_sync_names(disk);
}

static struct loss begin_loss(const struct disk *disk, enum fault_kind kind, uint64_t seed)
{
    struct loss loss = {
        .kind = kind, .random = seed ^ 0x9e3779b97f4a7c15u, .last_write = UINT32_MAX};
    uint32_t names = 0;

    for (uint32_t i = 0; i < disk->changes_count; i++) {
        names += disk->changes[i].kind == CHANGE_NAME || disk->changes[i].kind == CHANGE_UNLINK;
        if (disk->changes[i].kind == CHANGE_WRITE)
            loss.last_write = i;
    }
    loss.names_kept = names > 0 ? (uint32_t)(world_random(&loss.random) % (names + 1)) : 0;
    return loss;
}

void disk_lose(struct disk *disk, const char *directory, enum fault_kind kind, uint64_t seed)
{
    struct loss loss = begin_loss(disk, kind, seed);
    struct disk_image image = {0};
    uint8_t *contents[DISK_FILES_MAX];
    struct disk_owner owners[DISK_FILES_MAX];
    size_t lens[DISK_FILES_MAX];
    uint32_t files_count = disk->files_count;

    for (uint32_t i = 0; i < files_count; i++)
        contents[i] = content_of(&loss, disk, (int)i, &lens[i], &owners[i]);
    lose_names(&loss, disk);
    for (uint32_t i = 0; i < disk->synced.count; i++) {
        const struct disk_name *name = &disk->synced.list[i];

        if (image.count == DISK_IMAGE_MAX)
            world_give_up("more files than an image holds");
        snprintf(image.files[image.count].name, DISK_NAME, "%s", name->name);
        image.files[image.count].data = contents[name->file];
        image.files[image.count].owner = owners[name->file];
        image.files[image.count++].len = lens[name->file];
    }
    disk_reset(disk, directory, &image);
    for (uint32_t i = 0; i < files_count; i++)
        free(contents[i]);
}
