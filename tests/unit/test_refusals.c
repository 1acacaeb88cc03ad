/*
 * test_refusals: what is told of refusals that come again and again, and that a flood is bounded.
 */
#include "controller/core/refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_told_once_a_minute_with_a_count(void **state)
{
    struct refusals refusals = {0};
    struct refusal over;

    (void)state;
    assert_true(refusals_take(&refusals, "anna", "POST /v1/holds", 5));
    assert_false(refusals_take(&refusals, "anna", "POST /v1/holds", 6));
    assert_false(refusals_take(&refusals, "anna", "POST /v1/holds", 60004));
    assert_true(refusals_take(&refusals, "anna", "POST /v1/rollouts", 7));
    assert_true(refusals_take(&refusals, "otto", "POST /v1/holds", 8));
    assert_false(refusals_take_over(&refusals, 60004, &over));
    assert_true(refusals_take_over(&refusals, 60005, &over));
    assert_string_equal(over.who, "anna");
    assert_string_equal(over.what, "POST /v1/holds");
    assert_int_equal(over.more, 2);
    assert_false(refusals_take_over(&refusals, 60008, &over)); /* those came once */
    assert_true(refusals_take(&refusals, "anna", "POST /v1/holds", 60009));
}

static void test_a_flood_of_names_is_counted(void **state)
{
    struct refusals refusals = {0};
    struct refusal over;
    unsigned told = 0;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        char who[NAME_SIZE];

        snprintf(who, sizeof(who), "stranger-%u", i);
        told += refusals_take(&refusals, who, "hello", i);
    }
    assert_int_equal(told, REFUSALS_MAX);
    assert_true(refusals_take_over(&refusals, 80000, &over));
    assert_string_equal(over.who, "others");
    assert_int_equal(over.more, 10000 - REFUSALS_MAX);
    assert_false(refusals_take_over(&refusals, 80000, &over));
    assert_true(refusals_take(&refusals, "stranger-1", "hello", 80000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_once_a_minute_with_a_count),
        cmocka_unit_test(test_a_flood_of_names_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
