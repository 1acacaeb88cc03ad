/*
 * undo_render: what the sentence of an undo (undo_render.c) and its line for `ip -batch`
 * (undo_batch.c) share.
 */
#ifndef AGENT_GUARD_CORE_UNDO_RENDER_H
#define AGENT_GUARD_CORE_UNDO_RENDER_H

#include "agent/guard/core/undo.h"

bool undo_render_is_nothing(const struct undo_item *item);

/* The verb, and the route that is put back or deleted in the words of route_fn. */
typedef void (*undo_route_fn)(const struct route *route, const struct snapshot *named,
                              struct text *out);
void undo_render_route(const struct undo_item *item, const char *verb, undo_route_fn route_fn,
                       struct text *out);

/* What it was, of that which the operation sets. */
struct operation_link undo_render_link_before(const struct undo_item *item);
const char *undo_render_value_before(const struct undo_item *item);

#endif
