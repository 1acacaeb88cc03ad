/*
 * test_words: what oceanid-agent is told on its command line: what is wrong is named, with what is
 * accepted.
 */
#include "agent/io/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *const *from, struct words *ret_words, struct err *err)
{
    char *words[8] = {(char *)"oceanid-agent"};
    int count = 1;

    for (; from[count - 1] != NULL; count++)
        words[count] = (char *)from[count - 1];
    return words_parse(count, words, ret_words, err);
}

static void reads_what_the_usage_says(void **state)
{
    struct words words;
    struct err err = ERR_INIT;

    (void)state;
    assert_true(parse((const char *const[]){NULL}, &words, &err));
    assert_int_equal(words.what, WORD_RUN);
    assert_string_equal(words.config, "/etc/oceanid/agent.yaml");
    assert_null(words.guard_config); /* nobody named one */
    assert_true(
        parse((const char *const[]){"request", "--name", "a1", "--witness", NULL}, &words, &err));
    assert_int_equal(words.what, WORD_REQUEST);
    assert_string_equal(words.name, "a1");
    assert_true(words.witness);
    assert_true(
        parse((const char *const[]){"--guard-config", "/g", "trust", "/t", NULL}, &words, &err));
    assert_int_equal(words.what, WORD_TRUST);
    assert_string_equal(words.file, "/t");
    assert_string_equal(words.guard_config, "/g");
}

static void is_asked_how_a_word_is_used(void **state)
{
    static const struct {
        const char *words[5];
        enum word what;
    } cases[] = {
        {{"-h"}, WORD_RUN},
        {{"--config", "--help"}, WORD_RUN},
        {{"request", "-h"}, WORD_REQUEST},
        {{"--help", "request"}, WORD_RUN},
        {{"install", "f", "--nosuch", "--help"}, WORD_INSTALL},
        {{"--config", "f", "trust", "--help"}, WORD_TRUST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct words words;
        struct err err = ERR_INIT;

        assert_true(parse(cases[i].words, &words, &err));
        assert_true(words.help);
        assert_int_equal(words.what, cases[i].what);
    }
}

static void names_what_it_refuses(void **state)
{
    static const struct {
        const char *words[5];
        const char *text;
    } cases[] = {
        {{"foo"}, "'foo' is not known: accepted are request, install and trust, or none to run"},
        {{"--nosuch", "x"},
         "'--nosuch' is not known: accepted are --config, --guard-config, --name and --witness"},
        {{"--config"}, "--config: expected a value behind it, found nothing"},
        {{"trust", "a", "b"}, "'b' is one word too many: trust takes one file"},
        {{"request", "b"}, "'b' is one word too many: request takes none"},
        {{"request"}, "request: expected --name NODE, found none"},
        {{"install"}, "install: expected a file behind it, found none"},
        {{"install", "f", "--witness"}, "--name and --witness go with request only"},
        {{"--name", "a1"}, "--name and --witness go with request only"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct words words;
        struct err err = ERR_INIT;

        assert_false(parse(cases[i].words, &words, &err));
        assert_int_equal(err.kind, ERR_INPUT);
        assert_string_equal(err.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_usage_says),
        cmocka_unit_test(is_asked_how_a_word_is_used),
        cmocka_unit_test(names_what_it_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
