/*
 * mains: the shipped programs' main functions, under names of their own.
 */
#ifndef TESTS_CRASH_MAINS_H
#define TESTS_CRASH_MAINS_H

int guard_main(int argc, char **argv);
int rollback_main(int argc, char **argv);

#endif
