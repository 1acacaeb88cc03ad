/*
 * shim: a boundary before everything that the process under test does to disk, kernel, tailscaled
 * and clients.
 */
#ifndef TESTS_CRASH_SHIM_H
#define TESTS_CRASH_SHIM_H

#include <stdbool.h>

#include "tests/crash/fault.h"

/* How a process ends that a fault ends, or whose part is over. */
enum { EXIT_STRUCK = 90, EXIT_PLAYED = 91 };

/* From here on this process's calls are boundaries. */
void shim_begin(void);
/* This is a process of its own that the program has started: it is struck alone, but for power. */
void shim_be_child(void);
void shim_set_phase(int phase); /* of what follows; see world.h */
/* No boundary, no fault: the player's own calls. */
void shim_pause(void);
void shim_resume(void);

/* One boundary: counts it, looks at the shields, and does to the process what is due. Returns the
 * error that is to be had, or FAULT_NONE; before a write that is to be torn: that crash, which the
 * caller strikes half way. text says what is done to what. */
enum fault_kind shim_boundary(enum boundary boundary, const char *text);
/* Ends the process as the fault says. */
_Noreturn void shim_strike(enum fault_kind kind);

#endif
