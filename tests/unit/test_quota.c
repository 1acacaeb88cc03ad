/*
 * test_quota: so much at once, then one more every so often, and never more than that saved up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/core/quota.h"

static const struct quota_terms terms = {.burst = 3, .every_ms = 1000};

static void so_much_at_once(void **state)
{
    struct quota quota = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(quota_is_left(&quota, &terms, 5000));
        quota_use(&quota, &terms, 1, 5000);
    }
    assert_false(quota_is_left(&quota, &terms, 5000));
}

static void one_more_every_so_often(void **state)
{
    struct quota quota = {0};

    (void)state;
    quota_use(&quota, &terms, 3, 5000);
    assert_false(quota_is_left(&quota, &terms, 5999));
    assert_true(quota_is_left(&quota, &terms, 6000));
    quota_use(&quota, &terms, 1, 6000);
    assert_false(quota_is_left(&quota, &terms, 6500));
    assert_false(quota_is_left(&quota, &terms, 6999)); /* asking takes nothing away */
    assert_true(quota_is_left(&quota, &terms, 7000));
}

static void nothing_is_saved_up_and_nothing_owed(void **state)
{
    struct quota quota = {0};

    (void)state;
    assert_true(quota_is_left(&quota, &terms, 900000));
    quota_use(&quota, &terms, 1000000, 900000); /* one word caused that much */
    assert_false(quota_is_left(&quota, &terms, 900999));
    assert_true(quota_is_left(&quota, &terms, 901000));
    quota_use(&quota, &terms, 1, 901000);
    assert_false(quota_is_left(&quota, &terms, 901999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_much_at_once),
        cmocka_unit_test(one_more_every_so_often),
        cmocka_unit_test(nothing_is_saved_up_and_nothing_owed),
    };

    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
