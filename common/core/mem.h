/*
 * mem: heap memory that is there, or the process ends.
 *
 * No code after a failed allocation would ever be tested; systemd restarts us from durable state.
 * Whatever a peer or a file can make large is compared with limits.h before it comes here.
 */
#ifndef COMMON_CORE_MEM_H
#define COMMON_CORE_MEM_H

#include <stddef.h>

/* Zeroed; the caller frees with free(). */
void *mem_alloc(size_t count, size_t size) __attribute__((returns_nonnull));

/* Like realloc; new room is not zeroed. */
void *mem_resize(void *old, size_t count, size_t size) __attribute__((returns_nonnull));

/* Makes room for one more item in an array of *capacity items, by doubling. */
void *mem_grow(void *items, size_t count, size_t *capacity, size_t size);

/* A copy of len bytes; NULL for len 0. */
void *mem_copy(const void *from, size_t len);

char *mem_string(const char *from);

/* For __attribute__((cleanup)): frees what the variable points to. */
void mem_free_pointer(void *pointer_to_pointer);
#define AUTO_FREE __attribute__((cleanup(mem_free_pointer)))

#endif
