/*
 * test_ctl_approve: what is asked before a signature, typed and by options.
 */
#include "controller/ctl/approve.h"

#include "common/core/mem.h"
#include "common/core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const options[] = {"--approve=", "--justify=", NULL};
static struct manifest manifest;

static int make_manifest(void **state)
{
    (void)state;
    memset(&manifest, 0, sizeof(manifest));
    text_copy(manifest.change, sizeof(manifest.change), "drill");
    text_copy(manifest.justification, sizeof(manifest.justification), "The lab moves tomorrow.");
    return 0;
}

/* typed: what a person types, a line each. */
static bool approve(const char *typed, const char *name, const char *justification, struct err *err)
{
    char *words[4];
    int count = 0;
    int pipes[2];
    struct arguments arguments;

    if (name != NULL) {
        words[count++] = (char *)"--approve";
        words[count++] = (char *)name;
    }
    if (justification != NULL) {
        words[count++] = (char *)"--justify";
        words[count++] = (char *)justification;
    }
    assert_true(arguments_parse(words, count, options, &arguments, err));
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], typed, strlen(typed)), (ssize_t)strlen(typed));
    close(pipes[1]);
    assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
    close(pipes[0]);
    clearerr(stdin);
    return approve_change(&manifest, "The name:", &arguments, err);
}

static void must(const char *typed, const char *name, const char *justification)
{
    struct err err = ERR_INIT;

    if (!approve(typed, name, justification, &err))
        fail_msg("%s", err.text);
}

static void refuse(const char *typed, const char *name, const char *justification, const char *part)
{
    struct err err = ERR_INIT;

    assert_false(approve(typed, name, justification, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void asks_for_the_name(void **state)
{
    (void)state;
    must("drill\n", NULL, NULL);
    must("", "drill", NULL);
    refuse("yes\n", NULL, NULL, "the name typed is not the change's");
    refuse("", NULL, NULL, "the name typed is not the change's");
    refuse("drill\n", "another", NULL, "the change is called drill");
}

static void asks_for_the_justification_of_a_change_to_a_working_system(void **state)
{
    (void)state;
    manifest.waived[WAIVE_NEEDED] = true;
    must("drill\nThe lab moves tomorrow.\n", NULL, NULL);
    must("The lab moves tomorrow.\n", "drill", NULL);
    must("", "drill", "The lab moves tomorrow.");
    refuse("drill\n", NULL, NULL, "not the change's `justification`");
    refuse("yes\n", "drill", NULL, "not the change's `justification`");
    refuse("The lab moves tomorrow.\n", "drill", "because", "--justify 'because'");
}

/* As long as a justification may be. */
static void takes_a_long_one(void **state)
{
    char typed[TEXT_SIZE + 8];

    (void)state;
    manifest.waived[WAIVE_NEEDED] = true;
    memset(manifest.justification, 'x', sizeof(manifest.justification) - 1);
    snprintf(typed, sizeof(typed), "%s\n", manifest.justification);
    must(typed, "drill", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(asks_for_the_name, make_manifest),
        cmocka_unit_test_setup(asks_for_the_justification_of_a_change_to_a_working_system,
                               make_manifest),
        cmocka_unit_test_setup(takes_a_long_one, make_manifest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
