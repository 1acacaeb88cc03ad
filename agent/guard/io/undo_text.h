/*
 * undo_text: undo.txt, which no trial waits for.
 */
#ifndef AGENT_GUARD_IO_UNDO_TEXT_H
#define AGENT_GUARD_IO_UNDO_TEXT_H

#include "agent/guard/io/guard.h"

void undo_text_give(struct guard *guard); /* anew, as the ledger is now */
void undo_text_take(struct guard *guard, const struct write *write);
void undo_text_tick(struct guard *guard); /* says that the disk does not take it */
mono_t undo_text_deadline(const struct guard *guard);

#endif
