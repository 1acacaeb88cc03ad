/*
 * fuzz_yaml: the files that people write.
 */
#include "common/io/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fleet_file fleet;
    static struct change change;
    static struct trust trust;
    struct bytes text = {data, size};
    struct err err = ERR_INIT;

    (void)!config_parse_fleet("fleet.yaml", text, &fleet, &err);
    (void)!config_parse_change("change.yaml", text, &change, &err);
    (void)!config_parse_trust("trust.yaml", text, &trust, &err);
    return 0;
}
