/*
 * seal: puts the guard's signature under what leaves this node as proof of an end.
 */
#ifndef AGENT_GUARD_IO_SEAL_H
#define AGENT_GUARD_IO_SEAL_H

#include "agent/guard/core/record.h"
#include "common/io/wire.h"

/* Signs the receipt of a RECORD_RECEIPT and fills its hash. The caller frees. */
struct wire_bytes seal_receipt(struct guard_record *record, const struct sign_key *key);

#endif
