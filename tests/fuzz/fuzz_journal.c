/*
 * fuzz_journal: what stands on the guard's disk.
 */
#include <stdlib.h>

#include "agent/guard/io/journal_crc.h"
#include "agent/guard/io/journal_frame.h"
#include "agent/guard/io/wire_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(struct bytes payload)
{
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (wire_decode_journal(payload, &entry, &err))
        journal_entry_done(&entry);
}

/* As a whole file: frames, and what is searched for behind damage. */
static void walk(struct bytes rest)
{
    struct bytes payload;
    uint32_t *sums;
    size_t at = 0;

    while (journal_frame_look(rest, &payload) == FRAME_WHOLE) {
        decode(payload);
        rest.data += FRAME_HEAD + payload.len;
        rest.len -= FRAME_HEAD + payload.len;
    }
    sums = journal_crc_sums(rest);
    if (journal_frame_find(rest, sums, &at, &payload) == FRAME_WHOLE)
        decode(payload);
    free(sums);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode((struct bytes){data, size});
    walk((struct bytes){data, size});
    return 0;
}
