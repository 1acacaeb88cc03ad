/*
 * test_window: days and times as they are written, and when each is open.
 */
#include "controller/core/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    MINUTE = 60,
    HOUR = 3600,
    DAY = 86400,
    THURSDAY = 0, /* 1970-01-01 */
    FRIDAY = DAY,
    SATURDAY = 2 * DAY,
    SUNDAY = 3 * DAY,
    MONDAY = 4 * DAY,
};

static struct window window_of(const char *text)
{
    struct window window = {0};
    struct err err = ERR_INIT;

    if (!window_parse(text, &window, &err))
        fail_msg("%s", err.text);
    return window;
}

static void refuses_what_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "mon",
        "mon ",
        "mon08:00-16:00",
        "monday 08:00-16:00",
        "Mon 08:00-16:00",
        "mon- 08:00-16:00",
        "mon-fr 08:00-16:00",
        "mon-fri 8:00-16:00",
        "mon-fri 08:60-16:00",
        "mon-fri 08:00 16:00",
        "mon-fri 08:00-24:01",
        "mon-fri 08:00-25:00",
        "mon-fri 16:00-08:00",
        "mon-fri 08:00-08:00",
        "mon-fri 08:00-16:00 ",
        "mon-fri 08:00-16:00 UTC",
        "mon-fri 08:0x-16:00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct window window;
        struct err err = ERR_INIT;

        if (window_parse(texts[i], &window, &err))
            fail_msg("'%s' is taken", texts[i]);
        assert_int_equal(err.kind, ERR_INPUT);
    }
}

static void is_open_from_the_first_second_to_the_last(void **state)
{
    struct window window = window_of("mon-fri 08:00-16:30");

    (void)state;
    assert_false(window_is_open(&window, THURSDAY + 8 * HOUR - 1));
    assert_true(window_is_open(&window, THURSDAY + 8 * HOUR));
    assert_true(window_is_open(&window, THURSDAY + 16 * HOUR + 30 * MINUTE - 1));
    assert_false(window_is_open(&window, THURSDAY + 16 * HOUR + 30 * MINUTE));
    assert_true(window_is_open(&window, FRIDAY + 12 * HOUR));
    assert_false(window_is_open(&window, SATURDAY + 12 * HOUR));
    assert_false(window_is_open(&window, SUNDAY + 12 * HOUR));
    assert_true(window_is_open(&window, MONDAY + 12 * HOUR));
}

static void goes_over_the_ends_of_week_and_day(void **state)
{
    struct window weekend = window_of("sat-mon 00:00-24:00");
    struct window night = window_of("fri 22:00-24:00");

    (void)state;
    assert_false(window_is_open(&weekend, SATURDAY - 1));
    assert_true(window_is_open(&weekend, SATURDAY));
    assert_true(window_is_open(&weekend, SUNDAY));
    assert_true(window_is_open(&weekend, MONDAY + DAY - 1));
    assert_false(window_is_open(&weekend, MONDAY + DAY));
    assert_true(window_is_open(&night, SATURDAY - 1));
    assert_false(window_is_open(&night, SATURDAY));
}

static void says_when_it_opens(void **state)
{
    struct window window = window_of("mon-thu 08:00-16:00");

    (void)state;
    assert_int_equal(window_opens_at(&window, THURSDAY), THURSDAY + 8 * HOUR);
    assert_int_equal(window_opens_at(&window, THURSDAY + 9 * HOUR), THURSDAY + 8 * HOUR);
    assert_int_equal(window_opens_at(&window, THURSDAY + 16 * HOUR), MONDAY + 8 * HOUR);
    assert_int_equal(window_opens_at(&window, SUNDAY + 9 * HOUR), MONDAY + 8 * HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(is_open_from_the_first_second_to_the_last),
        cmocka_unit_test(goes_over_the_ends_of_week_and_day),
        cmocka_unit_test(says_when_it_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
