/*
 * stack: a second plan on one that stands, taken back from the top.
 */
#include <stdio.h>

#include "tests/plans/by_hand.h"
#include "tests/plans/pool.h"

static bool go_on(struct play *above)
{
    uint64_t seed = pool_stream(above->choice->seed, "above", 0).state;

    play_draw(above, seed, above->choice->no_operations >> DRAW_MAX);
    for (uint32_t i = 0; i < above->plan.count; i++)
        above->plan.numbers[i] += DRAW_MAX;
    return play_prepare(above) && (above->plan.count == 0 || play_go_there(above));
}

static bool come_back_by_hand(struct play *above, struct play *below)
{
    struct play *changes[] = {above, below};

    return by_hand_undo(changes, 2, &below->says) && play_is_as_before(below, "by hand");
}

bool play_stack(struct play *below)
{
    struct play above = {.choice = below->choice, .by_hand = below->by_hand};

    above.chance = pool_stream(below->choice->seed, "above", 1);
    printf("above that:\n");
    if (!go_on(&above))
        return false;
    if (below->by_hand)
        return come_back_by_hand(&above, below);
    return (above.plan.count == 0 || play_come_back(&above)) && play_come_back(below);
}
