/*
 * run: forks, and keeps what the child says.
 */
#include "tests/plans/run.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/plans/dump.h"

enum { SAID_SIZE = 1 << 20, LIMIT_S = 120 };

static _Noreturn void play(const struct play_choice *choice, int said)
{
    enum play_result result;

    alarm(LIMIT_S);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    if (unshare(CLONE_NEWNET) != 0)
        dump_give_up("a network namespace");
    result = play_seed(choice);
    fflush(NULL);
    _exit((int)result);
}

void run_begin(const struct play_choice *choice, struct run *ret_run)
{
    ret_run->choice = *choice;
    ret_run->said = memfd_create("plans", MFD_CLOEXEC);
    fflush(NULL);
    ret_run->pid = fork();
    if (ret_run->pid < 0 || ret_run->said < 0)
        dump_give_up("fork");
    if (ret_run->pid == 0)
        play(choice, ret_run->said);
}

enum play_result run_end(struct run *run, int status, char **ret_said)
{
    char *said = calloc(1, SAID_SIZE);
    enum play_result result;
    ssize_t len = said != NULL ? pread(run->said, said, SAID_SIZE - 1, 0) : -1;

    if (len < 0)
        dump_give_up("what was said");
    close(run->said);
    run->pid = 0;
    *ret_said = said;
    result = WIFEXITED(status) ? (enum play_result)WEXITSTATUS(status) : PLAY_BROKEN;
    if (result != PLAY_GOOD && result != PLAY_EMPTY)
        result = PLAY_BROKEN;
    return result;
}

enum play_result run_one(const struct play_choice *choice, char **ret_said)
{
    struct run run;
    int status = 0;

    run_begin(choice, &run);
    if (waitpid(run.pid, &status, 0) != run.pid)
        dump_give_up("waitpid");
    return run_end(&run, status, ret_said);
}

const char *run_broken_line(const char *said, int *ret_len)
{
    const char *line = strstr(said, "\nBROKEN");

    line = line != NULL ? line + 1 : "BROKEN it died";
    *ret_len = (int)strcspn(line, "\n");
    return line;
}
