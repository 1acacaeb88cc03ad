/*
 * store_engine: the engines that a store may be kept in.
 */
#include "tests/unit/store_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/text.h"

/* ---- SQLite in memory: the store of other tests ----------------------------------------------
 */

static const char *make_memory(void)
{
    return ":memory:";
}

static void end_memory(void)
{
}

/* ---- SQLite on disk --------------------------------------------------------------------------
 */

static char directory[64], path[96];

static const char *make_file(void)
{
    snprintf(directory, sizeof(directory), "/tmp/test_store.XXXXXX");
    if (mkdtemp(directory) == NULL)
        return NULL;
    snprintf(path, sizeof(path), "%s/controller.db", directory);
    return path;
}

static void end_file(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    for (unsigned i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char name[128];

        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
    rmdir(directory);
}

const struct store_engine store_engines[] = {
    {"sqlite-memory", false, make_memory, end_memory},
    {"sqlite-file", true, make_file, end_file},
};
const unsigned store_engines_count = sizeof(store_engines) / sizeof(store_engines[0]);

const struct store_engine *store_engine_find(const char *name)
{
    for (unsigned i = 0; i < store_engines_count; i++) {
        if (text_equal(store_engines[i].name, name))
            return &store_engines[i];
    }
    return NULL;
}
