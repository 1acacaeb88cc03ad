/*
 * undo_links: the devices of an undo by their names. Another boot, or a device that was made anew,
 * numbers them otherwise than the kernel's raw bytes say.
 */
#ifndef AGENT_GUARD_CORE_UNDO_LINKS_H
#define AGENT_GUARD_CORE_UNDO_LINKS_H

#include "common/net/snapshot.h"

/* Gives each device the number that the one of its name has in now, in values and raw bytes. One
 * that now has not gets a number that nobody has. Does nothing where now has no links at all: they
 * were not read. */
void undo_links_translate(struct snapshot *snapshot, const struct snapshot *now);

#endif
