/*
 * seal: signs receipts.
 */
#include "agent/guard/io/seal.h"

#include <stdlib.h>

struct wire_bytes seal_receipt(struct guard_record *record, const struct sign_key *key)
{
    struct wire_bytes envelope = wire_encode_receipt(&record->receipt.receipt, key);
    struct err err = ERR_INIT;

    if (!wire_payload_hash(wire_lend(&envelope), &record->receipt.receipt_hash, &err))
        abort(); /* it was just encoded */
    return envelope;
}
