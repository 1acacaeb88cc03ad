/*
 * turns: one thread at a time, and a clock that only moves when nobody has anything to do.
 *
 * The guard's threads run as they are, but each only when it is its turn: from one work to the
 * next. So a run takes the same way each time, and a whole trial a few milliseconds.
 */
#ifndef TESTS_CRASH_TURNS_H
#define TESTS_CRASH_TURNS_H

#include <stdbool.h>

/* Called where the guard waits: true if it gave it something to do. It may end the process. */
typedef bool (*turns_player_fn)(void);
void turns_set_player(turns_player_fn player_fn);

#endif
