/*
 * journal_frame: how a record lies in the journal: length, CRC, payload.
 */
#include "agent/guard/io/journal_frame.h"

#include <string.h>

#include "agent/guard/io/journal_crc.h"
#include "agent/guard/io/wire_journal.h"
#include "common/core/mem.h"

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

uint8_t *journal_frame_make(struct bytes payload, size_t *ret_len)
{
    uint8_t *frame = mem_alloc(FRAME_HEAD + payload.len, 1);

    put_u32(frame, (uint32_t)payload.len);
    put_u32(frame + 4, journal_crc(payload));
    memcpy(frame + FRAME_HEAD, payload.data, payload.len);
    *ret_len = FRAME_HEAD + payload.len;
    return frame;
}

/* ---- looking -------------------------------------------------------------------------------- */

/* Whether rest has room for the record that it begins with; ret_len: of its payload, where there is
 * room for a head. */
static bool has_room(struct bytes rest, size_t *ret_len)
{
    *ret_len = rest.len < FRAME_HEAD ? 0 : get_u32(rest.data);
    return *ret_len > 0 && *ret_len <= JOURNAL_RECORD_SIZE_MAX && *ret_len <= rest.len - FRAME_HEAD;
}

/* Whether rest begins with a record. */
static bool is_whole(struct bytes rest, size_t *ret_len)
{
    return has_room(rest, ret_len) &&
           journal_crc((struct bytes){rest.data + FRAME_HEAD, *ret_len}) == get_u32(rest.data + 4);
}

enum journal_frame journal_frame_look(struct bytes rest, struct bytes *ret_payload)
{
    static const uint8_t unwritten[FRAME_HEAD];
    size_t len;

    if (rest.len == 0)
        return FRAME_END;
    if (is_whole(rest, &len)) {
        *ret_payload = (struct bytes){rest.data + FRAME_HEAD, len};
        return FRAME_WHOLE;
    }
    if (rest.len < FRAME_HEAD || memcmp(rest.data, unwritten, FRAME_HEAD) == 0)
        return FRAME_TORN;
    if (len == 0 || len > JOURNAL_RECORD_SIZE_MAX)
        return FRAME_DAMAGED;
    return len >= rest.len - FRAME_HEAD ? FRAME_TORN : FRAME_DAMAGED;
}

/* Its number comes first in every payload, as field 1. */
static bool may_begin(struct bytes rest)
{
    return rest.len > FRAME_HEAD && rest.data[FRAME_HEAD] == 0x08;
}

enum journal_frame journal_frame_find(struct bytes content, const uint32_t *sums, size_t *at,
                                      struct bytes *ret_payload)
{
    for (; *at < content.len; ++*at) {
        struct bytes rest = {content.data + *at, content.len - *at};
        size_t len;

        if (!may_begin(rest) || !has_room(rest, &len) ||
            journal_crc_part(sums, *at + FRAME_HEAD, len) != get_u32(rest.data + 4))
            continue;
        *ret_payload = (struct bytes){rest.data + FRAME_HEAD, len};
        return FRAME_WHOLE;
    }
    return FRAME_END;
}
