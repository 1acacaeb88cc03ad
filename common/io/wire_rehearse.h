/*
 * wire_rehearse: what guard and oceanid-rehearse say to each other.
 */
#ifndef COMMON_IO_WIRE_REHEARSE_H
#define COMMON_IO_WIRE_REHEARSE_H

#include "common/change/rehearsal.h"
#include "common/io/wire.h"

/* What is asked: a plan's operations, on a host that is as the snapshot says. */
struct rehearse {
    struct snapshot snapshot; /* with the kernel's raw bytes */
    uint32_t operations_count;
    struct operation *operations; /* owned */
};
void rehearse_done(struct rehearse *rehearse);

/* At most REHEARSE_SIZE_MAX bytes are accepted: a host of some 400,000 routes. */
enum { REHEARSE_SIZE_MAX = FRAME_SIZE_MAX };
struct wire_bytes wire_encode_rehearse(const struct snapshot *snapshot,
                                       const struct operation *operations, uint32_t count);
bool wire_decode_rehearse(struct bytes from, struct rehearse *ret_rehearse, struct err *err);

struct wire_bytes wire_encode_rehearsal(const struct rehearsal *rehearsal);
bool wire_decode_rehearsal(struct bytes from, struct rehearsal *ret_rehearsal, struct err *err);

#endif
