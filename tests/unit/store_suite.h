/*
 * store_suite: the store's contract by what is kept, which test_store has every engine pass.
 */
#ifndef TESTS_UNIT_STORE_SUITE_H
#define TESTS_UNIT_STORE_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/store_engine.h"

struct store_suite {
    const struct CMUnitTest *tests;
    size_t count;
};

extern const struct store_suite store_rollouts, store_fleet, store_holds, store_audit;

/* A test in an empty place of the engine that is tried. */
#define STORE_CASE(name)                                                                           \
    cmocka_unit_test_setup_teardown(name, store_suite_make_place, store_suite_end_place)

int store_suite_make_place(void **state);
int store_suite_end_place(void **state);

/* The store in that place; a test may open it again once it has closed it. */
struct store *store_suite_open(void);

#endif
