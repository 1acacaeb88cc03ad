/*
 * journal_frame: how a record lies in the journal: length (u32 LE), CRC-32C (u32 LE), payload.
 */
#ifndef AGENT_GUARD_IO_JOURNAL_FRAME_H
#define AGENT_GUARD_IO_JOURNAL_FRAME_H

#include "common/core/bytes.h"

enum { FRAME_HEAD = 8 };

enum journal_frame {
    FRAME_WHOLE,
    FRAME_END,  /* nothing is left */
    FRAME_TORN, /* what a power loss leaves of the last record: too short, or blocks not written */
    FRAME_DAMAGED, /* everything else that does not fit */
};

/* Frames one payload; the caller frees. */
uint8_t *journal_frame_make(struct bytes payload, size_t *ret_len);

/* What rest begins with; ret_payload (lent) where it is whole. */
enum journal_frame journal_frame_look(struct bytes rest, struct bytes *ret_payload);

/* Behind what is not whole: the first offset of content, from *at on, where a record may begin.
 * sums: journal_crc_sums of content; each byte of it is looked at once, whatever it holds.
 * FRAME_END: there is none. */
enum journal_frame journal_frame_find(struct bytes content, const uint32_t *sums, size_t *at,
                                      struct bytes *ret_payload);

#endif
