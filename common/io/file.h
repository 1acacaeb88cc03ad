/*
 * file: whole small files, read with a limit and written so that a crash leaves the old or the new.
 */
#ifndef COMMON_IO_FILE_H
#define COMMON_IO_FILE_H

#include <sys/types.h>

#include "common/core/bytes.h"
#include "common/core/err.h"

/* ret_data is the caller's to free, with a NUL behind its last byte. ERR_MISSING if there is no
 * such file, ERR_LIMIT above size_max. */
bool file_read(const char *path, size_t size_max, uint8_t **ret_data, size_t *ret_len,
               struct err *err);

/* Temporary name (O_EXCL|O_NOFOLLOW) in that directory, fsync, rename, fsync of the directory. */
bool file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* The same where a person says where to; but into what is no file (a device, a pipe, standard
 * output), and in the place of what a link leads to. */
bool file_write_out(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* mkdir -p of the last component only; an existing directory is fine. */
bool file_make_directory(const char *path, mode_t mode, struct err *err);

/* "dir/name" into to; ERR_LIMIT when it does not fit. */
bool file_join(char *to, size_t size, const char *directory, const char *name, struct err *err);

#endif
