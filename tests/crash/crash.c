/*
 * crash: strikes the guard at every boundary and judges what is left: command line, workers, table.
 *
 *   crash [--every N] [--seeds N] [--seed S] [--jobs N] [--only SCENARIO]
 *   crash --replay SCENARIO AT FAULT SEED      one state again, with all that was said
 *   crash --list                               the boundaries of each scenario
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/crash/kept.h"
#include "tests/crash/memo.h"
#include "tests/crash/real.h"
#include "tests/crash/scenario.h"

static const char usage[] =
    "usage: crash [--every N] [--seeds N] [--seed S] [--jobs N] [--only SCENARIO]\n"
    "       crash --replay SCENARIO AT FAULT SEED\n"
    "       crash --list [--only SCENARIO]\n"
    "  --every N   one in N states, chosen by the seed (1); without --only one in 8 N of "
    "scenarios\n"
    "              that have much in common with others\n"
    "  --seeds N   each state N times, torn and reordered elsewhere (1)\n";

enum { STATES_MAX = 400000, JOBS_MAX = 64, FAILURES_SHOWN = 20, PROGRESS = 1000, FEWER = 8 };

struct options {
    unsigned every, seeds, jobs;
    uint64_t seed;
    const char *only;
    bool lists;
    const char *replay[4]; /* NULL: none */
};

struct state {
    const struct scenario *scenario;
    struct fault fault;
    uint8_t phase;
    bool is_kept;
};

/* In shared memory: workers add to it. */
struct tally {
    uint32_t count[PHASE_OF_RUN_COUNT][FAULT_COUNT];
    uint32_t failures, next, struck_twice;
};

static struct beginning beginning;
static struct kept_list kept;
static struct state *states;
static uint32_t states_count;
static struct tally *tally;
static char base[64];

/* ---- which states --------------------------------------------------------------------------- */

static uint64_t seed_of(const struct options *options, unsigned scenario, uint32_t at, int kind,
                        unsigned number)
{
    uint64_t state = options->seed * 0x9e3779b97f4a7c15u + scenario * 1000003u + at * 8191u +
                     (unsigned)kind * 127u + number * 31u + 1;

    world_random(&state);
    return (world_random(&state) & 0xffffff) | 1 << 24; /* never 0 */
}

/* A crash before a question to the kernel is one before what it does next, and errors of questions
 * are struck in other scenarios; those of links have questions of their own. */
static bool is_struck(const struct scenario *scenario, uint32_t at, enum fault_kind kind)
{
    enum boundary boundary = (enum boundary)world->trace[at - 1].boundary;
    bool asks = boundary == BOUNDARY_NETLINK && strncmp(world->trace[at - 1].text, "get ", 4) == 0;

    if (scenario->is_brief && asks && (kind != FAULT_EIO || scenario->ground != GROUND_LINKS))
        return false;
    return fault_fits(kind, boundary);
}

static void add_states(const struct options *options, unsigned scenario, uint32_t at)
{
    for (int kind = 0; kind < FAULT_COUNT; kind++) {
        for (unsigned i = 0; i < options->seeds; i++) {
            struct state *state = &states[states_count];

            if (!is_struck(&scenarios[scenario], at, (enum fault_kind)kind))
                break;
            if (++states_count == STATES_MAX)
                world_give_up("raise STATES_MAX");
            state->scenario = &scenarios[scenario];
            state->fault.at = at;
            state->fault.kind = (enum fault_kind)kind;
            state->fault.seed = seed_of(options, scenario, at, kind, i);
            state->phase = world->trace[at - 1].phase;
        }
    }
}

/* Always run, whatever the seed chooses. */
static bool add_kept(unsigned number, uint32_t passed)
{
    bool good = true;

    for (uint32_t i = 0; i < kept.count; i++) {
        const struct kept *one = &kept.list[i];
        struct state *state = &states[states_count];
        uint32_t at = strcmp(one->scenario, scenarios[number].name) == 0 ? kept_find(one, passed)
                                                                         : UINT32_MAX;

        if (at == UINT32_MAX)
            continue;
        if (at == 0) {
            printf("FAILED kept: %s has no boundary %u '%s'\n", one->scenario, one->which,
                   one->begins);
            good = false;
            continue;
        }
        states_count++;
        *state = (struct state){
            &scenarios[number], {at, one->fault, one->seed}, world->trace[at - 1].phase, true};
    }
    return good;
}

