/*
 * fight: when somebody's removing becomes one, how it is paced, and when it is over.
 */
#include "agent/guard/core/fight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Puts back times of them, every_ms apart from from on; returns how many of these began a fight. */
static unsigned put_back(struct fight *fight, mono_t from, mono_t every_ms, unsigned times)
{
    unsigned begun = 0;

    for (unsigned i = 0; i < times; i++)
        begun += fight_look(fight, true, from + (mono_t)i * every_ms) == FIGHT_BEGINS;
    return begun;
}

static void test_few_are_no_fight(void **state)
{
    struct fight fight = {0};

    (void)state;
    assert_int_equal(put_back(&fight, 1000, 100, FIGHT_LIMIT - 1), 0);
    assert_int_equal(fight_pace(&fight, 5000), 5000);
    assert_int_equal(fight_deadline(&fight), MONO_NEVER);
}

static void test_seldom_is_no_fight(void **state)
{
    struct fight fight = {0};

    (void)state;
    assert_int_equal(put_back(&fight, 0, FIGHT_WINDOW_MS / (FIGHT_LIMIT - 2), 200), 0);
    assert_int_equal(fight.lasts, false);
}

/* Wherever the first of them lies: a window that begins anew in the middle would miss it. */
static void test_often_is_a_fight(void **state)
{
    struct fight fight = {0};

    (void)state;
    fight_look(&fight, true, 100);
    assert_int_equal(put_back(&fight, 9000, 400, FIGHT_LIMIT), 1);
    assert_int_equal(fight.lasts, true);
    assert_int_equal(fight_pace(&fight, 20000), 20000 + FIGHT_PACE_MS);
}

/* It was told that it is once a second from then on: it has to stay so, and is said once. */
static void test_it_lasts_while_somebody_removes(void **state)
{
    struct fight fight = {0};

    (void)state;
    put_back(&fight, 0, 490, FIGHT_LIMIT);
    for (mono_t now = 10000; now < 100000; now += FIGHT_PACE_MS) {
        assert_int_equal(fight_look(&fight, true, now), FIGHT_NO_NEWS);
        assert_int_equal(fight_pace(&fight, now), now + FIGHT_PACE_MS);
    }
}

static void test_it_is_over_after_a_window_of_peace(void **state)
{
    struct fight fight = {0};
    mono_t last = 100 + (FIGHT_LIMIT - 1) * 100;

    (void)state;
    assert_int_equal(put_back(&fight, 100, 100, FIGHT_LIMIT), 1);
    assert_int_equal(fight_deadline(&fight), last + FIGHT_WINDOW_MS);
    assert_int_equal(fight_look(&fight, false, last + FIGHT_WINDOW_MS - 1), FIGHT_NO_NEWS);
    assert_int_equal(fight_look(&fight, false, last + FIGHT_WINDOW_MS), FIGHT_ENDS);
    assert_int_equal(fight_pace(&fight, 30000), 30000);
    assert_int_equal(put_back(&fight, 30000, 100, FIGHT_LIMIT), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_are_no_fight),
        cmocka_unit_test(test_seldom_is_no_fight),
        cmocka_unit_test(test_often_is_a_fight),
        cmocka_unit_test(test_it_lasts_while_somebody_removes),
        cmocka_unit_test(test_it_is_over_after_a_window_of_peace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
