/*
 * newest_word: which of a guard's signed words is the newest, and which is old.
 */
#include "controller/core/newest_word.h"

bool newest_word_is_behind(const struct newest_word *newest, uint64_t index, mono_t asked_at)
{
    return asked_at < newest->journal_at || (index < newest->index && asked_at < newest->at);
}

void newest_word_note(struct newest_word *newest, uint64_t index, mono_t now)
{
    if (index == newest->index)
        return;
    if (index < newest->index)
        newest->journal_at = now;
    newest->index = index;
    newest->at = now;
}
