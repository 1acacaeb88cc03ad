/*
 * pool: what hosts and plans are drawn from.
 */
#include "tests/plans/pool.h"

#include <stdio.h>

struct chance pool_stream(uint64_t seed, const char *what, uint64_t number)
{
    struct chance chance = {.state = seed};

    for (; *what != '\0'; what++)
        chance.state = chance_next(&chance) ^ (uint8_t)*what;
    chance.state = chance_next(&chance) ^ number;
    return chance;
}

unsigned pool_pick(struct chance *chance, unsigned count)
{
    return (unsigned)(chance_next(chance) % count);
}

const char *pool_device(struct chance *chance, unsigned *ret_number)
{
    static const char *const names[] = {"eth0", "eth1", "eth2", "br0"};

    *ret_number = chance_permille(chance, 100) ? 3 : pool_pick(chance, 3);
    return names[*ret_number];
}

static unsigned network(struct chance *chance, unsigned device)
{
    return chance_permille(chance, 50) ? pool_pick(chance, 4) : device;
}

void pool_address(struct chance *chance, unsigned device, bool ipv6, char *to)
{
    static const unsigned lengths[] = {24, 24, 24, 24, 24, 25, 32, 16};
    unsigned net = network(chance, device);
    unsigned which = 1 + pool_pick(chance, 2), host = 1 + pool_pick(chance, 3);
    bool single = chance_permille(chance, 120);

    if (ipv6)
        snprintf(to, POOL_TEXT, "2001:db8:%u:%u::%u/%u", net, which, host, single ? 128 : 64);
    else
        snprintf(to, POOL_TEXT, "10.%u.%u.%u/%u", net, which, host,
                 lengths[pool_pick(chance, sizeof(lengths) / sizeof(lengths[0]))]);
}

void pool_gateway(struct chance *chance, unsigned device, bool ipv6, char *to)
{
    unsigned net = network(chance, device);
    unsigned which = 1 + pool_pick(chance, 2), host = chance_permille(chance, 700) ? 99 : 98;

    if (ipv6 && chance_permille(chance, 250))
        snprintf(to, POOL_TEXT, "fe80::%u", host);
    else if (ipv6)
        snprintf(to, POOL_TEXT, "2001:db8:%u:%u::%u", net, which, host);
    else
        snprintf(to, POOL_TEXT, "10.%u.%u.%u", net, which, host);
}

void pool_destination(struct chance *chance, bool ipv6, char *to)
{
    unsigned which = pool_pick(chance, 5);

    if (chance_permille(chance, 200))
        snprintf(to, POOL_TEXT, "%s", ipv6 ? "::/0" : "0.0.0.0/0");
    else if (ipv6)
        snprintf(to, POOL_TEXT, "2001:db8:f00%u::/48", which);
    else
        snprintf(to, POOL_TEXT, "198.18.%u.0/24", which);
}

unsigned pool_table(struct chance *chance)
{
    return chance_permille(chance, 650) ? 254 : 100 + pool_pick(chance, 2);
}

unsigned pool_metric(struct chance *chance)
{
    static const unsigned metrics[] = {0, 0, 0, 50, 100};

    return metrics[pool_pick(chance, 5)];
}

unsigned pool_priority(struct chance *chance)
{
    static const unsigned priorities[] = {100, 100, 100, 200, 300, 5000};

    return priorities[pool_pick(chance, 6)];
}

unsigned pool_object(struct chance *chance)
{
    return 1 + pool_pick(chance, 4);
}

unsigned pool_group(struct chance *chance)
{
    return 11 + pool_pick(chance, 2);
}

unsigned pool_mtu(struct chance *chance)
{
    static const unsigned mtus[] = {1500, 1500, 1400, 1280, 1300, 9000, 1200, 576};

    return mtus[pool_pick(chance, 8)];
}
