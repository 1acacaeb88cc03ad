/*
 * test_address: addresses and prefixes as text and as values.
 */
#include "common/net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct address address_of(const char *text)
{
    struct address address;

    if (!address_parse(text, &address))
        fail_msg("%s is refused", text);
    return address;
}

static struct prefix prefix_of(const char *text)
{
    struct prefix prefix;

    if (!prefix_parse(text, &prefix))
        fail_msg("%s is refused", text);
    return prefix;
}

static void test_parse_and_format(void **state)
{
    static const struct {
        const char *text, *expect;
    } rows[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"203.0.113.10", "203.0.113.10"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:0DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::ffff:192.0.2.1", "::ffff:c000:201"},
        {"fd7a:115c:a1e0::2", "fd7a:115c:a1e0::2"},
    };
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct address address = address_of(rows[i].text);

        assert_string_equal(address_format(&address, text), rows[i].expect);
    }
    assert_string_equal(address_format(&(struct address){.family = FAMILY_NONE}, text), "-");
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.-4",
        "1..2.3",
        ":",
        ":::",
        "1:2:3",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7:8:9",
        "::1.2.3",
        "1:2:3:4:5:6:7:8::",
        ":1:2:3:4:5:6:7:8",
        "1:",
        "fe80::1%eth0",
        "eth0",
        "1:2:3:4:5:6:7:1.2.3.4",
    };
    struct address address;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (address_parse(rows[i], &address))
            fail_msg("'%s' is accepted", rows[i]);
    }
}

static void test_prefix_text(void **state)
{
    static const struct {
        const char *text, *expect;
    } rows[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.1.2.3/8", "10.0.0.0/8"},
        {"10.1.2.3", "10.1.2.3/32"},
        {"default", "0.0.0.0/0"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"10.1.2.255/31", "10.1.2.254/31"},
        {"::/0", "::/0"},
        {"2001:db8::1/64", "2001:db8::/64"},
        {"2001:db8::1", "2001:db8::1/128"},
        {"fd7a:115c:a1ff::/47", "fd7a:115c:a1fe::/47"},
    };
    static const char *const refused[] = {"10.0.0.0/33",  "10.0.0.0/", "10.0.0.0/-1", "/8",
                                          "10.0.0.0/8/8", "::/129",    "10.0.0.0/8x"};
    char text[PREFIX_TEXT_SIZE];
    struct prefix prefix;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        prefix = prefix_of(rows[i].text);
        assert_string_equal(prefix_format(&prefix, text), rows[i].expect);
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        if (prefix_parse(refused[i], &prefix))
            fail_msg("'%s' is accepted", refused[i]);
    }
}

static bool contains(const char *prefix, const char *address)
{
    struct prefix outer = prefix_of(prefix);
    struct address inner = address_of(address);

    return prefix_contains(&outer, &inner);
}

static void test_contains(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("100.64.0.0/10", "100.127.255.255"));
    assert_false(contains("100.64.0.0/10", "100.128.0.0"));
    assert_true(contains("0.0.0.0/0", "255.255.255.255"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_false(contains("::/0", "0.0.0.0"));
    assert_true(contains("203.0.113.10", "203.0.113.10"));
    assert_false(contains("203.0.113.10", "203.0.113.11"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
}

static void test_covers(void **state)
{
    struct prefix wide = prefix_of("10.0.0.0/8");
    struct prefix narrow = prefix_of("10.42.0.0/16");

    (void)state;
    assert_true(prefix_covers(&wide, &narrow));
    assert_false(prefix_covers(&narrow, &wide));
    assert_true(prefix_covers(&wide, &wide));
}

static void test_order(void **state)
{
    struct prefix a = prefix_of("10.0.0.0/8");
    struct prefix b = prefix_of("10.0.0.0/16");
    struct prefix c = prefix_of("10.1.0.0/16");
    struct prefix d = prefix_of("::/0");

    (void)state;
    assert_true(prefix_compare(&a, &b) < 0);
    assert_true(prefix_compare(&b, &c) < 0);
    assert_true(prefix_compare(&c, &d) < 0);
    assert_true(prefix_compare(&d, &a) > 0);
    assert_true(prefix_equal(&b, &b));
    assert_false(prefix_equal(&a, &b));
}

static void test_next_and_last(void **state)
{
    struct address address = address_of("10.0.0.255");
    struct prefix prefix = prefix_of("10.42.0.0/15");
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    assert_true(address_next(&address, &address));
    assert_string_equal(address_format(&address, text), "10.0.1.0");
    address = address_of("255.255.255.255");
    assert_false(address_next(&address, &address));
    address = address_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_false(address_next(&address, &address));
    address = prefix_last(&prefix);
    assert_string_equal(address_format(&address, text), "10.43.255.255");
    prefix = prefix_of("::/0");
    address = prefix_last(&prefix);
    assert_string_equal(address_format(&address, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_prefix_text),      cmocka_unit_test(test_contains),
        cmocka_unit_test(test_covers),           cmocka_unit_test(test_order),
        cmocka_unit_test(test_next_and_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
