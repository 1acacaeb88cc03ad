/*
 * plans: random plans on random hosts: command line, workers, and what is left of a broken seed.
 *
 *   plans [--seeds A..B | --for SECONDS] [--jobs N] [--way WAY]
 *   plans --seed N [--way WAY] [--parts LIST] [--operations LIST] [--others LIST]   one again, with
 * all that was said
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/core/text.h"
#include "tests/plans/run.h"
#include "tests/plans/shrink.h"

static const char usage[] =
    "usage: plans [--seeds A..B | --for SECONDS] [--jobs N] [--way WAY]\n"
    "       plans --seed N [--way WAY] [--parts LIST] [--operations LIST] [--others LIST]\n";

/* Of some hundred fresh seeds up to FOUND_MAX may break: about one in two hundred does, by what is
 * open (README.md), and a run is no worse for having drawn it. More of them is something new. */
enum { JOBS_MAX = 16, SHRUNK_MAX = 20, FOUND_MAX = 3 };

struct options {
    uint64_t from, to;
    unsigned seconds, jobs;
    bool one;
    struct play_choice choice;
};

/* ---- many ----------------------------------------------------------------------------------- */

struct tally {
    bool fresh; /* seeds that nobody has seen: what only a rehearsal refuses is told, and no
                   failure, and so are a few others */
    unsigned good, empty, refused, broken;
};

static void tell_broken(const struct tally *tally, const struct play_choice *choice,
                        const char *said)
{
    struct play_choice smaller = *choice;
    int len;
    const char *line = run_broken_line(said, &len);

    printf("%s seed %llu: %.*s\n", tally->fresh ? "found" : "FAILED",
           (unsigned long long)choice->seed, len, line);
    fflush(stdout);
    if (tally->broken <= SHRUNK_MAX)
        shrink_choice(&smaller);
    printf("replay plans ");
    shrink_print(&smaller);
    printf("\n");
    fflush(stdout);
}

/* By its rehearsal, falsely: of the host nothing is touched then. */
static bool is_refused(const struct play_choice *choice, const char *said)
{
    static const char refused[] = "BROKEN rehearsed: not taken back";
    int len;
    const char *line = run_broken_line(said, &len);

    if (strncmp(line, refused, strlen(refused)) != 0)
        return false;
    printf("refused: seed %llu: %.*s\n", (unsigned long long)choice->seed, len, line);
    fflush(stdout);
    return true;
}

static void count(struct tally *tally, struct run *run, int status)
{
    char *said;
    enum play_result result = run_end(run, status, &said);

    if (result == PLAY_BROKEN && tally->fresh && is_refused(&run->choice, said)) {
        tally->refused++;
        free(said);
        return;
    }
    tally->good += result == PLAY_GOOD;
    tally->empty += result == PLAY_EMPTY;
    tally->broken += result == PLAY_BROKEN;
    if (result == PLAY_BROKEN)
        tell_broken(tally, &run->choice, said);
    free(said);
}

static bool wait_for_one(struct run *runs, unsigned jobs, struct tally *tally)
{
    int status;
    pid_t pid = wait(&status);

    for (unsigned i = 0; pid > 0 && i < jobs; i++) {
        if (runs[i].pid == pid)
            count(tally, &runs[i], status);
    }
    return pid > 0;
}

static int run_many(const struct options *options)
{
    struct run runs[JOBS_MAX] = {{.pid = 0}};
    struct tally tally = {.fresh = options->seconds > 0};
    time_t until = time(NULL) + (time_t)options->seconds;
    uint64_t seed = options->from;

    while (options->seconds > 0 ? time(NULL) < until : seed <= options->to) {
        unsigned free_one = 0;

        while (free_one < options->jobs && runs[free_one].pid != 0)
            free_one++;
        if (free_one == options->jobs) {
            wait_for_one(runs, options->jobs, &tally);
            continue;
        }
        run_begin(&(struct play_choice){.seed = seed++, .way = options->choice.way},
                  &runs[free_one]);
    }
    while (wait_for_one(runs, options->jobs, &tally)) {
    }
    printf("%u plans, %u empty, %u refused by a rehearsal, %u broken\n",
           tally.good + tally.refused + tally.broken, tally.empty, tally.refused, tally.broken);
    if (tally.fresh && tally.broken > FOUND_MAX)
        printf("FAILED: of fresh seeds at most %d may break, %u did\n", FOUND_MAX, tally.broken);
    return tally.broken > (tally.fresh ? FOUND_MAX : 0);
}

static int replay(const struct options *options)
{
    char *said;
    enum play_result result = run_one(&options->choice, &said);

    printf("%s%s\n", said,
           result == PLAY_GOOD    ? "good"
           : result == PLAY_EMPTY ? "empty: the guard refuses each operation"
                                  : "");
    free(said);
    return result == PLAY_BROKEN;
}

/* ---- options -------------------------------------------------------------------------------- */

/* "1,2" or "none": the bits of all others. */
static uint64_t all_but(const char *list)
{
    uint64_t bits = 0;

    if (text_equal(list, "none"))
        return UINT64_MAX;
    for (const char *at = list; *at != '\0'; at += strcspn(at, ",") + (strchr(at, ',') != NULL))
        bits |= (uint64_t)1 << strtoul(at, NULL, 10);
    return ~bits;
}

static bool take_way(struct options *options, const char *value)
{
    for (enum play_way way = WAY_GUARD; way < WAY_COUNT; way++) {
        if (text_equal(value, play_way_name(way))) {
            options->choice.way = way;
            return true;
        }
    }
    return false;
}

static bool take_option(struct options *options, const char *name, const char *value)
{
    char *end = NULL;

    if (text_equal(name, "--seeds")) {
        options->from = strtoull(value, &end, 10);
        options->to = strncmp(end, "..", 2) == 0 ? strtoull(end + 2, NULL, 10) : options->from;
    } else if (text_equal(name, "--for")) {
        options->seconds = (unsigned)strtoul(value, NULL, 10);
        options->from = (uint64_t)time(NULL) * 1000;
    } else if (text_equal(name, "--jobs")) {
        options->jobs = (unsigned)strtoul(value, NULL, 10);
    } else if (text_equal(name, "--seed")) {
        options->one = true;
        options->choice.seed = strtoull(value, NULL, 10);
    } else if (text_equal(name, "--way")) {
        return take_way(options, value);
    } else if (text_equal(name, "--parts")) {
        options->choice.no_parts = all_but(value);
    } else if (text_equal(name, "--operations")) {
        options->choice.no_operations = all_but(value);
    } else if (text_equal(name, "--others")) {
        options->choice.no_others = all_but(value);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.from = 1, .to = 200, .jobs = 2};

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc || !take_option(&options, argv[i], argv[i + 1])) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (options.jobs < 1 || options.jobs > JOBS_MAX) {
        fprintf(stderr, "plans: --jobs %u: accepted is 1 to %d\n", options.jobs, JOBS_MAX);
        return 2;
    }
    return options.one ? replay(&options) : run_many(&options);
}
