/*
 * story_faults: the words of a story by which something fails, or is there again.
 *
 * Each plays one line: words, of which one may have named a host (-1: none did). False with
 * script->message set when it does not come true.
 */
#ifndef TESTS_SIM_STORY_FAULTS_H
#define TESTS_SIM_STORY_FAULTS_H

#include "tests/sim/story_script.h"

enum { STORY_WORDS_MAX = 5 };

struct story_words {
    uint32_t count;
    const char *list[STORY_WORDS_MAX];
};

typedef bool story_play_fn(struct story_script *script, const struct story_words *words, int host);

/* Sets the message; false. In story_script.c. */
bool story_fail(struct story_script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

story_play_fn story_play_off;
story_play_fn story_play_on;
story_play_fn story_play_kill;
story_play_fn story_play_start;
story_play_fn story_play_cut;
story_play_fn story_play_connect;
story_play_fn story_play_dials;
story_play_fn story_play_hangs;
story_play_fn story_play_stuck;
story_play_fn story_play_full;
story_play_fn story_play_backup;
story_play_fn story_play_restore;
story_play_fn story_play_again;

#endif
