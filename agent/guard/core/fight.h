/*
 * fight: whether somebody takes away again and again what the guard puts back.
 *
 * Pure. A fight begins with FIGHT_LIMIT times in FIGHT_WINDOW_MS, and is over when nothing had to
 * be put back for as long. While it lasts the guard puts back once in FIGHT_PACE_MS: an alarm, not
 * a busy loop.
 */
#ifndef AGENT_GUARD_CORE_FIGHT_H
#define AGENT_GUARD_CORE_FIGHT_H

#include <stdbool.h>

#include "common/core/mono.h"

enum { FIGHT_WINDOW_MS = 10000, FIGHT_LIMIT = 20, FIGHT_PACE_MS = 1000 };

/* Zero: peace. */
struct fight {
    bool lasts;
    mono_t times[FIGHT_LIMIT]; /* the newest ones when something was put back, as a ring */
    unsigned count;            /* of all of them; times[count % FIGHT_LIMIT] is the oldest kept */
};

enum fight_news { FIGHT_NO_NEWS, FIGHT_BEGINS, FIGHT_ENDS };

/* A look has ended at now, with or without something put back. now never goes back. */
enum fight_news fight_look(struct fight *fight, bool put_back, mono_t now);

/* Not before then is looked again; now while there is peace. */
mono_t fight_pace(const struct fight *fight, mono_t now);

/* When a look has to find out that it is over; MONO_NEVER while there is peace. */
mono_t fight_deadline(const struct fight *fight);

#endif
