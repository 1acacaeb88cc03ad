/*
 * disk: what of one directory would be there after a power loss.
 *
 * The files themselves are what the processes see (the page cache). Beside them this keeps what was
 * synced, and every change since, so that a power loss can take any of it away. It trusts nothing
 * that POSIX does not say: a new name is there only after its directory was synced, a failed sync
 * may have dropped what it was to write.
 */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/crash/fault.h"

enum { DISK_FILES_MAX = 256, DISK_CHANGES_MAX = 4096, DISK_NAME = 48, DISK_IMAGE_MAX = 32 };
enum { DISK_ARENA = 24 << 20 };

/* Whom a file belongs to, and who may read it. */
struct disk_owner {
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

struct disk_file {
    uint8_t *synced;
    size_t synced_len, capacity;
    struct disk_owner owner; /* synced */
};

enum disk_change_kind { CHANGE_WRITE, CHANGE_CUT, CHANGE_OWNER, CHANGE_NAME, CHANGE_UNLINK };

/* Not synced yet. file: of all but unlink. */
struct disk_change {
    enum disk_change_kind kind;
    int file;
    uint64_t at;
    struct disk_owner owner;
    const uint8_t *data;
    size_t len;
    char name[DISK_NAME];
};

struct disk_name {
    char name[DISK_NAME];
    int file;
};

struct disk_names {
    uint32_t count;
    struct disk_name list[DISK_FILES_MAX];
};

struct disk {
    uint32_t files_count, changes_count;
    struct disk_file files[DISK_FILES_MAX];
    struct disk_change changes[DISK_CHANGES_MAX]; /* in their order */
    struct disk_names seen, synced;
    size_t used;
    uint8_t arena[DISK_ARENA];
};

/* Whole small files, to begin with. */
struct disk_image {
    uint32_t count;
    struct {
        char name[DISK_NAME];
        uint8_t *data;
        size_t len;
        struct disk_owner owner;
    } files[DISK_IMAGE_MAX];
};
void disk_image_add(struct disk_image *image, const char *directory, const char *name);
void disk_image_take(struct disk_image *image, const char *directory); /* all that are there */

/* Puts the image's files into the directory, synced, in the place of all that is there. */
void disk_reset(struct disk *disk, const char *directory, const struct disk_image *image);

int disk_find(const struct disk *disk, const char *name); /* -1: it is not there */
int disk_create(struct disk *disk, const char *name);
void disk_write(struct disk *disk, int file, uint64_t at, const void *data, size_t len);
void disk_cut(struct disk *disk, int file, uint64_t len);
/* Of an open file, as it is now. */
void disk_own(struct disk *disk, int file, int fd);
void disk_rename(struct disk *disk, const char *from, const char *to);
void disk_unlink(struct disk *disk, const char *name);
void disk_sync(struct disk *disk, int file);
void disk_sync_names(struct disk *disk);
/* The sync failed: what it was to write is never tried again. */
void disk_forget(struct disk *disk, int file);

/* Writes to the directory what a power loss of that kind leaves, and takes that for synced. */
void disk_lose(struct disk *disk, const char *directory, enum fault_kind kind, uint64_t seed);

#endif
