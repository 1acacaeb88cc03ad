/*
 * process: one shipped program in a process of its own, which a fault may end.
 */
#ifndef TESTS_CRASH_PROCESS_H
#define TESTS_CRASH_PROCESS_H

#include "tests/crash/scenario.h"

enum process_end {
    PROCESS_PLAYED, /* the guard: its part is over */
    PROCESS_ENDED,  /* by itself; any exit code */
    PROCESS_STRUCK,
    PROCESS_BROKEN, /* an assertion, a signal, a sanitizer: never right */
};

/* Runs it to its end while this process answers for tailscaled. What it prints goes to the log. */
enum process_end process_run(enum program program, enum play play, const struct plans *plans);

#endif
