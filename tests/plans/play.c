/*
 * play: prepares, applies, takes back and verifies a plan as the guard's worker does, one order
 * after the other.
 */
#include "tests/plans/play.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/plans/by_hand.h"
#include "tests/plans/compare.h"
#include "tests/plans/meddle.h"
#include "tests/plans/play_parts.h"
#include "tests/plans/pool.h"

enum { SETTLE_TRIES = 2000 };

const char *play_way_name(enum play_way way)
{
    static const char *const names[] = {
        [WAY_GUARD] = "guard", [WAY_HAND] = "hand", [WAY_STACK] = "stack", [WAY_MEDDLE] = "meddle"};

    _Static_assert(sizeof(names) / sizeof(names[0]) == WAY_COUNT, "each has a name");
    return names[way];
}

bool play_broken(const char *format, ...)
{
    va_list arguments;

    printf("BROKEN ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

static void say_operation(const struct play *play, uint32_t i)
{
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    operation_render(&play->plan.operations[i], &text);
    printf("  %2u  %s\n", play->plan.numbers[i], line);
}

static void say_plan(const struct play *play)
{
    printf("plan:\n");
    for (uint32_t i = 0; i < play->plan.count; i++)
        say_operation(play, i);
    if (play->stop != STOP_NOT)
        printf("  %s at the %u. of these\n",
               play->stop == STOP_CRASH ? "the guard dies behind doing, before reading back"
                                        : "given up before",
               play->stop_at + 1);
}

static void fill_joined(struct play *play)
{
    for (uint32_t i = 1; i < play->items_count; i++)
        play->joined[i] = undo_joins(&play->items[i], &play->items[i - 1]);
}

static void draw_stop(struct play *play)
{
    if (play->plan.count == 0 || !chance_permille(&play->chance, 250))
        return;
    play->stop = chance_permille(&play->chance, 600) ? STOP_CRASH : STOP_ERROR;
    play->stop_at = pool_pick(&play->chance, play->plan.count);
}

/* ---- doing ---------------------------------------------------------------------------------- */

static struct work *make_run(struct play *play, uint32_t at)
{
    struct work *work = work_new(WORK_APPLY, NULL);
    uint32_t end = at + 1;

    while (end < play->items_count && play->joined[end] &&
           !(play->stop != STOP_NOT && end >= play->stop_at))
        end++;
    work->operation = at;
    work->more = end - at - 1;
    work->items = mem_alloc(end - at, sizeof(*work->items));
    for (uint32_t i = at; i < end; i++) {
        journal_copy_item(&work->items[work->items_count++], &play->items[i]);
        play->touched[i] = true;
    }
    return work;
}

/* False: it was refused, which a plan that was prepared is not. */
static bool run_from(struct play *play, uint32_t *at)
{
    struct work *work = make_run(play, *at);
    bool crash = play->stop == STOP_CRASH && *at == play->stop_at, good;

    work_do(&play->apply, work);
    good = work->ok || play_broken("refused when it is done: operation %u: %s",
                                   play->plan.numbers[*at], work->why);
    for (uint32_t i = 0; good && !crash && i <= work->more; i++)
        play_put_after(&play->items[*at + i], &work->items[i]);
    *at += work->more + 1;
    work_free(work);
    return good;
}

static bool run_all(struct play *play)
{
    uint32_t end = play->stop == STOP_NOT     ? play->items_count
                   : play->stop == STOP_CRASH ? play->stop_at + 1
                                              : play->stop_at;
    uint32_t at = 0;

    while (at < end) {
        if (!run_from(play, &at))
            return false;
    }
    return true;
}

static bool settle(const struct play *play)
{
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < SETTLE_TRIES; i++) {
        err = (struct err)ERR_INIT;
        if (apply_is_settled(&play->apply, play->items, play->items_count, &err))
            return true;
        poll(NULL, 0, 1);
    }
    return play_broken("never settles: %s", err.text);
}

/* docs/operations.md: "but not with its protocol, for which ip(8) 6.1 has no word", and "stands
 * behind those that are there": then others may be the first of their network. */
static void forget_what_ip_cannot_say(struct dump *dump)
{
    compare_forget(dump, "address ", "", " protocol ");
    compare_forget(dump, "address IPv4 ", "", " flags ");
    compare_forget(dump, "route ", " protocol 2 ", " src ");
}

/* docs/operations.md: "an address that is put back stands behind those that are there", and what
 * ip(8) has no words for "is not put back by these lines" */
static struct compare_how how_strictly(const struct play *play)
{
    struct compare_how how = {.may_lack = play->says};

    if (play->others.count > 0)
        how.unordered = "";
    else if (play->by_hand)
        how.unordered = "address ";
    return how;
}

bool play_is_as_before(const struct play *play, const char *when)
{
    struct dump now;
    bool differs;

    if (!dump_settle())
        return play_broken("%s: the kernel does not come to rest", when);
    dump_take(&now);
    if (play->by_hand)
        forget_what_ip_cannot_say(&now);
    differs = compare_differs(&play->before, &now, how_strictly(play));
    dump_done(&now);
    return !differs || play_broken("%s: not as before", when);
}

/* ---- all ------------------------------------------------------------------------------------ */

/* It never settles, and is taken back. */
static bool contradicts(const struct drawn *plan, const struct snapshot *then)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        if (!operation_holds(&plan->operations[i], then))
            return true;
    }
    return false;
}

