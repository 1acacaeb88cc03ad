/*
 * sim: runs seeds; one that fails is told again: the end of its trace, and the command that replays
 * all of it.
 *
 *   sim [--seeds A..B] [--safety | --hostile] [--coverage]
 *   sim [--safety | --hostile] --trace SEED
 *   sim --scenarios [NAME] | --trace NAME
 *
 *   --safety     what the guards hold alone: the controller may be wrong
 *   --hostile    the same, and somebody does his worst with it
 *   --coverage   how often each row of both tables was taken; with 400 seeds or more, each that
 *                can be has to be
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

enum { SEEDS_FOR_COVERAGE = 400, SEEDS_FOR_ENDS = 100 };

struct options {
    enum world_way way;
    unsigned long long first, last;
    bool coverage, scenarios;
    const char *trace, *scenario;
};

struct tally {
    uint64_t seeds, happenings, confirmed, states[ROLLOUT_STATE_COUNT];
    struct coverage coverage;
};

static const char *way_option(enum world_way way)
{
    return way == WORLD_HOSTILE ? "--hostile " : way == WORLD_SAFETY ? "--safety " : "";
}

static void say_failure(const struct world *world)
{
    printf("seed %llu, at %lld ms: invariant %s\n", (unsigned long long)world->seed,
           (long long)world->now, world->violation);
}

static bool run(uint64_t seed, enum world_way way, struct tally *tally)
{
    struct world *world = world_new(seed, way);
    bool held = world_run(world);

    tally->seeds++;
    tally->happenings += world->happenings;
    tally->states[world->lead.rollout->record.state]++;
    for (int i = 0; i < SIM_NODES; i++)
        tally->confirmed += world->hosts[i].ledger->generations_count;
    coverage_add(&tally->coverage, world);
    if (!held)
        say_failure(world);
    world_free(world);
    return held;
}

/* The same seed goes the same way: only now its lines are kept. */
static void tell_again(uint64_t seed, enum world_way way)
{
    struct world *world = world_new(seed, way);

    world_keep_tail(world);
    world_run(world);
    printf("the last lines of its trace:\n");
    world_print_tail(world);
    printf("replay it: build/dev/bin/sim %s--trace %llu\n", way_option(way),
           (unsigned long long)seed);
    world_free(world);
}

/* Neither end may be an accident: a simulator in which nothing is ever confirmed proves nothing.
 * But a controller that is patched to do harm may well get nowhere. */
static bool ends_are_mixed(const struct tally *tally, enum world_way way)
{
    if (tally->seeds < SEEDS_FOR_ENDS || way == WORLD_SAFETY)
        return true;
    if (way == WORLD_HOSTILE)
        return tally->confirmed > 0;
    return tally->states[ROLLOUT_COMPLETE] > 0 && tally->states[ROLLOUT_REVERTED] > 0;
}

static int finish(const struct options *options, const struct tally *tally)
{
    bool covered = !options->coverage || coverage_print(&tally->coverage);

    printf("%llu seeds, %llu happenings, %llu generations stand at the end:",
           (unsigned long long)tally->seeds, (unsigned long long)tally->happenings,
           (unsigned long long)tally->confirmed);
    for (unsigned i = 0; i < ROLLOUT_STATE_COUNT; i++) {
        if (tally->states[i] > 0)
            printf(" %s %llu", rollout_state_name((enum rollout_state)i),
                   (unsigned long long)tally->states[i]);
    }
    printf("; every invariant held\n");
    if (!ends_are_mixed(tally, options->way)) {
        printf("but all of them ended in one way: that proves nothing\n");
        return 1;
    }
    return !covered && tally->seeds >= SEEDS_FOR_COVERAGE;
}

static int run_seeds(const struct options *options)
{
    struct tally *tally = mem_alloc(1, sizeof(*tally));
    int code = 0;

    for (uint64_t seed = options->first; seed <= options->last && code == 0; seed++) {
        if (run(seed, options->way, tally))
            continue;
        tell_again(seed, options->way);
        code = 1;
    }
    if (code == 0)
        code = finish(options, tally);
    free(tally);
    return code;
}

static int run_trace(const struct options *options)
{
    struct world *world;
    bool held;

    if (!isdigit((unsigned char)options->trace[0]))
        return scenarios_run(options->trace, true);
    world = world_new(strtoull(options->trace, NULL, 10), options->way);
    world->trace = true;
    held = world_run(world);
    if (!held)
        say_failure(world);
    world_free(world);
    return !held;
}

static bool take_word(struct options *options, char **argv, int *at)
{
    const char *next = argv[*at + 1];

    if (text_equal(argv[*at], "--safety"))
        options->way = WORLD_SAFETY;
    else if (text_equal(argv[*at], "--hostile"))
        options->way = WORLD_HOSTILE;
    else if (text_equal(argv[*at], "--coverage"))
        options->coverage = true;
    else if (text_equal(argv[*at], "--scenarios")) {
        options->scenarios = true;
        options->scenario = next;
        *at += next != NULL;
    } else if (text_equal(argv[*at], "--trace") && next != NULL)
        options->trace = argv[++*at];
    else if (text_equal(argv[*at], "--seeds") && next != NULL)
        return sscanf(argv[++*at], "%llu..%llu", &options->first, &options->last) == 2;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.way = WORLD_SEEDED, .first = 1, .last = 400};

    for (int i = 1; i < argc; i++) {
        if (take_word(&options, argv, &i))
            continue;
        fprintf(stderr,
                "sim: '%s': accepted are --seeds A..B, --safety, --hostile, --coverage, "
                "--trace SEED or NAME, --scenarios [NAME]\n",
                argv[i]);
        return 2;
    }
    if (options.scenarios)
        return scenarios_run(options.scenario, false);
    return options.trace != NULL ? run_trace(&options) : run_seeds(&options);
}
