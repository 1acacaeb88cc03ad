/*
 * seeds: each process takes every so-manieth seed, and what it counts lies where the others see it.
 */
#include "tests/sim/seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/shrink.h"

enum { SEEDS_FOR_COVERAGE = 400, SEEDS_FOR_ENDS = 100 };

struct tally {
    uint64_t seeds, happenings, confirmed, states[ROLLOUT_STATE_COUNT];
    struct coverage coverage;
};

struct job {
    pid_t pid;
    uint64_t seed; /* that it runs, or ran last */
    volatile bool failed;
    uint64_t failed_seed; /* of those that failed, whose story is the shortest */
    mono_t failed_at;
    struct tally tally;
};

static struct world_plan plan_of(const struct seeds_options *options, uint64_t seed)
{
    return (struct world_plan){
        .seed = seed, .way = options->way, .nodes = SIM_NODES, .choice = options->choice};
}

static time_t uptime_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* ---- one seed -------------------------------------------------------------------------------- */

static void run(const struct seeds_options *options, uint64_t seed, struct job *job)
{
    struct world_plan plan = plan_of(options, seed);
    struct world *world = world_new(&plan);
    struct tally *tally = &job->tally;

    if (!world_run(world) && (!job->failed || world->now < job->failed_at)) {
        job->failed_seed = seed;
        job->failed_at = world->now;
        job->failed = true;
    }

    tally->seeds++;
    tally->happenings += world->happenings;
    tally->states[world->lead.rollout->record.state]++;
    for (int i = 0; i < world->nodes_count; i++)
        tally->confirmed += world->hosts[i].ledger->generations_count;
    coverage_add(&tally->coverage, world);
    world_free(world);
}

/* The same seed goes the same way: only now it is told. */
static void tell_again(const struct seeds_options *options, uint64_t seed)
{
    struct world_plan plan = plan_of(options, seed);

    if (options->unshrunk)
        shrink_tell_whole(&plan);
    else
        shrink_and_tell(&plan);
}

/* ---- processes ------------------------------------------------------------------------------- */

static bool any_failed(const struct job *jobs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (jobs[i].failed)
            return true;
    }
    return false;
}

/* What fails late needs many strikes to come that far: who wants a story goes through all seeds for
 * the shortest, who only wants to know stops at the first. */
static void work(const struct seeds_options *options, struct job *jobs, unsigned number)
{
    time_t until = uptime_s() + options->for_s;
    struct job *job = &jobs[number];

    job->seed = options->first;
    for (uint64_t seed = options->first + number; seed <= options->last; seed += options->jobs) {
        if ((options->for_s > 0 && uptime_s() >= until) ||
            (options->unshrunk && any_failed(jobs, options->jobs)))
            return;
        job->seed = seed;
        run(options, seed, job);
    }
}

static bool start(const struct seeds_options *options, struct job *jobs)
{
    for (unsigned i = 0; i < options->jobs; i++) {
        pid_t pid = fork();

        if (pid < 0) {
            perror("sim: fork");
            return false;
        }
        if (pid == 0) {
            work(options, jobs, i);
            _exit(0);
        }
        jobs[i].pid = pid; /* by the parent alone: the child sees the same memory */
    }
    return true;
}

/* True when all came to their ends, and every invariant held; else the failure is told. */
static bool await(const struct seeds_options *options, struct job *jobs)
{
    const struct job *failed = NULL;
    bool all = true;

    for (unsigned i = 0; i < options->jobs; i++) {
        int status = 0;

        if (jobs[i].pid <= 0)
            continue;
        waitpid(jobs[i].pid, &status, 0);
        if (status != 0) {
            printf("seed %llu: its process ended, by %s %d\n", (unsigned long long)jobs[i].seed,
                   WIFSIGNALED(status) ? "signal" : "code",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            printf("replay it: build/dev/bin/sim%s --trace %llu\n", shrink_way_option(options->way),
                   (unsigned long long)jobs[i].seed);
            all = false;
        } else if (jobs[i].failed && (failed == NULL || jobs[i].failed_at < failed->failed_at)) {
            failed = &jobs[i];
        }
    }
    if (failed != NULL)
        tell_again(options, failed->failed_seed);
    return all && failed == NULL;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static struct tally *add_up(const struct job *jobs, unsigned count)
{
    struct tally *all = mem_alloc(1, sizeof(*all));

    for (unsigned i = 0; i < count; i++) {
        const struct tally *one = &jobs[i].tally;

        all->seeds += one->seeds;
        all->happenings += one->happenings;
        all->confirmed += one->confirmed;
        for (unsigned state = 0; state < ROLLOUT_STATE_COUNT; state++)
            all->states[state] += one->states[state];
        coverage_merge(&all->coverage, &one->coverage);
    }
    return all;
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

static int finish(const struct seeds_options *options, const struct tally *tally, uint64_t last)
{
    bool covered = !options->coverage || coverage_print(&tally->coverage);

    printf("seeds%s %llu..%llu: %llu of them, %llu happenings, %llu generations stand at the end:",
           shrink_way_option(options->way), (unsigned long long)options->first,
           (unsigned long long)last, (unsigned long long)tally->seeds,
           (unsigned long long)tally->happenings, (unsigned long long)tally->confirmed);
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

int seeds_run(const struct seeds_options *options)
{
    size_t size = options->jobs * sizeof(struct job);
    struct job *jobs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct tally *tally;
    uint64_t last = options->first;
    bool held;
    int code;

    if (jobs == MAP_FAILED) {
        perror("sim: mmap");
        return 2;
    }
    fflush(stdout); /* or each process would print it once more */
    held = start(options, jobs);
    held = await(options, jobs) && held;
    for (unsigned i = 0; i < options->jobs; i++)
        last = jobs[i].seed > last ? jobs[i].seed : last;
    tally = add_up(jobs, options->jobs);
    code = held ? finish(options, tally, last) : 1;
    free(tally);
    munmap(jobs, size);
    return code;
}
