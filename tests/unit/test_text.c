/*
 * test_text: numbers and times in text, at their borders.
 */
#include "common/core/text.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        unsigned long long max;
        bool accepted;
        unsigned long long value;
    } rows[] = {
        {"0", 0, true, 0},
        {"8", 8, true, 8},
        {"9", 8, false, 0}, /* one digit above a limit of one digit */
        {"255", 255, true, 255},
        {"256", 255, false, 0},
        {"007", 8, true, 7},
        {"18446744073709551615", ULLONG_MAX, true, ULLONG_MAX},
        {"18446744073709551616", ULLONG_MAX, false, 0},
        {"", 8, false, 0},
        {"-1", 8, false, 0},
        {"+1", 8, false, 0},
        {"1 ", 8, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned long long value = 0;

        if (text_parse_u64(rows[i].text, rows[i].max, &value) != rows[i].accepted)
            fail_msg("'%s' up to %llu", rows[i].text, rows[i].max);
        assert_int_equal(value, rows[i].value);
    }
}

static void test_parse_number(void **state)
{
    static const struct {
        const char *text;
        unsigned long long max;
        bool accepted;
        unsigned long long value;
    } rows[] = {
        {"184", 255, true, 184},
        {"0xb8", 255, true, 184},
        {"0xB8", 184, true, 184},
        {"0xb9", 184, false, 0},
        {"0x0", 0, true, 0},
        {"0x9", 8, false, 0}, /* one digit above a limit of one digit */
        {"0x00000000000000000001", 1, true, 1},
        {"0xffffffffffffffff", ULLONG_MAX, true, ULLONG_MAX},
        {"0x10000000000000000", ULLONG_MAX, false, 0},
        {"0x", 255, false, 0},
        {"0xg", 255, false, 0},
        {"0x-1", 255, false, 0},
        {"0x 1", 255, false, 0},
        {"0X1", 255, false, 0},
        {"b8", 255, false, 0},
        {"", 255, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned long long value = 0;

        if (text_parse_number(rows[i].text, rows[i].max, &value) != rows[i].accepted)
            fail_msg("'%s' up to %llu", rows[i].text, rows[i].max);
        assert_int_equal(value, rows[i].value);
    }
}

static void test_parse_mark(void **state)
{
    static const char *const bad[] = {"", "/", "1/", "/1", "1/2/3", "0x100000000", "1/0x100000000"};
    uint32_t mark, mask;

    (void)state;
    assert_true(text_parse_mark("0x80000/0xff0000", &mark, &mask));
    assert_int_equal(mark, 0x80000);
    assert_int_equal(mask, 0xff0000);
    assert_true(text_parse_mark("7", &mark, &mask));
    assert_int_equal(mark, 7);
    assert_int_equal(mask, UINT32_MAX);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (text_parse_mark(bad[i], &mark, &mask))
            fail_msg("'%s' is a mark", bad[i]);
    }
}

static void test_shortened(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"", ""},
        {"it fits into 20 byte", "it fits into 20 byte"},
        {"no answer in 5 seconds", "no answer in 5..."},
        {"no answer in 5 s, twice", "no answer in 5 s..."},
        {"no answer: in 0.0002500 s", "no answer: in..."},
        {"2001:db8:1:2:3:4:5:6:7", "2001:db8:1:2:3:4..."},
        {"a 2001:db8:1:2:3:4:5:6:7", "a 2001:db8:1:2:3..."},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[21];

        text_shorten(line, sizeof(line), rows[i].text);
        assert_string_equal(line, rows[i].shown);
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        bool accepted;
        unsigned seconds;
    } rows[] = {
        {"45", true, 45},
        {"90s", true, 90},
        {"5m", true, 300},
        {"2h", true, 7200},
        {"1193046h", true, 4294965600},
        {"1193047h", false, 0},
        {"1d", false, 0},
        {"s", false, 0},
        {"", false, 0},
        {"1.5s", false, 0},
        {"5 m", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned seconds = 0;

        if (text_parse_duration(rows[i].text, &seconds) != rows[i].accepted)
            fail_msg("'%s'", rows[i].text);
        assert_int_equal(seconds, rows[i].seconds);
    }
}

/* As date(1) of GNU coreutils prints them: date -u -d @N '+%Y-%m-%d %H:%M:%S'. */
static void test_times(void **state)
{
    static const struct {
        int64_t unix_s;
        const char *shown;
    } rows[] = {
        {0, "1970-01-01 00:00:00 UTC"},
        {-1, "1969-12-31 23:59:59 UTC"},
        {951782399, "2000-02-28 23:59:59 UTC"},
        {951782400, "2000-02-29 00:00:00 UTC"},
        {951868800, "2000-03-01 00:00:00 UTC"},
        {1767225599, "2025-12-31 23:59:59 UTC"},
        {4107542399, "2100-02-28 23:59:59 UTC"},
        {4107542400, "2100-03-01 00:00:00 UTC"},
        {253402300799, "9999-12-31 23:59:59 UTC"},
        {INT64_MAX, "9999-12-31 23:59:59 UTC"},
        {INT64_MIN, "0000-01-01 00:00:00 UTC"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[32];
        struct text text = TEXT_IN(line);

        text_add_time(&text, rows[i].unix_s);
        assert_string_equal(line, rows[i].shown);
    }
}

static void test_lengths(void **state)
{
    static const struct {
        int64_t s;
        const char *shown;
    } rows[] = {{-1, "0 s"},           {59, "59 s"},       {61, "1 min 1 s"},
                {3540, "59 min"},      {3601, "1 h"},      {4090, "1 h 8 min"},
                {86400, "24 h"},       {172800, "2 days"}, {180000, "2 days 2 h"},
                {31539730, "365 days"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[32];
        struct text text = TEXT_IN(line);

        text_add_length(&text, rows[i].s);
        assert_string_equal(line, rows[i].shown);
    }
}

static void expect_items(const char *const *items, size_t count, const char *line)
{
    char room[64] = "";
    struct text text = TEXT_IN(room);

    for (size_t i = 0; i < count; i++)
        text_add_once(&text, "; ", items[i]);
    assert_string_equal(room, line);
}

/* Whatever another one begins or ends with. */
static void test_each_item_once(void **state)
{
    static const char *const items[] = {"ssh-path", "ssh", "path", "ssh", "ssh-path", "path"};

    (void)state;
    expect_items(items, 6, "ssh-path; ssh; path");
    expect_items(items, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_parse_number),
        cmocka_unit_test(test_parse_mark), cmocka_unit_test(test_shortened),
        cmocka_unit_test(test_durations),  cmocka_unit_test(test_times),
        cmocka_unit_test(test_lengths),    cmocka_unit_test(test_each_item_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
