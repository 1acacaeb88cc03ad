/*
 * memo: remembers good signatures over the runs.
 */
#ifndef TESTS_CRASH_MEMO_H
#define TESTS_CRASH_MEMO_H

/* Before the first signature; what is forked from here on shares it. */
void memo_open(void);

#endif
