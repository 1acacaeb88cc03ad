/*
 * store_engine: the engines that a store may be kept in, each with a place of its own to be tried
 * in. test_store is the contract: one engine more is one entry more here.
 */
#ifndef TESTS_UNIT_STORE_ENGINE_H
#define TESTS_UNIT_STORE_ENGINE_H

#include "controller/io/store.h"

struct store_engine {
    const char *name;
    bool durable;              /* keeps what was committed when its process ends */
    const char *(*make)(void); /* an empty place, as store_open takes it; lent until end */
    void (*end)(void);         /* removes it, with all stores in it closed */
};

extern const struct store_engine store_engines[];
extern const unsigned store_engines_count;

/* NULL: there is none of that name. */
const struct store_engine *store_engine_find(const char *name);

#endif
