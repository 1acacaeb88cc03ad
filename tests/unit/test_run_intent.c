/*
 * test_run_intent: what a rescue leaves in /run of what it was to do, and what is made of a link
 * that somebody else has left.
 */
#include "agent/guard/io/run_intent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/run.h"
#include "agent/guard/io/take.h"
#include "common/core/text.h"

enum { SHORT_MAX = 127 }; /* longer ones take a page of a full /run (the kernel's mm/shmem.c) */

static struct guard_config config;
static char folder[64], path[RUN_PATH_SIZE];

static int set_up(void **state)
{
    struct run_mark mark;
    struct err err = ERR_INIT;

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/oceanid-run-intent-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(config.socket, sizeof(config.socket), "%s/guard.sock", folder);
    run_path(&config, RUN_INTENT_NAME, path, sizeof(path));
    assert_true(run_mark_unrecorded(&config, &mark, &err));
    return 0;
}

static int tear_down(void **state)
{
    char mark[RUN_PATH_SIZE];

    (void)state;
    run_unrecorded_path(&config, mark, sizeof(mark));
    unlink(mark);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static struct run_intent make(bool is_void, const char *reason)
{
    struct run_intent intent = {.is_void = is_void, .is_ordered = reason != NULL};

    intent.down_to.attempt.sequence = 20261126221100; /* as by the date */
    memset(&intent.down_to.attempt.body, 0xb0, HASH_SIZE);
    memset(&intent.down_to.start, 0x57, NONCE_SIZE);
    text_copy(intent.reason, sizeof(intent.reason), reason != NULL ? reason : "");
    return intent;
}

static void expect_found(const struct run_intent *expected)
{
    struct run_intent found;

    assert_true(run_intent_find(&config, &found));
    assert_true(generation_id_equal(&found.down_to, &expected->down_to));
    assert_int_equal(found.is_void, expected->is_void);
    assert_int_equal(found.is_ordered, expected->is_ordered);
    assert_string_equal(found.reason, expected->reason);
}

static void expect_none(void)
{
    static const struct run_intent none;
    struct run_intent found;

    assert_false(run_intent_find(&config, &found));
    assert_memory_equal(&found.down_to, &none.down_to, sizeof(none.down_to));
    assert_false(found.is_void || found.is_ordered);
    assert_string_equal(found.reason, "");
}

static void put(const char *word)
{
    unlink(path);
    if (word[0] != '\0')
        assert_int_equal(symlink(word, path), 0);
}

static void what_was_noted_is_found(void **state)
{
    static const char *const reasons[] = {NULL, "", "a: drill", "void:order:void", "caf\xc3\xa9"};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct run_intent intent = make(i % 2 == 0, reasons[i / 2]);

        run_intent_note(&config, &intent);
        expect_found(&intent);
    }
}

/* Without an order's reason it takes no room. */
static void a_short_one_takes_no_room(void **state)
{
    struct run_intent intent = make(true, NULL);
    struct stat link;

    (void)state;
    run_intent_note(&config, &intent);
    assert_int_equal(lstat(path, &link), 0);
    assert_true(link.st_size > 0 && link.st_size <= SHORT_MAX);
}

static void without_the_mark_there_is_none(void **state)
{
    struct run_intent intent = make(true, "a drill");
    struct run_mark mark;
    struct stat link;

    (void)state;
    run_intent_note(&config, &intent);
    run_find_unrecorded(&config, &mark);
    run_unmark_unrecorded(&config, &mark);
    expect_none();
    assert_int_equal(lstat(path, &link), -1); /* it went with the mark */
}

/* The first one's writer waits for its disk, which answers while the second one is at work. */
static void what_a_second_rescue_has_just_noted_stays(void **state)
{
    struct run_intent first = make(false, NULL), second = make(true, "a drill");
    const struct nonce shallow = {{1}}, deep = {{2}};
    struct run_mark firsts, seconds;
    struct nonce found;
    struct err err = ERR_INIT;

    (void)state;
    run_note_depth(&config, &shallow);
    run_intent_note(&config, &first);
    assert_true(run_mark_unrecorded(&config, &firsts, &err));
    run_note_depth(&config, &deep);
    run_intent_note(&config, &second);
    run_unmark_unrecorded(&config, &firsts);
    assert_false(run_has_unrecorded(&config));
    assert_true(run_mark_unrecorded(&config, &seconds, &err));
    expect_found(&second);
    run_find_depth(&config, &found);
    assert_true(nonce_equal(&found, &deep));
    run_unmark_unrecorded(&config, &firsts); /* it is another's by now */
    expect_found(&second);
    run_unmark_unrecorded(&config, &seconds); /* tear_down: nothing is left */
}

/* Cut anywhere, it is either another whole one, or nothing. */
static void what_is_not_whole_says_nothing(void **state)
{
    static const char *const nonsense[] = {"1:torn", "::", ":void", ":order:x", "/etc/passwd", "7"};
    struct run_intent intent = make(true, NULL);
    char word[SHORT_MAX + 16];
    ssize_t len;

    (void)state;
    run_intent_note(&config, &intent);
    len = readlink(path, word, sizeof(word) - 1);
    assert_true(len > 0);
    word[len] = '\0';
    intent.is_void = false;
    for (ssize_t cut = 1; cut <= len; cut++) {
        word[len - cut] = '\0';
        put(word);
        if (cut == (ssize_t)strlen(":void"))
            expect_found(&intent);
        else
            expect_none();
    }
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        put(nonsense[i]);
        expect_none();
    }
}

static void what_stands_behind_it_is_not_passed_over(void **state)
{
    static const char *const behind[] = {"x",      "0",           ":void:",     ":voidx",
                                         ":order", ":order:a\nb", ":void:void", " "};
    struct run_intent intent = make(false, NULL);
    char id[GENERATION_TEXT_SIZE], word[GENERATION_TEXT_SIZE + 32];

    (void)state;
    take_format_id(&intent.down_to, id);
    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
        snprintf(word, sizeof(word), "%s%s", id, behind[i]);
        put(word);
        expect_none();
    }
    put(id);
    expect_found(&intent);
}

static void what_is_no_link_says_nothing(void **state)
{
    FILE *file;

    (void)state;
    expect_none();
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    expect_none();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_noted_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_one_takes_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_mark_there_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_second_rescue_has_just_noted_stays, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_it_is_not_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_link_says_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
