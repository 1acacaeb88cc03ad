/*
 * shrink: first whole kinds are left out, then halves of what is left, down to single strikes.
 */
#include "tests/sim/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/text.h"

enum { RUNS_MAX = 2000, CPU_MAX_S = 4 };

struct shrink {
    struct world_plan plan;
    char invariant[16]; /* that broke at first: up to the colon */
    struct strike_choice kept;
    unsigned runs;
};

const char *shrink_way_option(enum world_way way)
{
    static const char *const options[] = {[WORLD_SEEDED] = "",
                                          [WORLD_SAFETY] = " --safety",
                                          [WORLD_HOSTILE] = " --hostile",
                                          [WORLD_CALM] = " --calm"};

    return options[way];
}

static void cut_invariant(const char *violation, char *to, size_t size)
{
    text_copy(to, size, violation);
    to[strcspn(to, ":")] = '\0';
}

static void keep_strikes(struct strike_choice *kept, const struct faults *faults)
{
    memset(kept->whole, 0, sizeof(kept->whole));
    kept->strikes_count = 0;
    for (size_t i = 0; i < faults->strikes_count && i < STRIKES_MAX; i++)
        kept->strikes[kept->strikes_count++] = faults->strikes[i];
    strike_choice_sort(kept);
}

/* Of this process: a machine that is busy shrinks as far as one that is not. */
static time_t cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec;
}

/* Runs what was chosen; when it fails in the same way, what struck in it is all that is kept. */
static bool try(struct shrink *shrink, const struct strike_choice *choice)
{
    struct world_plan plan = shrink->plan;
    struct world *world;
    char invariant[sizeof(shrink->invariant)];
    bool same;

    if (shrink->runs >= RUNS_MAX || cpu_s() >= CPU_MAX_S)
        return false;
    shrink->runs++;
    plan.choice = choice;
    world = world_new(&plan);
    world_run(world);
    cut_invariant(world->violation, invariant, sizeof(invariant));
    same = text_equal(invariant, shrink->invariant);
    if (same)
        keep_strikes(&shrink->kept, &world->faults);
    world_free(world);
    return same;
}

static void try_without_kinds(struct shrink *shrink, struct strike_choice *choice)
{
    for (unsigned fault = 0; fault < FAULT_COUNT; fault++) {
        uint32_t count = 0;

        for (uint32_t i = 0; i < shrink->kept.strikes_count; i++) {
            if (shrink->kept.strikes[i].fault != fault)
                choice->strikes[count++] = shrink->kept.strikes[i];
        }
        choice->strikes_count = count;
        if (count < shrink->kept.strikes_count)
            try(shrink, choice);
    }
}

/* Each run of so many neighbours is left out once. */
static bool try_without_groups(struct shrink *shrink, struct strike_choice *choice, uint32_t size)
{
    bool any = false;

    for (uint32_t from = 0; from < shrink->kept.strikes_count;) {
        uint32_t count = 0;

        for (uint32_t i = 0; i < shrink->kept.strikes_count; i++) {
            if (i < from || i >= from + size)
                choice->strikes[count++] = shrink->kept.strikes[i];
        }
        choice->strikes_count = count;
        if (try(shrink, choice))
            any = true;
        else
            from += size;
    }
    return any;
}

static void shrink_strikes(struct shrink *shrink)
{
    AUTO_FREE struct strike_choice *choice = mem_alloc(1, sizeof(*choice));
    uint32_t size;

    try_without_kinds(shrink, choice);
    for (size = shrink->kept.strikes_count / 2; size > 1; size /= 2)
        try_without_groups(shrink, choice, size);
    while (shrink->kept.strikes_count > 0 && try_without_groups(shrink, choice, 1))
        ;
}

static void tell(const struct world_plan *plan, const char *of)
{
    struct world *world = world_new(plan);

    world->telling = TELLS_STORY;
    world_run(world);
    printf("seed %llu, at %lld ms: invariant %s\n", (unsigned long long)plan->seed,
           (long long)world->now, world->violation);
    printf("%s:\n", of);
    world_print_tail(world);
    world_free(world);
}

void shrink_tell_whole(const struct world_plan *plan)
{
    tell(plan, "the end of its story");
    printf("replay it: build/dev/bin/sim%s --trace %llu\n", shrink_way_option(plan->way),
           (unsigned long long)plan->seed);
}

static void say_commands(const struct shrink *shrink, size_t had)
{
    const struct world_plan *plan = &shrink->plan;

    printf("shrunk from %zu strikes to %u, in %u runs\n", had, shrink->kept.strikes_count,
           shrink->runs);
    printf("replay it: build/dev/bin/sim%s --only ", shrink_way_option(plan->way));
    strike_choice_print(&shrink->kept);
    printf(" --trace %llu\n", (unsigned long long)plan->seed);
    printf("replay all of it: build/dev/bin/sim%s --trace %llu\n", shrink_way_option(plan->way),
           (unsigned long long)plan->seed);
}

void shrink_and_tell(const struct world_plan *plan)
{
    struct shrink *shrink = mem_alloc(1, sizeof(*shrink));
    struct world *world;
    size_t had;

    shrink->plan = *plan;
    shrink->plan.noted = true;
    world = world_new(&shrink->plan);
    world_run(world);
    cut_invariant(world->violation, shrink->invariant, sizeof(shrink->invariant));
    keep_strikes(&shrink->kept, &world->faults);
    had = world->faults.strikes_count;
    world_free(world);
    if (had <= STRIKES_MAX)
        shrink_strikes(shrink);
    shrink->plan.choice = had <= STRIKES_MAX ? &shrink->kept : plan->choice;
    tell(&shrink->plan, "what it takes, as a story");
    say_commands(shrink, had);
    free(shrink);
}
