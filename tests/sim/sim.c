/*
 * sim: runs seeds; one that fails is told again: the end of its trace, and the command that replays
 * all of it.
 *
 *   sim [--seeds A..B | --for S] [--jobs N] [--safety | --hostile] [--coverage]
 *   sim [--safety | --hostile] --trace SEED
 *   sim --scenarios [NAME] | --trace NAME
 *
 *   --for S      fresh seeds for so many seconds: the first is the time of day in milliseconds
 *   --jobs N     in so many processes
 *   --safety     what the guards hold alone: the controller may be wrong
 *   --hostile    the same, and somebody does his worst with it
 *   --coverage   how often each row of both tables was taken; with 400 seeds or more, each that
 *                can be has to be
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/text.h"
#include "tests/sim/seeds.h"

enum { FOR_MAX_S = 24 * 3600 };

struct options {
    struct seeds_options seeds;
    bool scenarios;
    const char *trace, *scenario;
};

static int run_trace(const struct options *options)
{
    struct world *world;
    bool held;

    if (!isdigit((unsigned char)options->trace[0]))
        return scenarios_run(options->trace, true);
    world = world_new(strtoull(options->trace, NULL, 10), options->seeds.way);
    world->trace = true;
    held = world_run(world);
    if (!held)
        printf("seed %s, at %lld ms: invariant %s\n", options->trace, (long long)world->now,
               world->violation);
    world_free(world);
    return !held;
}

static bool take_number(const char *word, unsigned max, unsigned *ret_number)
{
    unsigned long long number;

    if (word == NULL || !text_parse_u64(word, max, &number) || number == 0)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

static bool take_seeds(struct seeds_options *seeds, const char *word)
{
    unsigned long long first, last;

    if (word == NULL || sscanf(word, "%llu..%llu", &first, &last) != 2 || first > last)
        return false;
    seeds->first = first;
    seeds->last = last;
    return true;
}

static bool take_word(struct options *options, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *next = argv[*at + 1];

    if (text_equal(word, "--safety"))
        options->seeds.way = WORLD_SAFETY;
    else if (text_equal(word, "--hostile"))
        options->seeds.way = WORLD_HOSTILE;
    else if (text_equal(word, "--coverage"))
        options->seeds.coverage = true;
    else if (text_equal(word, "--scenarios")) {
        options->scenarios = true;
        options->scenario = next;
        *at += next != NULL;
    } else if (text_equal(word, "--trace") && next != NULL)
        options->trace = argv[++*at];
    else if (text_equal(word, "--seeds"))
        return take_seeds(&options->seeds, argv[++*at]);
    else if (text_equal(word, "--for"))
        return take_number(argv[++*at], FOR_MAX_S, &options->seeds.for_s);
    else if (text_equal(word, "--jobs"))
        return take_number(argv[++*at], JOBS_MAX, &options->seeds.jobs);
    else
        return false;
    return true;
}

/* Said before it begins, so that it is known whatever happens. */
static void choose_fresh(struct seeds_options *seeds)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    seeds->first = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    seeds->last = UINT64_MAX;
    printf("fresh seeds from %llu on, for %u s\n", (unsigned long long)seeds->first, seeds->for_s);
}

int main(int argc, char **argv)
{
    struct options options = {.seeds = {.way = WORLD_SEEDED, .first = 1, .last = 400, .jobs = 1}};

    for (int i = 1; i < argc; i++) {
        if (take_word(&options, argv, &i))
            continue;
        fprintf(stderr,
                "sim: '%s': accepted are --seeds A..B, --for S, --jobs N, --safety, --hostile, "
                "--coverage, --trace SEED or NAME, --scenarios [NAME]\n",
                argv[i] != NULL ? argv[i] : argv[i - 1]);
        return 2;
    }
    if (options.scenarios)
        return scenarios_run(options.scenario, false);
    if (options.trace != NULL)
        return run_trace(&options);
    if (options.seeds.for_s > 0)
        choose_fresh(&options.seeds);
    return seeds_run(&options.seeds);
}
