/*
 * fuzz_guard: what comes over the guard's socket.
 */
#include "common/io/wire_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guard_request request;
    struct guard_report report;
    struct err err = ERR_INIT;

    if (wire_decode_guard_request((struct bytes){data, size}, &request, &err))
        guard_request_done(&request);
    if (wire_decode_guard_report((struct bytes){data, size}, &report, &err))
        guard_report_done(&report);
    return 0;
}
