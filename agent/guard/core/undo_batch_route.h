/*
 * undo_batch_route: the routes of an undo as lines for `ip -batch` (undo_batch.c).
 *
 * Pure. Of several IPv4 routes of one destination and metric `ip route replace` takes the first,
 * whosever it is by then: so each is put and deleted as what it is.
 */
#ifndef AGENT_GUARD_CORE_UNDO_BATCH_ROUTE_H
#define AGENT_GUARD_CORE_UNDO_BATCH_ROUTE_H

#include "agent/guard/core/undo_lost.h"

enum { UNDO_BATCH_LINE_SIZE = 2048 }; /* holds a route of OPERATION_HOPS_MAX hops */

/* line: UNDO_BATCH_LINE_SIZE. With one word of it replaced; unchanged where it has none such. */
void undo_batch_replace_word(char *line, const char *word, const char *by);

/* Whether it has been cut, or may have been. */
bool undo_batch_is_full(const struct text *line);

/* Of an operation on a route: one line, or two. False: a comment, where ip(8) has no words. */
bool undo_batch_route(const struct undo_item *item, struct text *out);

/* One that a file's content left over: one line, or three. */
void undo_batch_route_left(const struct route *left, const struct snapshot *named,
                           struct text *out);

/* A lost one (undo_lost_route) of loss. expected: what the change leaves by the model; NULL: not
 * asked. */
void undo_batch_route_lost(const struct undo_loss *loss, const struct snapshot *expected,
                           size_t index, struct text *out);

#endif
