/*
 * fight: whether somebody takes away again and again what the guard puts back.
 */
#include "agent/guard/core/fight.h"

static mono_t newest(const struct fight *fight)
{
    return fight->times[(fight->count - 1) % FIGHT_LIMIT];
}

static bool is_often(const struct fight *fight, mono_t now)
{
    return fight->count >= FIGHT_LIMIT &&
           now - fight->times[fight->count % FIGHT_LIMIT] <= FIGHT_WINDOW_MS;
}

enum fight_news fight_look(struct fight *fight, bool put_back, mono_t now)
{
    if (put_back)
        fight->times[fight->count++ % FIGHT_LIMIT] = now;
    if (!fight->lasts && put_back && is_often(fight, now)) {
        fight->lasts = true;
        return FIGHT_BEGINS;
    }
    if (fight->lasts && now - newest(fight) >= FIGHT_WINDOW_MS) {
        *fight = (struct fight){0};
        return FIGHT_ENDS;
    }
    return FIGHT_NO_NEWS;
}

mono_t fight_pace(const struct fight *fight, mono_t now)
{
    return fight->lasts ? mono_add(now, FIGHT_PACE_MS) : now;
}

mono_t fight_deadline(const struct fight *fight)
{
    return fight->lasts ? mono_add(newest(fight), FIGHT_WINDOW_MS) : MONO_NEVER;
}
