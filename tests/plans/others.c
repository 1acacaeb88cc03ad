/*
 * others: draws what they put, and puts it by ip(8).
 */
#include "tests/plans/others.h"

#include <stdio.h>
#include <string.h>

#include "tests/plans/host.h"
#include "tests/plans/pool.h"

static bool is_up(const struct dump *before, const char *device)
{
    char name[32];

    snprintf(name, sizeof(name), " %s mtu ", device);
    for (size_t i = 0; i < before->count; i++) {
        const char *line = dump_line(before, i);

        if (strncmp(line, "link ", 5) == 0 && strstr(line, name) != NULL)
            return strstr(line, " up") != NULL;
    }
    return false;
}

static void draw_line(struct chance *chance, unsigned number, const struct dump *before, char *line)
{
    unsigned of_device;
    const char *device = pool_device(chance, &of_device);
    unsigned kind = pool_pick(chance, 3);

    line[0] = '\0';
    if (!is_up(before, device))
        return;
    if (kind == 0)
        snprintf(line, OTHERS_LINE_SIZE,
                 "route add 203.0.113.%u/28 dev %s protocol static table %u", number * 16, device,
                 pool_table(chance));
    else if (kind == 1)
        snprintf(line, OTHERS_LINE_SIZE, "rule add priority %u to 203.0.113.%u/28 lookup %u",
                 pool_priority(chance), number * 16, pool_table(chance));
    else
        snprintf(line, OTHERS_LINE_SIZE, "address add 172.16.%u.1/24 dev %s", number, device);
}

void others_draw(uint64_t seed, uint64_t without, const struct dump *before,
                 struct others *ret_others)
{
    struct chance chance = pool_stream(seed, "others", 0);
    unsigned count = 1 + pool_pick(&chance, PLAY_OTHERS_MAX);

    ret_others->count = 0;
    if (!chance_permille(&chance, 400))
        return;
    for (unsigned i = 0; i < count; i++) {
        struct chance own = pool_stream(seed, "other", i);
        char *line = ret_others->lines[ret_others->count];

        if ((without >> i & 1) != 0)
            continue;
        draw_line(&own, i, before, line);
        ret_others->count += line[0] != '\0';
    }
}

void others_do(const struct others *others)
{
    char lines[PLAY_OTHERS_MAX * OTHERS_LINE_SIZE] = "";
    size_t len = 0;

    printf("others:\n");
    for (uint32_t i = 0; i < others->count; i++) {
        printf("      ip %s\n", others->lines[i]);
        len += (size_t)snprintf(lines + len, sizeof(lines) - len, "%s\n", others->lines[i]);
    }
    host_ip(lines);
}
