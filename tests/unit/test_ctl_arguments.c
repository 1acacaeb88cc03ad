/*
 * test_ctl_arguments: options in every spelling, and what a person is told about a wrong one.
 */
#include "controller/ctl/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const accepted[] = {"--yes", "--node=", NULL};

static void takes_options_anywhere(void **state)
{
    char *words[] = {"--pki",  "/tmp/x", "one", "--node=a", "--yes",
                     "--node", "b",      "two", "-o",       "json"};
    struct arguments arguments;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(arguments_parse(words, 10, accepted, &arguments, &err));
    assert_int_equal(arguments.words_count, 2);
    assert_string_equal(arguments.words[0], "one");
    assert_string_equal(arguments.words[1], "two");
    assert_string_equal(arguments_get(&arguments, "--node"), "b");
    assert_string_equal(arguments_get(&arguments, "--pki"), "/tmp/x");
    assert_string_equal(arguments_get(&arguments, "-o"), "json");
    assert_string_equal(arguments_get(&arguments, "--yes"), "");
    assert_null(arguments_get(&arguments, "--no"));
    assert_int_equal(arguments.options_count, 5);
}

static void words_after_two_dashes_are_words(void **state)
{
    char *words[] = {"--", "--yes"};
    struct arguments arguments;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(arguments_parse(words, 2, accepted, &arguments, &err));
    assert_int_equal(arguments.words_count, 1);
    assert_int_equal(arguments.options_count, 0);
}

static void refuse(char **words, int count, const char *part)
{
    struct arguments arguments;
    struct err err = ERR_INIT;

    assert_false(arguments_parse(words, count, accepted, &arguments, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void refuses_with_what_is_accepted(void **state)
{
    char *unknown[] = {"--nodes", "a"};
    char *valueless[] = {"--node"};
    char *valued[] = {"--yes=1"};

    (void)state;
    refuse(unknown, 2, "option '--nodes' is not known here; accepted are: --yes, --node");
    refuse(valueless, 1, "option --node needs a value");
    refuse(valued, 1, "option --yes takes no value");
}

static void counts_what_stands_in_front(void **state)
{
    char *words[] = {"--pki", "/tmp/x", "-o=json", "status", "--yes"};
    char *all[] = {"--pki"};

    (void)state;
    assert_int_equal(arguments_count_leading(words, 5), 3);
    assert_int_equal(arguments_count_leading(words + 3, 2), 0);
    assert_int_equal(arguments_count_leading(all, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_options_anywhere),
        cmocka_unit_test(words_after_two_dashes_are_words),
        cmocka_unit_test(refuses_with_what_is_accepted),
        cmocka_unit_test(counts_what_stands_in_front),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
