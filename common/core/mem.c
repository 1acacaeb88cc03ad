/*
 * mem: heap memory that is there, or the process ends.
 */
#include "common/core/mem.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t count, size_t size)
{
    void *fresh = calloc(count ? count : 1, size ? size : 1);

    if (fresh == NULL)
        abort();
    return fresh;
}

void *mem_resize(void *old, size_t count, size_t size)
{
    size_t wanted = count * size;
    void *fresh;

    assert(size == 0 || count <= SIZE_MAX / size);
    fresh = realloc(old, wanted > 0 ? wanted : 1);
    if (fresh == NULL)
        abort();
    return fresh;
}

void *mem_grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 8;
    return mem_resize(items, *capacity, size);
}

void *mem_copy(const void *from, size_t len)
{
    void *fresh;

    if (len == 0)
        return NULL;
    fresh = mem_resize(NULL, 1, len);
    memcpy(fresh, from, len);
    return fresh;
}

char *mem_string(const char *from)
{
    return mem_copy(from, strlen(from) + 1);
}

void mem_free_pointer(void *pointer_to_pointer)
{
    void *pointer;

    memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
    free(pointer);
}
