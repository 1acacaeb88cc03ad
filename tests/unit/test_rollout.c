/*
 * test_rollout: scenarios in text, tests/data/rollout: events in, what the machine wants done out.
 * GOLDEN=update writes the answers anew. Between them, they take every row of the table.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/rollout_script.h"

enum { SCENARIOS_MAX = 64, TEXT_MAX = 1 << 18 };

static char names[SCENARIOS_MAX][64];
static char paths[SCENARIOS_MAX][512];
static uint64_t rows; /* of the table, that any scenario took */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = mem_alloc(TEXT_MAX, 1);

    assert_non_null(file);
    assert_true(fread(text, 1, TEXT_MAX - 1, file) < TEXT_MAX - 1);
    fclose(file);
    return text;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The same text with the answers as they are now. */
static char *play(char *text)
{
    struct rollout_script script;
    char *answers = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&answers, &size);
    char *next = text;

    rollout_script_init(&script);
    while (next != NULL && *next != '\0') {
        char *line = strsep(&next, "\n");

        if (text_starts(line, "-- "))
            continue;
        fprintf(out, "%s\n", line);
        if (!rollout_script_play(&script, line, out)) {
            fclose(out);
            fail_msg("%s\n%s", script.message, answers);
        }
    }
    fclose(out);
    rows |= script.rows;
    rollout_script_done(&script);
    return answers;
}

static void first_difference(const char *was, const char *is)
{
    const char *line_was = was;
    const char *line_is = is;

    while (*was != '\0' && *was == *is) {
        if (*was == '\n') {
            line_was = was + 1;
            line_is = is + 1;
        }
        was++;
        is++;
    }
    fail_msg("expected: %.*s\n   found: %.*s\n(GOLDEN=update writes the answers anew)",
             (int)strcspn(line_was, "\n"), line_was, (int)strcspn(line_is, "\n"), line_is);
}

static void plays_as_written(void **state)
{
    const char *path = *state;
    const char *golden = getenv("GOLDEN");
    char *text = read_text(path);
    char *copy = mem_string(text);
    char *answers = play(copy);

    if (golden != NULL && text_equal(golden, "update"))
        write_text(path, answers);
    else if (strcmp(text, answers) != 0)
        first_difference(text, answers);
    free(answers);
    free(copy);
    free(text);
}

static __attribute__((format(printf, 3, 4))) void play_line(struct rollout_script *script,
                                                            FILE *out, const char *format, ...)
{
    char line[640];
    va_list values;

    va_start(values, format);
    vsnprintf(line, sizeof(line), format, values);
    va_end(values);
    if (!rollout_script_play(script, line, out))
        fail_msg("%s", script->message);
}

/* The largest fleet, all but one in the second stage: every step has room for its effects. */
static void has_room_for_the_largest_fleet(void **state)
{
    struct rollout_script *script = mem_alloc(1, sizeof(*script));
    char fleet[600] = "fleet n0 |";
    struct text line = TEXT_IN(fleet);
    FILE *out = fopen("/dev/null", "w");
    enum { NODES = NODES_MAX - 2 }; /* two witnesses more */

    (void)state;
    assert_non_null(out);
    line.len = strlen(fleet);
    for (unsigned i = 1; i < NODES; i++)
        text_add(&line, " n%u", i);
    rollout_script_init(script);
    play_line(script, out, "%s", fleet);
    play_line(script, out, "start anna");
    for (unsigned i = 0; i < NODES; i++)
        play_line(script, out, "hello n%u never", i);
    play_line(script, out, "gates pass");
    play_line(script, out, "receipt n0 confirmed 1");
    play_line(script, out, "next anna");
    play_line(script, out, "hello n0 confirmed 1");
    for (unsigned i = 1; i < NODES; i++)
        play_line(script, out, "hello n%u never", i);
    play_line(script, out, "gates pass");
    for (unsigned i = 1; i < NODES; i++)
        play_line(script, out, "prepared n%u %u", i, i);
    play_line(script, out, "wait 100");
    assert_int_equal(script->rollout->record.state, ROLLOUT_STAGE);
    play_line(script, out, "emergency all otto everything");
    play_line(script, out, "wait 100");
    assert_int_equal(script->rollout->record.state, ROLLOUT_INCOMPLETE);
    fclose(out);
    rollout_script_done(script);
    free(script);
}

static void every_row_was_taken(void **state)
{
    struct rollout_row row;
    unsigned missing = 0;

    (void)state;
    for (uint32_t i = 0; rollout_table_row(i, &row); i++) {
        if ((rows & UINT64_C(1) << i) != 0)
            continue;
        print_error("not taken: on %s if %s: %s\n", rollout_event_name(row.on), row.if_name,
                    row.because);
        missing++;
    }
    assert_int_equal(missing, 0);
}

static void names_every_state(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROLLOUT_STATE_COUNT; i++) {
        enum rollout_state parsed = ROLLOUT_STATE_COUNT;

        assert_true(rollout_state_parse(rollout_state_name((enum rollout_state)i), &parsed));
        assert_int_equal(parsed, i);
    }
    assert_false(rollout_state_parse("asleep", &(enum rollout_state){0}));
    for (unsigned i = 0; i < ROLLOUT_EVENT_COUNT; i++)
        assert_string_not_equal(rollout_event_name((enum rollout_event_kind)i), "any");
}

static int is_scenario(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

int main(void)
{
    struct CMUnitTest tests[SCENARIOS_MAX + 3];
    struct dirent **entries = NULL;
    int count = scandir(ROLLOUT_SCRIPTS, &entries, is_scenario, alphasort);
    size_t used = 0;

    if (count <= 0 || count > SCENARIOS_MAX) {
        fprintf(stderr, "%s: %d scenarios, expected 1 to %d\n", ROLLOUT_SCRIPTS, count,
                SCENARIOS_MAX);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "%.60s", entries[i]->d_name);
        snprintf(paths[i], sizeof(paths[i]), "%s/%.250s", ROLLOUT_SCRIPTS, entries[i]->d_name);
        tests[used++] = (struct CMUnitTest){names[i], plays_as_written, NULL, NULL, paths[i]};
        free(entries[i]);
    }
    free(entries);
    tests[used++] = (struct CMUnitTest)cmocka_unit_test(every_row_was_taken);
    tests[used++] = (struct CMUnitTest)cmocka_unit_test(has_room_for_the_largest_fleet);
    tests[used++] = (struct CMUnitTest)cmocka_unit_test(names_every_state);
    return _cmocka_run_group_tests("rollout", tests, used, NULL, NULL);
}
