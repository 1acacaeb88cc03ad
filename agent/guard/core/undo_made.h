/*
 * undo_made: what networkd made of a file: addresses, routes and rules that the file asks for. The
 * daemon takes them away with the file, unless it was away then, or restarted, and does not know
 * them, and makes anew what the content before asked for, unless it does not run.
 *
 * Pure. Left over is what the change's content asked for, that was not there before, and that no
 * other content at the file's places asks for now. What was read back after the change is compared
 * exactly, but for the MTU of an IPv6 route, which follows its device's. Lost is what was there
 * before, that the content before and now asks for and the change's did not.
 */
#ifndef AGENT_GUARD_CORE_UNDO_MADE_H
#define AGENT_GUARD_CORE_UNDO_MADE_H

#include "agent/guard/core/undo.h"
#include "common/net/file_ask.h"

struct undo_made {
    const struct undo_item *item; /* borrowed, as is now; devices by the numbers of now */
    const struct snapshot *now;
    struct file_asks asked; /* by the change */
    struct file_asks kept;  /* by what is at its places now */
    struct file_asks had;   /* by what was there before */
    bool unknown; /* what is there now was put by others, and not all of it is understood */
};

/* now: with the files of the item's places. undo_made_done ends it. */
void undo_made_init(struct undo_made *made, const struct undo_item *item,
                    const struct snapshot *now);
void undo_made_done(struct undo_made *made);

/* Whether this one of now is left over. Of a route ret_left is what to take away of it: borrows. */
bool undo_made_left_address(const struct undo_made *made, size_t index);
bool undo_made_left_route(const struct undo_made *made, size_t index, struct route *ret_left);
bool undo_made_left_rule(const struct undo_made *made, size_t index);

/* Copies of what of before is lost, and can be there: its device is there and up. */
void undo_made_take_lost(const struct undo_made *made, struct snapshot *ret_lost);

/* UNDO_NEEDED with the first that is left over or lost; else UNDO_RESTORED. */
enum undo_state undo_made_judge(const struct undo_item *item, const struct snapshot *now,
                                struct text *why);

/* Before the change is made: UNDO_NEEDED with the first that has come, with whatever MTU, or is
 * gone since the item was derived. */
enum undo_state undo_made_judge_came(const struct undo_item *item, const struct snapshot *now,
                                     struct text *why);

/* All that the change asks for is there, and what only the content before asked for is gone. */
bool undo_made_is_complete(const struct undo_item *item, const struct snapshot *now);

/* It asks for something that the content before did not, or lets networkd take more from others:
 * taking it back takes that away. */
bool undo_made_adds(const struct undo_item *item);

/* Copies of what the operation and the content that is there ask for, as far as it is there, a
 * route with whatever MTU, and of the links. */
void undo_made_take(const struct operation_file *operation, const struct snapshot *from,
                    struct snapshot *to);

#endif
