/*
 * fuzz_journal: what stands on the guard's disk.
 */
#include "agent/guard/io/wire_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (wire_decode_journal((struct bytes){data, size}, &entry, &err))
        journal_entry_done(&entry);
    return 0;
}
