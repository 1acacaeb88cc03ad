/*
 * play: operator, agent and witnesses towards the guard, from within its own process: they act
 * whenever the guard waits.
 */
#ifndef TESTS_CRASH_PLAY_H
#define TESTS_CRASH_PLAY_H

#include "tests/crash/plan.h"

enum play {
    PLAY_CONFIRM,    /* prepare, start, prove to the end */
    PLAY_ABORT,      /* prepare, start, prove once, abort */
    PLAY_SOAK,       /* prepare, start, prove once; over while it soaks */
    PLAY_ORDER,      /* an operator orders it back */
    PLAY_POP,        /* the controller takes its own change back, without a signature */
    PLAY_TOMBSTONE,  /* prepare, abort, and start all the same */
    PLAY_LATE_ABORT, /* abort what stands already: it has no say any more */
    PLAY_ASK,        /* until nothing is open: what stands, and how did that attempt end? */
};

/* plan: one of PLAN_*; what is said of it goes to world->told. The process ends with EXIT_PLAYED
 * when it is over and the guard has nothing left to do. */
void play_begin(enum play play, const struct plans *plans, int plan);

#endif
