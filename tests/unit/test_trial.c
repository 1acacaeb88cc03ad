/*
 * test_trial: scripts of tests/data/trial, each compared with what the trial machine did when it
 * was last looked at; GOLDEN=update rewrites them. The last test names rows that no script takes.
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
#include "tests/unit/trial_script.h"

enum { SCRIPTS_MAX = 128, PATH_SIZE = 512 };

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t capacity = 1 << 20;
    char *text = mem_alloc(1, capacity);
    size_t len;

    if (file == NULL)
        fail_msg("%s: cannot be read", path);
    len = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The first line that differs, for people; the rest follows from it. */
static void report_difference(const char *path, const char *expected, const char *got)
{
    unsigned line = 1;

    while (*expected != '\0' && *expected == *got) {
        line += *expected == '\n';
        expected++;
        got++;
    }
    while (line > 1 && expected[-1] != '\n') {
        expected--;
        got--;
    }
    fail_msg("%s:%u\n expected: %.*s\n got:      %.*s\n(GOLDEN=update rewrites)", path, line,
             (int)strcspn(expected, "\n"), expected, (int)strcspn(got, "\n"), got);
}

static void test_script(void **state)
{
    const char *path = *state;
    char *expected = read_text(path);
    struct script *script = script_new();
    const char *got = script_run(script, expected);
    const char *golden = getenv("GOLDEN");

    if (golden != NULL && text_equal(golden, "update"))
        write_text(path, got);
    else if (!text_equal(expected, got))
        report_difference(path, expected, got);
    script_free(script);
    free(expected);
}

/* docs/protocol.md rule 5: aborts of what was never heard of do not push out what bars something.
 */
static void test_tombstones_push_nothing_out(void **state)
{
    struct script *script = script_new();
    char line[512];
    struct text text;

    (void)state;
    script_run_line(script, "boot reboot");
    script_run_line(script, "stack");
    for (unsigned i = 1; i <= ENDS_MAX + 1; i++) {
        snprintf(line, sizeof(line), "abort m1 %u", i);
        script_run_line(script, line);
    }
    assert_int_equal(script->ledger->ends_count, TOMBSTONES_MAX);
    assert_int_equal(script->ledger->ends[0].receipt.generation.attempt.sequence, 1);
    assert_int_equal(script->trial->state, TRIAL_IDLE);
    assert_int_equal(script->effects->list[0].kind, DO_REFUSE);
    /* Not more than one approval can contain, or nothing could be prepared here ever again. */
    text_init(&text, line, sizeof(line));
    text_add(&text, "prepare m2 1000 lifts");
    for (unsigned i = 1; i <= TOMBSTONES_MAX; i++)
        text_add(&text, " %u", i);
    script_run_line(script, line);
    assert_int_not_equal(script->trial->state, TRIAL_IDLE);
    script_free(script);
}

/* Aborted for this reason, and others' are not back: what its receipt says. */
static void expect_receipt(const char *reason, const char *others, const char *expected)
{
    static const char *const lines[] = {"boot reboot", "stack", "prepare m1 1", "start m1 1",
                                        "wait 3",      "stack", "abort m1 1",   NULL};
    struct script *script = script_new();

    script->reason = reason;
    script->others = others;
    for (int i = 0; lines[i] != NULL; i++)
        script_run_line(script, lines[i]);
    assert_int_equal(script->trial->state, TRIAL_IDLE);
    assert_int_equal(script->ledger->ends_count, 1);
    assert_string_equal(script->ledger->ends[0].receipt.reason, expected);
    script_free(script);
}

/* What of others is not back is in the receipt, behind why it was taken back. */
static void test_losses_of_others_are_in_the_receipt(void **state)
{
    (void)state;
    expect_receipt("as it was asked",
                   "not back, and for its owner to bring back: 'default via 192.0.2.1' (DHCP)",
                   "as it was asked; not back, and for its owner to bring back: "
                   "'default via 192.0.2.1' (DHCP)");
}

#define CAUSE_200                                                                                  \
    "operation 3: the kernel refused it, and so the whole of it is taken back; what it said of "   \
    "it "                                                                                          \
    "was long: RTNETLINK answers: Nexthop has invalid gateway. 0123456789 0123456789 0123456789 "  \
    "0123456789 12345"
_Static_assert(sizeof(CAUSE_200) - 1 == 200, "as long as its name says");

/* Where both have no room it is not the cause that is cut. */
static void test_cause_stands_whole_before_losses(void **state)
{
    static const char others[] =
        "not back, and for its owner to bring back: '10.21.0.0/16 via 192.0.2.1 dev eth1' (DHCP), "
        "'10.22.0.0/16 via 192.0.2.1 dev eth1' (routing daemon), and 1 more";

    (void)state;
    expect_receipt(CAUSE_200, others, CAUSE_200 "; not back, and for its owner to bring back...");
    expect_receipt(CAUSE_200 " 0123456789 0123456789 0123456789 0123456789 12345", others,
                   CAUSE_200 " 0123456789 0123456789 0123456789 0123456789 12345; ...");
    expect_receipt(CAUSE_200 " 0123456789 0123456789 0123456789 0123456789 123456", others,
                   CAUSE_200 " 0123456789 0123456789 0123456789 0123456789 123456");
}

static void test_every_row_is_taken(void **state)
{
    struct trial_row row;
    unsigned missing = 0;

    (void)state;
    for (uint32_t i = 0; trial_table_row(i, &row); i++) {
        if (script_rows_taken[i] > 0)
            continue;
        missing++;
        print_message("no script takes: on %s if %s: %s\n", guard_event_name(row.on), row.if_name,
                      row.because);
    }
    assert_int_equal(missing, 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t find_scripts(char (*paths)[PATH_SIZE])
{
    DIR *folder = opendir(TRIAL_SCRIPTS);
    size_t count = 0;

    if (folder == NULL)
        return 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strstr(entry->d_name, ".txt") != NULL && count < SCRIPTS_MAX)
            snprintf(paths[count++], PATH_SIZE, "%s/%s", TRIAL_SCRIPTS, entry->d_name);
    }
    closedir(folder);
    qsort(paths, count, PATH_SIZE, compare_names);
    return count;
}

int main(void)
{
    static char paths[SCRIPTS_MAX][PATH_SIZE];
    static struct CMUnitTest tests[SCRIPTS_MAX + 4];
    size_t count = find_scripts(paths);

    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = strrchr(paths[i], '/') + 1,
                                       .test_func = test_script,
                                       .initial_state = paths[i]};
    tests[count++] = (struct CMUnitTest){.name = "tombstones push nothing out",
                                         .test_func = test_tombstones_push_nothing_out};
    tests[count++] = (struct CMUnitTest){.name = "losses of others are in the receipt",
                                         .test_func = test_losses_of_others_are_in_the_receipt};
    tests[count++] = (struct CMUnitTest){.name = "cause stands whole before losses",
                                         .test_func = test_cause_stands_whole_before_losses};
    tests[count] =
        (struct CMUnitTest){.name = "every row is taken", .test_func = test_every_row_is_taken};
    return _cmocka_run_group_tests("trial", tests, count + 1, NULL, NULL);
}
