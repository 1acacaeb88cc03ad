/*
 * test_names: every name of a full fleet is found in its place.
 */
#include "controller/core/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct names names;

static void fill(uint32_t count)
{
    char name[NAME_SIZE];

    names_clear(&names);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "node-%u", i);
        assert_int_equal(names_find(&names, name), NAMES_NONE);
        assert_int_equal(names_add(&names, name), i);
    }
}

static void finds_each_of_a_full_fleet(void **state)
{
    char name[NAME_SIZE];

    (void)state;
    fill(FLEET_MAX);
    for (uint32_t i = 0; i < FLEET_MAX; i++) {
        snprintf(name, sizeof(name), "node-%u", i);
        assert_int_equal(names_find(&names, name), i);
    }
    assert_int_equal(names_find(&names, "node-1024"), NAMES_NONE);
    assert_int_equal(names_find(&names, ""), NAMES_NONE);
}

static void gives_a_place_to_another_name(void **state)
{
    (void)state;
    fill(FLEET_MAX);
    names_replace(&names, 7, "somebody");
    assert_int_equal(names_find(&names, "somebody"), 7);
    assert_int_equal(names_find(&names, "node-7"), NAMES_NONE);
    assert_int_equal(names_find(&names, "node-8"), 8);
    names_clear(&names);
    assert_int_equal(names_find(&names, "somebody"), NAMES_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_of_a_full_fleet),
        cmocka_unit_test(gives_a_place_to_another_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
