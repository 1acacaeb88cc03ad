/*
 * undo_text: undo.txt, which no trial waits for.
 */
#ifndef AGENT_GUARD_IO_UNDO_TEXT_H
#define AGENT_GUARD_IO_UNDO_TEXT_H

#include "agent/guard/io/guard.h"

void undo_text_want(struct guard *guard); /* given within 10 ms, so that a first step goes first */
bool undo_text_is_wanted(const struct guard *guard);
void undo_text_give(struct guard *guard); /* anew, as the ledger is now */
void undo_text_take(struct guard *guard, const struct write *write);
void undo_text_tick(struct guard *guard); /* gives what is wanted; says that no disk takes it */
mono_t undo_text_deadline(const struct guard *guard);

#endif
