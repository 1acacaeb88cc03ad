/*
 * fuzz_localapi: what a tailscaled, or something in its place, answers.
 */
#include <stdlib.h>

#include "common/io/localapi_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes document = {data, size};
    struct tailscale tailscale = {0};
    struct address address = {0};
    struct err err = ERR_INIT;
    char text[200];

    (void)!localapi_parse_status(document, &tailscale, &err);
    (void)!localapi_parse_prefs(document, &tailscale, &err);
    (void)!localapi_parse_profiles(document, &tailscale.profile, &tailscale, &err);
    (void)!localapi_parse_ping(document, &address, &err);
    localapi_parse_error(document, text, sizeof(text));
    free(tailscale.peers);
    return 0;
}
