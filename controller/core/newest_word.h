/*
 * newest_word: which of a guard's signed words is the newest, and which is old.
 *
 * Words come late, twice and out of order. Within one journal the index of its receipts only rises;
 * a lower one in a word that was asked for behind the newest is another journal's, which counts
 * from the beginning (its disk was replaced). From then on whatever was asked for before may be the
 * earlier journal's, whatever its index.
 */
#ifndef CONTROLLER_CORE_NEWEST_WORD_H
#define CONTROLLER_CORE_NEWEST_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/mono.h"

struct newest_word {
    uint64_t index;    /* of the newest receipt that a stack or receipt told of */
    mono_t at;         /* when a word of that index came first */
    mono_t journal_at; /* when a word came last by which its journal is another; 0: never */
};

/* Signed before what was heard already, or it may be. `asked_at`: when it was asked for. */
bool newest_word_is_behind(const struct newest_word *newest, uint64_t index, mono_t asked_at);

/* A word that is not old has come: one of a lower index begins another journal. */
void newest_word_note(struct newest_word *newest, uint64_t index, mono_t now);

#endif
