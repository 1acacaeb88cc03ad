/*
 * apply_batch: several messages that the kernel takes in one call: whoever sends them may be killed
 * before or behind it, and never between two of them.
 *
 * For what is taken away and put back at once, and is not ours: nobody would know of it afterwards.
 */
#ifndef AGENT_GUARD_IO_APPLY_BATCH_H
#define AGENT_GUARD_IO_APPLY_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/core/err.h"

struct nl_msg;

struct apply_batch {
    uint8_t *data; /* owned; apply_batch_send ends it */
    size_t len, capacity;
    uint32_t count;
    uint32_t ahead; /* of the one whose answer is heard */
};

void apply_batch_add_take(struct apply_batch *batch, struct nl_msg *take_message);

/* Of this one, in the place of the first, the answer is heard. */
void apply_batch_add_heard(struct apply_batch *batch, struct nl_msg *take_message);

/* Sends all, and ends the batch. True: the kernel has done the one that is heard; what it said of
 * the others is not (that something is there already is usual): look. what is for the error. */
bool apply_batch_send(struct apply_batch *batch, const char *what, struct err *err);

#endif
