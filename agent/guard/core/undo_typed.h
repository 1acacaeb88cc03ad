/*
 * undo_typed: of an undo what ip(8) cannot do, as lines for a shell, each behind a #.
 */
#ifndef AGENT_GUARD_CORE_UNDO_TYPED_H
#define AGENT_GUARD_CORE_UNDO_TYPED_H

#include "agent/guard/core/undo.h"

/* tailscale(8) knows no StableIDs: an exit node is set by its address. Where none is known that is
 * said, as a comment that is no command, and the others are set without it. */
void undo_typed_tailscale(const struct undo_item *item, struct text *out);

/* The settings that have to be written behind the item's own line: a sysctl's that the kernel
 * overwrote with it, or overwrites when it is written back; a link's that went with its IPv6. */
void undo_typed_settings(const struct undo_item *item, undo_line_fn line_fn, void *context);

#endif