static void print_boundaries(const struct scenario *scenario, uint32_t from)
{
    unsigned table[PHASE_OF_RUN_COUNT][BOUNDARY_COUNT] = {{0}};

    for (uint32_t i = from; i < world->count; i++)
        table[world->trace[i].phase][world->trace[i].boundary]++;
    printf("%-12s", scenario->name);
    for (int phase = 0; phase < PHASE_OF_RUN_COUNT; phase++) {
        unsigned sum = 0;

        for (int kind = 0; kind < BOUNDARY_COUNT; kind++)
            sum += table[phase][kind];
        if (sum == 0 || phase < (int)scenario->from_phase)
            continue;
        printf("  %s %u (", phase_of_run_names[phase], sum);
        for (int kind = 0; kind < BOUNDARY_COUNT; kind++) {
            if (table[phase][kind] > 0)
                printf("%s %u ", boundary_names[kind], table[phase][kind]);
        }
        printf("\b)");
    }
    printf("\n");
}

/* A run without a fault shows the boundaries; it has to end well itself. */
static bool enumerate(const struct options *options, unsigned number)
{
    const struct scenario *scenario = &scenarios[number];
    const struct fault none = {.at = 0};
    struct verdict_of_run verdict;
    uint32_t from = scenario_run(scenario, &beginning, &none, &verdict);

    if (verdict.why[0] != '\0') {
        printf("FAILED %s without a fault: %s\n", scenario->name, verdict.why);
        return false;
    }
    print_boundaries(scenario, from);
    for (uint32_t at = from + 1; at <= world->count; at++) {
        if (world->trace[at - 1].phase >= scenario->from_phase &&
            (!scenario->is_apart || world->trace[at - 1].in_child))
            add_states(options, number, at);
    }
    return add_kept(number, from);
}

static bool enumerate_all(const struct options *options)
{
    bool good = true;

    for (unsigned i = 0; i < scenarios_count; i++) {
        uint32_t from = states_count;

        if (options->only == NULL || strcmp(options->only, scenarios[i].name) == 0)
            good &= enumerate(options, i);
        if (states_count > from)
            printf("%-12s  %u states\n", scenarios[i].name, states_count - from);
    }
    return good;
}

/* A brief scenario has much in common with others: of all together fewer of its states are chosen.
 */
static unsigned every_of(const struct options *options, const struct state *state)
{
    bool fewer = state->scenario->is_brief && options->only == NULL && options->every > 1;

    return fewer ? options->every * FEWER : options->every;
}

/* Which of them are run, and in which order, is the seed's. */
static void shuffle(const struct options *options)
{
    uint64_t random = options->seed;

    uint32_t chosen = 0;

    for (uint32_t i = states_count; i > 1; i--) {
        uint32_t other = (uint32_t)(world_random(&random) % i);
        struct state state = states[i - 1];

        states[i - 1] = states[other];
        states[other] = state;
    }
    for (uint32_t i = 0; i < states_count; i++) {
        if (states[i].is_kept || i % every_of(options, &states[i]) == 0)
            states[chosen++] = states[i];
    }
    states_count = chosen;
}

/* ---- running them --------------------------------------------------------------------------- */

static void show_log(void)
{
    FILE *log = fopen(world->log, "re");
    char line[512];

    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        printf("    %s", line);
    if (log != NULL)
        fclose(log);
}

static void show_failure(const struct state *state, const struct verdict_of_run *verdict)
{
    printf("FAILED %s, boundary %u (%s), %s, seed %llu%s: %s\n"
           "  replay: crash --replay %s %u %s %llu\n",
           state->scenario->name, state->fault.at, world->hit_what, fault_names[state->fault.kind],
           (unsigned long long)state->fault.seed, world->second_has_hit ? ", struck again" : "",
           verdict->why, state->scenario->name, state->fault.at, fault_names[state->fault.kind],
           (unsigned long long)state->fault.seed);
    fflush(stdout);
}

static bool run_state(const struct state *state)
{
    struct verdict_of_run verdict;

    scenario_run(state->scenario, &beginning, &state->fault, &verdict);
    __atomic_add_fetch(&tally->count[state->phase][state->fault.kind], 1, __ATOMIC_RELAXED);
    if (world->second_has_hit)
        __atomic_add_fetch(&tally->struck_twice, 1, __ATOMIC_RELAXED);
    if (verdict.why[0] == '\0' && !verdict.struck)
        snprintf(verdict.why, sizeof(verdict.why), "the boundary was not reached");
    if (verdict.why[0] == '\0')
        return true;
    if (__atomic_add_fetch(&tally->failures, 1, __ATOMIC_RELAXED) <= FAILURES_SHOWN)
        show_failure(state, &verdict);
    return false;
}

static void open_world(unsigned number)
{
    char directory[96];

    snprintf(directory, sizeof(directory), "%s/%u", base, number);
    world_open(directory);
}

static void work(unsigned number)
{
    open_world(1 + number);
    for (;;) {
        uint32_t i = __atomic_fetch_add(&tally->next, 1, __ATOMIC_RELAXED);

        if (i >= states_count)
            break;
        if (i > 0 && i % PROGRESS == 0)
            printf("%u of %u\n", i, states_count);
        run_state(&states[i]);
    }
    fflush(NULL);
    _exit(0);
}

