/*
 * fuzz_join: what a node asks for and what an operator answers, as files that people carry.
 */
#include "common/io/wire_join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct join_request request;
    struct join_bundle bundle;
    struct err err = ERR_INIT;

    (void)!wire_decode_join_request((struct bytes){data, size}, &request, &err);
    if (wire_decode_join_bundle((struct bytes){data, size}, &bundle, &err))
        join_bundle_done(&bundle);
    return 0;
}
