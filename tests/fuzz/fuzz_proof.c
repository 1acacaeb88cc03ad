/*
 * fuzz_proof: what is signed: manifest, approval, statement, receipt, stack, roster, order.
 */
#include "common/io/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_envelopes(struct bytes from)
{
    static struct roster roster;
    struct statement statement;
    struct receipt receipt;
    struct stack stack;
    struct approval approval;
    struct order order;
    struct err err = ERR_INIT;

    (void)!wire_decode_statement(from, &statement, &err);
    (void)!wire_decode_receipt(from, &receipt, &err);
    (void)!wire_decode_stack(from, &stack, &err);
    (void)!wire_decode_roster(from, &roster, &err);
    (void)!wire_decode_approval(from, &approval, &err);
    if (wire_decode_order(from, &order, &err))
        (void)!wire_verify(from, SIGN_ORDER, &order.signature.key, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes from = {data, size};
    struct manifest manifest;
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    decode_envelopes(from);
    if (wire_decode_manifest(from, &manifest, &err)) {
        (void)!manifest_validate(&manifest, &err);
        manifest_done(&manifest);
    }
    if (wire_decode_snapshot(from, &snapshot, &err))
        snapshot_done(&snapshot);
    return 0;
}
