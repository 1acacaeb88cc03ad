/*
 * fuzz_session: what an agent or a controller sends over the wire.
 */
#include "common/io/wire_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct session_request request;
    static struct session_reply reply;
    struct err err = ERR_INIT;

    if (wire_decode_session_request((struct bytes){data, size}, &request, &err))
        session_request_done(&request);
    if (wire_decode_session_reply((struct bytes){data, size}, &reply, &err))
        session_reply_done(&reply);
    return 0;
}
