/*
 * apply_made: what networkd made of a file: waits for it, and takes away what it leaves behind.
 */
#ifndef AGENT_GUARD_IO_APPLY_MADE_H
#define AGENT_GUARD_IO_APPLY_MADE_H

#include "agent/guard/core/undo.h"
#include "agent/guard/io/apply_restore.h"
#include "common/net/patience.h"

enum { APPLY_MADE_MS = 1000 * PATIENCE_MADE_S };

/* networkd answers before it has done what it read: waits until what the file asks for is there,
 * and what it asked for before is gone, at most so long. A link without a carrier gets it later. */
void apply_made_wait(const struct apply *apply, const struct undo_item *item);

/* Rules, then routes, then addresses that are left over of the item's file (undo_made.h). One that
 * went by itself is fine. False, with the reason: something is left. */
bool apply_made_take_away(const struct apply_restore *restore, const struct undo_item *item,
                          struct err *err);

/* Waits as long for networkd to make anew what the file asked for before, and then puts back what
 * it has not. */
bool apply_made_put_back(const struct apply_restore *restore, const struct undo_item *item,
                         struct err *err);

#endif
