/*
 * run: one seed in a process and a network namespace of its own.
 */
#ifndef TESTS_PLANS_RUN_H
#define TESTS_PLANS_RUN_H

#include <sys/types.h>

#include "tests/plans/play.h"

struct run {
    pid_t pid;
    struct play_choice choice;
    int said; /* a memfd */
};

void run_begin(const struct play_choice *choice, struct run *ret_run);
/* status: of wait(2). All that it said; the caller frees it. */
enum play_result run_end(struct run *run, int status, char **ret_said);
/* Both, one after the other. */
enum play_result run_one(const struct play_choice *choice, char **ret_said);

/* The line of what it said that tells what broke; lent. len: without its end. */
const char *run_broken_line(const char *said, int *ret_len);

#endif
