/*
 * fuzz_rehearse: what oceanid-rehearse is asked, and what it answers; a plan that is to be
 * rehearsed unsigned.
 */
#include "common/io/wire_rehearse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rehearsal rehearsal;
    struct rehearse asked;
    struct manifest_plan plan;
    struct err err = ERR_INIT;

    if (wire_decode_rehearse((struct bytes){data, size}, &asked, &err))
        rehearse_done(&asked);
    if (wire_decode_plan((struct bytes){data, size}, &plan, &err))
        manifest_plan_done(&plan);
    wire_decode_rehearsal((struct bytes){data, size}, &rehearsal, &err);
    return 0;
}
