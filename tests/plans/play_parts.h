/*
 * play_parts: what the parts of play share.
 */
#ifndef TESTS_PLANS_PLAY_PARTS_H
#define TESTS_PLANS_PLAY_PARTS_H

#include "agent/guard/io/worker.h"
#include "tests/plans/draw.h"
#include "tests/plans/dump.h"
#include "tests/plans/host.h"
#include "tests/plans/others.h"
#include "tests/plans/play.h"
#include "tests/sim/chance.h"

/* Where the change ends: behind its last operation, or before. */
enum stop { STOP_NOT, STOP_ERROR, STOP_CRASH };

struct play {
    const struct play_choice *choice;
    struct chance chance;
    struct apply apply;
    struct drawn plan;
    uint32_t items_count;
    struct undo_item *items;
    bool touched[DRAW_MAX], joined[DRAW_MAX];
    enum stop stop;
    uint32_t stop_at;
    bool contradicts; /* an operation takes away what an older one asks for */
    bool by_hand;     /* it is taken back by undo.txt */
    bool says;        /* undo.txt names something that ip(8) has no words for */
    bool meddled;     /* others have changed something since it was done */
    bool incomplete;  /* it was said that a step is refused by the kernel, or waits for a carrier */
    struct others others;
    struct dump before; /* and what others have put since */
};

/* Prints it as what broke; false. */
bool play_broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

void play_draw(struct play *play, uint64_t seed, uint64_t without);
/* What is prepared; stops early where it is drawn so, but of WAY_STACK. */
bool play_go_there(struct play *play);
bool play_come_back(struct play *play);
bool play_is_as_before(const struct play *play, const char *when);

/* stack.c: one more plan on that which has been done, and both taken back. */
bool play_stack(struct play *below);

/* ready.c: has the guard prepare the plan; what it refuses is no part of it. */
bool play_prepare(struct play *play);

/* reread.c: the items as whoever reads the journal has them. */
void play_put_after(struct undo_item *there, struct undo_item *item);
void play_reread(struct play *play);

/* back.c: takes back what is touched. again: by who died before the end of it was written down;
 * what it finds is as before, which a newer of two operations on one object may take for others'
 * doing. */
bool play_undo(struct play *play, const char *which, bool again);
bool play_verify(const struct play *play);

#endif