enum { KNOWN_SEEDS = 100000 };

static void make_host(struct play *play)
{
    struct host host;

    host_draw(play->choice->seed, play->choice->no_parts, &host);
    printf("host:\n");
    host_print(&host);
    host_make(&host, play->choice->way != WAY_GUARD || play->choice->seed > KNOWN_SEEDS);
    if (!dump_settle())
        printf("the host does not come to rest\n");
}

void play_draw(struct play *play, uint64_t seed, uint64_t without)
{
    struct err err = ERR_INIT;
    struct snapshot now;

    if (!apply_read(&play->apply, &now, &err))
        dump_give_up(err.text);
    draw_plan(seed, without, &now, &play->plan);
    play->contradicts = contradicts(&play->plan, &now);
    snapshot_done(&now);
    dump_take(&play->before);
    if (play->by_hand)
        forget_what_ip_cannot_say(&play->before);
}

bool play_go_there(struct play *play)
{
    fill_joined(play);
    if (!play_is_as_before(play, "prepared"))
        return false;
    if (play->choice->way != WAY_STACK)
        draw_stop(play);
    say_plan(play);
    if (!run_all(play) || (play->stop == STOP_NOT && !play->contradicts && !settle(play)))
        return false;
    if (!dump_settle())
        return play_broken("applied: the kernel does not come to rest");
    return true;
}

/* What they have put is to be there in the end, too. */
static bool let_others(struct play *play)
{
    struct dump applied, then;

    others_draw(play->choice->seed, play->choice->no_others, &play->before, &play->others);
    if (play->others.count == 0)
        return true;
    dump_take(&applied);
    others_do(&play->others);
    if (!dump_settle())
        return play_broken("others: the kernel does not come to rest");
    dump_take(&then);
    compare_add_new(&play->before, &applied, &then);
    dump_done(&applied);
    dump_done(&then);
    return true;
}

static bool come_back_by_hand(struct play *play)
{
    struct play *changes[] = {play};

    if (chance_permille(&play->chance, 500))
        play_reread(play);
    return by_hand_undo(changes, 1, &play->says) && play_is_as_before(play, "by hand");
}

bool play_come_back(struct play *play)
{
    if (play->stop == STOP_CRASH || chance_permille(&play->chance, 500))
        play_reread(play);
    return play_undo(play, "taken back", false) && play_verify(play) &&
           play_is_as_before(play, "taken back") && play_undo(play, "taken back again", true) &&
           play_is_as_before(play, "taken back again");
}

static bool is_right(const struct play *play, const char *when, const struct dump *applied,
                     const struct dump *then)
{
    if (!dump_settle())
        return play_broken("%s: the kernel does not come to rest", when);
    return !meddle_is_wrong(play, applied, then) || play_broken("%s: not as it has to be", when);
}

/* Others have touched what the change did: a step may be left, and said. */
static bool come_back_meddled(struct play *play)
{
    struct dump applied, then;
    bool good;

    dump_take(&applied);
    meddle_do(play);
    if (!dump_settle())
        return play_broken("others: the kernel does not come to rest");
    dump_take(&then);
    play->meddled = compare_differs(&applied, &then, (struct compare_how){.unordered = NULL});
    if (play->stop == STOP_CRASH || chance_permille(&play->chance, 500))
        play_reread(play);
    good = play_undo(play, "taken back", false) && (play->incomplete || play_verify(play)) &&
           is_right(play, "taken back", &applied, &then) &&
           play_undo(play, "taken back again", true) &&
           is_right(play, "taken back again", &applied, &then);
    dump_done(&applied);
    dump_done(&then);
    return good;
}

static bool come_back(struct play *play)
{
    switch (play->choice->way) {
    case WAY_GUARD:
        return let_others(play) && play_come_back(play);
    case WAY_HAND:
        return come_back_by_hand(play);
    case WAY_STACK:
        return play_stack(play);
    case WAY_MEDDLE:
        return come_back_meddled(play);
    case WAY_COUNT:
        break;
    }
    return false;
}

static bool draws_hand(const struct play_choice *choice)
{
    struct chance chance = pool_stream(choice->seed, "hand", 0);

    return choice->way == WAY_HAND || (choice->way == WAY_STACK && chance_permille(&chance, 333));
}

enum play_result play_seed(const struct play_choice *choice)
{
    struct play play = {.choice = choice, .by_hand = draws_hand(choice)};
    bool good;

    play.chance = pool_stream(choice->seed, "play", 0);
    make_host(&play);
    play_draw(&play, choice->seed, choice->no_operations);
    say_plan(&play);
    good = play_prepare(&play);
    if (good && play.plan.count == 0)
        return PLAY_EMPTY;
    good = good && play_go_there(&play) && come_back(&play);
    return good ? PLAY_GOOD : PLAY_BROKEN;
}
