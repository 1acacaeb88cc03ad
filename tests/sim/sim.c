/*
 * sim: runs seeds; one that fails is shrunk to what it takes, and told, with the command that
 * replays it. README.md says what is drawn.
 *
 *   sim [--seeds A..B | --for S] [--jobs N] [--safety | --hostile] [--coverage] [--unshrunk]
 *   sim [--safety | --hostile] [--only STRIKES] --trace SEED | --tell SEED
 *   sim --scenarios [NAME] | --trace NAME
 *   sim --stories FOLDER
 *   sim [--calm | --safety] --fleet NODES
 *   sim --project SEED
 *   sim --faults
 *   sim --judged
 *
 *   --for S      fresh seeds for so many seconds: the first is the time of day in milliseconds
 *   --jobs N     in so many processes
 *   --safety     what the guards hold alone: the controller may be wrong
 *   --hostile    the same, and somebody does his worst with it
 *   --only       of what the seed has, only that: faults and strikes, as a failing seed prints them
 *   --trace      every effect; --tell: the story in sentences
 *   --project    the seed without what the protocol model (tests/spin) leaves out, in its words
 *   --faults     the list of what can be drawn, as README.md has it
 *   --judged     each judgement of the model, shown what it has to see
 *   --unshrunk   a failing seed is told as it is
 *   --calm       nothing fails
 *   --fleet      so many nodes under one clock, in fleets of 50; says how fast that went
 *   --coverage   how often each row of both tables was taken; with 400 seeds or more, each that
 *                can be has to be
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/text.h"
#include "tests/sim/fleet.h"
#include "tests/sim/judged.h"
#include "tests/sim/seeds.h"

enum { FOR_MAX_S = 24 * 3600 };

struct options {
    struct seeds_options seeds;
    bool scenarios, faults, judged, story;
    unsigned fleet;
    const char *trace, *scenario, *stories, *project;
};

static int run_trace(const struct options *options)
{
    struct world_plan plan = {.seed = strtoull(options->trace, NULL, 10),
                              .way = options->seeds.way,
                              .nodes = SIM_NODES,
                              .choice = options->seeds.choice};
    struct world *world;
    bool held;

    if (!isdigit((unsigned char)options->trace[0]))
        return scenarios_run(options->trace, true);
    world = world_new(&plan);
    world->telling = options->story ? TELLS_STORY : TELLS_ALL;
    world->out = stdout;
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

static bool take_choice(struct seeds_options *seeds, const char *word)
{
    static struct strike_choice choice;

    seeds->choice = &choice;
    return strike_choice_parse(&choice, word);
}

static bool take_word(struct options *options, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *next = argv[*at + 1];

    if (text_equal(word, "--safety"))
        options->seeds.way = WORLD_SAFETY;
    else if (text_equal(word, "--hostile"))
        options->seeds.way = WORLD_HOSTILE;
    else if (text_equal(word, "--calm"))
        options->seeds.way = WORLD_CALM;
    else if (text_equal(word, "--fleet"))
        return take_number(argv[++*at], FLEET_NODES * FLEETS_MAX, &options->fleet);
    else if (text_equal(word, "--coverage"))
        options->seeds.coverage = true;
    else if (text_equal(word, "--scenarios")) {
        options->scenarios = true;
        options->scenario = next;
        *at += next != NULL;
    } else if ((text_equal(word, "--trace") || text_equal(word, "--tell")) && next != NULL) {
        options->story = text_equal(word, "--tell");
        options->trace = argv[++*at];
    } else if (text_equal(word, "--only") && next != NULL)
        return take_choice(&options->seeds, argv[++*at]);
    else if (text_equal(word, "--stories") && next != NULL)
        options->stories = argv[++*at];
    else if (text_equal(word, "--project") && next != NULL)
        options->project = argv[++*at];
    else if (text_equal(word, "--faults"))
        options->faults = true;
    else if (text_equal(word, "--judged"))
        options->judged = true;
    else if (text_equal(word, "--unshrunk"))
        options->seeds.unshrunk = true;
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
                "--coverage, --unshrunk, --only STRIKES, --trace SEED or NAME, --tell SEED, "
                "--scenarios [NAME], --stories FOLDER, --project SEED, --fleet NODES, --calm, "
                "--faults, --judged\n",
                argv[i] != NULL ? argv[i] : argv[i - 1]);
        return 2;
    }
    if (options.faults) {
        faults_print();
        return 0;
    }
    if (options.judged)
        return judged_run();
    if (options.fleet > 0)
        return fleet_run(options.fleet, options.seeds.way, options.seeds.first);
    if (options.project != NULL)
        return project_run(strtoull(options.project, NULL, 10));
    if (options.stories != NULL)
        return stories_run(options.stories);
    if (options.scenarios)
        return scenarios_run(options.scenario, false);
    if (options.trace != NULL)
        return run_trace(&options);
    if (options.seeds.for_s > 0)
        choose_fresh(&options.seeds);
    return seeds_run(&options.seeds);
}