static bool run_all(const struct options *options)
{
    bool good = true;

    fflush(NULL);
    for (unsigned i = 0; i < options->jobs; i++) {
        if (__real_fork() == 0)
            work(i);
    }
    for (unsigned i = 0; i < options->jobs; i++) {
        int status;

        good &= wait(&status) > 0 && status == 0;
    }
    return good;
}

/* ---- telling -------------------------------------------------------------------------------- */

static unsigned print_table(void)
{
    unsigned all = 0;

    printf("%-12s", "states");
    for (int kind = 1; kind < FAULT_COUNT; kind++)
        printf(" %s", fault_names[kind]);
    printf("\n");
    for (int phase = 0; phase < PHASE_OF_RUN_COUNT; phase++) {
        unsigned sum = 0;

        printf("%-12s", phase_of_run_names[phase]);
        for (int kind = 1; kind < FAULT_COUNT; kind++) {
            printf(" %*u", (int)strlen(fault_names[kind]), tally->count[phase][kind]);
            sum += tally->count[phase][kind];
        }
        printf("  = %u\n", sum);
        all += sum;
    }
    return all;
}

static int replay(const struct options *options)
{
    struct state state = {.scenario = scenario_find(options->replay[0])};
    bool good;

    state.fault.at = (uint32_t)strtoul(options->replay[1], NULL, 10);
    state.fault.seed = strtoull(options->replay[3], NULL, 10);
    if (state.scenario == NULL || !fault_parse(options->replay[2], &state.fault.kind)) {
        fputs(usage, stderr);
        return 2;
    }
    good = run_state(&state);
    show_log();
    printf("%s: %s\n", world->hit_what, good ? "as it should be" : "FAILED, see above");
    return good ? 0 : 1;
}

static int run(const struct options *options)
{
    struct timespec from, to;
    unsigned all;
    bool good;

    if (options->replay[0] != NULL)
        return replay(options);
    clock_gettime(CLOCK_MONOTONIC, &from);
    good = enumerate_all(options);
    if (options->lists || !good)
        return good ? 0 : 1;
    shuffle(options);
    good = run_all(options);
    if (!good)
        printf("FAILED a worker ended before its time\n");
    clock_gettime(CLOCK_MONOTONIC, &to);
    all = print_table();
    printf("%u crash states (%u struck twice), %u failed, in %lld s, seed %llu\n", all,
           tally->struck_twice, tally->failures, (long long)(to.tv_sec - from.tv_sec),
           (unsigned long long)options->seed);
    return good && tally->failures == 0 && all > 0 ? 0 : 1;
}

/* ---- command line --------------------------------------------------------------------------- */

static bool set_option(struct options *options, int argc, char **argv, int *i)
{
    const struct {
        const char *name;
        unsigned *value;
    } numbers[] = {
        {"--every", &options->every}, {"--seeds", &options->seeds}, {"--jobs", &options->jobs}};

    if (strcmp(argv[*i], "--list") == 0)
        return options->lists = true;
    if (strcmp(argv[*i], "--replay") == 0 && *i + 4 < argc) {
        for (int j = 0; j < 4; j++)
            options->replay[j] = argv[++*i];
        return true;
    }
    if (*i + 1 >= argc)
        return false;
    for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
        if (strcmp(argv[*i], numbers[j].name) == 0)
            return (*numbers[j].value = (unsigned)strtoul(argv[++*i], NULL, 10)) > 0;
    }
    if (strcmp(argv[*i], "--seed") == 0)
        return (options->seed = strtoull(argv[++*i], NULL, 10)) > 0;
    if (strcmp(argv[*i], "--only") == 0)
        return scenario_find(options->only = argv[++*i]) != NULL;
    return false;
}

static void remove_base(void)
{
    char command[96];

    snprintf(command, sizeof(command), "rm -rf %s", base);
    if (system(command) != 0)
        fprintf(stderr, "crash: %s stays\n", base);
}

int main(int argc, char **argv)
{
    struct options options = {.every = 1, .seeds = 1, .jobs = 2, .seed = 1};
    int code;

    for (int i = 1; i < argc; i++) {
        if (!set_option(&options, argc, argv, &i) || options.jobs > JOBS_MAX) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (geteuid() != 0) {
        puts("skipped: needs root (network namespaces)");
        return 77;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN); /* a guard that is struck down reads no answer of tailscaled's */
    snprintf(base, sizeof(base), "/tmp/oceanid-crash-XXXXXX");
    if (mkdtemp(base) == NULL)
        world_give_up(base);
    states = calloc(STATES_MAX, sizeof(*states));
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kept_read(&kept, CRASH_KEPT);
    memo_open();
    open_world(0);
    beginning_make(&beginning, base);
    code = run(&options);
    remove_base();
    return code;
}
