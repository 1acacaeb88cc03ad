/*
 * shrink: first others' doings, then operations, then parts of the host, by halves and one by one.
 */
#include "tests/plans/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/text.h"
#include "tests/plans/draw.h"
#include "tests/plans/host.h"
#include "tests/plans/run.h"

enum { SECONDS_MAX = 20, WAY_SIZE = 64 };

struct shrink {
    struct play_choice *choice;
    char way[WAY_SIZE]; /* in which it breaks: up to the second colon */
    time_t until;
};

static bool breaks(const struct play_choice *choice, char *ret_way)
{
    char *said;
    bool broken = run_one(choice, &said) == PLAY_BROKEN;
    char *second;
    int len;
    const char *line = run_broken_line(said, &len);

    snprintf(ret_way, WAY_SIZE, "%.*s", len, line);
    second = ret_way + strcspn(ret_way, ":");
    second += *second != '\0';
    second[strcspn(second, ":")] = '\0';
    free(said);
    return broken;
}

/* Leaves out those of bits that are not yet. */
static bool leave_out(struct shrink *shrink, uint64_t *where, uint64_t bits)
{
    uint64_t was = *where;
    char way[WAY_SIZE];

    if ((*where | bits) == was || time(NULL) >= shrink->until)
        return false;
    *where |= bits;
    if (breaks(shrink->choice, way) && text_equal(way, shrink->way))
        return true;
    *where = was;
    return false;
}

static bool shrink_one(struct shrink *shrink, uint64_t *where, unsigned count)
{
    bool some = false;

    for (unsigned size = count; size > 0; size /= 2) {
        for (unsigned at = 0; at < count; at += size) {
            uint64_t bits = size >= 64 ? UINT64_MAX : (((uint64_t)1 << size) - 1) << at;

            some |= leave_out(shrink, where, bits);
        }
    }
    return some;
}

void shrink_choice(struct play_choice *choice)
{
    struct shrink shrink = {.choice = choice, .until = time(NULL) + SECONDS_MAX};
    bool some = breaks(choice, shrink.way);

    while (some) {
        some = shrink_one(&shrink, &choice->no_others, PLAY_OTHERS_MAX);
        some |= shrink_one(&shrink, &choice->no_operations, 2 * DRAW_MAX);
        some |= shrink_one(&shrink, &choice->no_parts, HOST_PARTS_MAX);
    }
}

/* What is kept; nothing where nothing was left out. */
static void print_kept(const char *option, uint64_t left_out, unsigned count)
{
    const char *between = "";

    if (left_out == 0)
        return;
    printf(" %s ", option);
    for (unsigned i = 0; i < count; i++) {
        if ((left_out >> i & 1) == 0) {
            printf("%s%u", between, i);
            between = ",";
        }
    }
    if (*between == '\0')
        printf("none");
}

void shrink_print(const struct play_choice *choice)
{
    printf("--seed %llu", (unsigned long long)choice->seed);
    if (choice->way != WAY_GUARD)
        printf(" --way %s", play_way_name(choice->way));
    print_kept("--parts", choice->no_parts, HOST_PARTS_MAX);
    print_kept("--operations", choice->no_operations,
               choice->way == WAY_STACK ? 2 * DRAW_MAX : DRAW_MAX);
    print_kept("--others", choice->no_others, PLAY_OTHERS_MAX);
}
