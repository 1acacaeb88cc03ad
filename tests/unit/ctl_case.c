/*
 * ctl_case: the directory, and the commands' stdin, stdout and stderr.
 */
#include "tests/unit/ctl_case.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/ctl/pki.h"

int open_ctl_desk(void **state)
{
    static const char *const nothing[] = {NULL};
    struct ctl_desk *desk = mem_alloc(1, sizeof(*desk));

    text_copy(desk->directory, sizeof(desk->directory), "/tmp/oceanid-desk-XXXXXX");
    assert_non_null(mkdtemp(desk->directory));
    text_copy(desk->ctl.pki, sizeof(desk->ctl.pki), desk->directory);
    text_copy(desk->ctl.controller, sizeof(desk->ctl.controller), "unix:/nonexistent");
    assert_int_equal(ctl_desk_run(desk, pki_init_run, nothing, nothing), OUTCOME_DONE);
    *state = desk;
    return 0;
}

int close_ctl_desk(void **state)
{
    struct ctl_desk *desk = *state;
    char command[128];

    ctl_done(&desk->ctl);
    snprintf(command, sizeof(command), "rm -r %s", desk->directory);
    assert_int_equal(system(command), 0);
    free(desk);
    return 0;
}

const char *ctl_desk_path(const struct ctl_desk *desk, const char *name, char *path)
{
    struct err err = ERR_INIT;

    assert_true(file_join(path, CTL_PATH_SIZE, desk->directory, name, &err));
    return path;
}

bool ctl_desk_has(const struct ctl_desk *desk, const char *name)
{
    char path[CTL_PATH_SIZE];

    return access(ctl_desk_path(desk, name, path), F_OK) == 0;
}

void ctl_desk_type(const char *text)
{
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], text, strlen(text)), (ssize_t)strlen(text));
    close(pipes[1]);
    assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
    close(pipes[0]);
    clearerr(stdin);
}

static enum outcome run_into(struct ctl_desk *desk, command_fn command,
                             const struct arguments *arguments, int seen)
{
    int kept[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    enum outcome outcome;

    fflush(stdout);
    assert_true(dup2(seen, STDOUT_FILENO) >= 0 && dup2(seen, STDERR_FILENO) >= 0);
    outcome = command(&desk->ctl, arguments);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
        close(kept[i]);
    }
    return outcome;
}

enum outcome ctl_desk_run(struct ctl_desk *desk, command_fn command, const char *const *options,
                          const char *const *words)
{
    int seen = memfd_create("said", MFD_CLOEXEC);
    struct arguments arguments;
    struct err err = ERR_INIT;
    enum outcome outcome;
    int count = 0;
    ssize_t len;

    while (words[count] != NULL)
        count++;
    if (!arguments_parse((char *const *)(uintptr_t)words, count, options, &arguments, &err))
        fail_msg("%s", err.text);
    assert_true(seen >= 0);
    outcome = run_into(desk, command, &arguments, seen);
    len = pread(seen, desk->said, sizeof(desk->said) - 1, 0);
    assert_true(len >= 0);
    desk->said[len] = '\0';
    close(seen);
    return outcome;
}

void ctl_desk_expect(const struct ctl_desk *desk, const char *part)
{
    if (strstr(desk->said, part) == NULL)
        fail_msg("'%s' is not said: '%s'", part, desk->said);
}

void ctl_desk_expect_not(const struct ctl_desk *desk, const char *part)
{
    if (strstr(desk->said, part) != NULL)
        fail_msg("'%s' is said: '%s'", part, desk->said);
}
